import { suggestNearest } from "../../../core/index.ts";
import type { PortProtocol } from "../../../model/index.ts";
import { string } from "../../schema/scalars.ts";
import { refine } from "../../schema/schema.ts";

const protocols: Readonly<Record<string, PortProtocol>> = {
	http: "http",
	http_proxy: "http",
	"grpc-web": "http",
	http2: "http2",
	grpc: "grpc",
	https: "tls",
	tls: "tls",
	tcp: "tcp",
	hbone: "tcp",
	mongo: "tcp",
	redis: "tcp",
	mysql: "tcp",
};

/** The protocol of a port as Istio writes it (`HTTP`, `GRPC-Web`, …); undefined for one that the mesh does not carry (UDP). Anything
 *  else, and none, is told by its first bytes. */
export function parseProtocol(text: string | undefined): PortProtocol | undefined {
	const word = (text ?? "").toLowerCase();
	return word === "udp" ? undefined : (protocols[word] ?? "auto");
}

/** A protocol as text; a word that Istio does not know is told, and taken as absent: told by its first bytes. */
export const protocolText = refine(string({ maxLength: 32 }), (text, _node, reader) => {
	if (text === "" || text.toLowerCase() === "udp" || text.toLowerCase() in protocols) return text;
	const known = Object.keys(protocols).map((word) => (word === "grpc-web" ? "GRPC-Web" : word.toUpperCase()));
	reader.warn(
		`'${text}' is no protocol${suggestNearest(text.toUpperCase(), known)}: the port is told by its first bytes`,
	);
	return text;
});
