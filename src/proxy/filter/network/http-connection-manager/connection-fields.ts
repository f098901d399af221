import type { HeaderList } from "../../../../core/index.ts";

/** Fields that belong to one HTTP/1 connection (RFC 9113, section 8.2.2). */
const connectionFields: ReadonlySet<string> = new Set([
	"connection",
	"keep-alive",
	"proxy-connection",
	"transfer-encoding",
	"upgrade",
]);

/** The fields of a response as HTTP/2 carries them: the list itself when there is nothing to leave out. */
export function withoutConnectionFields(fields: HeaderList): HeaderList {
	for (let index = 0; index < fields.length; index += 2) {
		if (isConnectionField(fields[index]!)) return fields.filter((_, at) => !isConnectionField(fields[at & ~1]!));
	}
	return fields;
}

function isConnectionField(name: string): boolean {
	switch (name.length) {
		case 7:
		case 10:
		case 16:
		case 17:
			return connectionFields.has(name);
		default:
			return false;
	}
}
