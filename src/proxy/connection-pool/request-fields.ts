import type { HeaderList } from "../../core/index.ts";

/** Fields that belong to one HTTP/1 connection (RFC 9113, section 8.2.2), and Host, which is `:authority`. */
const hopByHop: ReadonlySet<string> = new Set([
	"connection",
	"host",
	"http2-settings",
	"keep-alive",
	"proxy-connection",
	"transfer-encoding",
	"upgrade",
]);

/** The fields of a message as HTTP/2 carries them: without hop-by-hop ones; `te` only says `trailers`. The list itself when there is
 *  nothing to leave out.
 *  @param isTunnel the message becomes a tunnel, whose length nobody knows */
export function prepareFields(fields: HeaderList, isTunnel: boolean): HeaderList {
	for (let index = 0; index < fields.length; index += 2) {
		if (mustGo(fields[index]!, fields[index + 1]!, isTunnel)) return filterFields(fields, isTunnel);
	}
	return fields;
}

function filterFields(fields: HeaderList, isTunnel: boolean): HeaderList {
	const kept: HeaderList = [];
	for (let index = 0; index < fields.length; index += 2) {
		const name = fields[index]!;
		const value = fields[index + 1]!;
		if (!mustGo(name, value, isTunnel)) kept.push(name, value);
	}
	return kept;
}

function mustGo(name: string, value: string, isTunnel: boolean): boolean {
	switch (name.length) {
		case 2:
			return name === "te" && value !== "trailers";
		case 4:
		case 7:
		case 10:
		case 16:
		case 17:
			return hopByHop.has(name);
		case 14:
			return name === "http2-settings" || (isTunnel && name === "content-length");
		default:
			return false;
	}
}
