import type { PortProtocol } from "../../../model/index.ts";

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
