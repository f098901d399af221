import type { Clock, HeaderList } from "../../../core/index.ts";
import { createConnectionFacts, createStreamInfo, type SocketAddress } from "../../../engine/format/index.ts";
import { createHeaderOperations, type HeaderAddition } from "../../../engine/router/index.ts";
import type { Host } from "../cluster.ts";

/** Makes the headers of one check: its own, less those to remove, and those to add, whose formats are about the host. */
export function createCheckHeaders(
	own: HeaderList,
	changes: { readonly add: readonly HeaderAddition[]; readonly remove: readonly string[] },
	about: { readonly host: Host; readonly protocol: string; readonly clock: Clock },
): HeaderList {
	const headers = [...own];
	const stream = createStreamInfo(noConnection, about.clock.now(), about.clock.wall());
	stream.upstreamHost = about.host;
	stream.protocol = about.protocol;
	createHeaderOperations([changes]).apply(headers, stream);
	return headers;
}

/** The headers as Node takes them: several of one name as a list. */
export function groupHeaders(headers: HeaderList): Record<string, string | string[]> {
	const grouped: Record<string, string | string[]> = {};
	for (let index = 0; index + 1 < headers.length; index += 2) {
		const name = headers[index]!;
		const value = headers[index + 1]!;
		const before = grouped[name];
		if (before === undefined) grouped[name] = value;
		// Envoy keeps one field of this name, and appends to it.
		else grouped[name] = name === "user-agent" ? `${String(before)},${value}` : [before, value].flat();
	}
	return grouped;
}

/** A check is on behalf of no client: Envoy shows this machine. */
const nobody: SocketAddress = { ip: "127.0.0.1", port: 0, text: "127.0.0.1:0" };
const noConnection = createConnectionFacts(nobody, nobody);
