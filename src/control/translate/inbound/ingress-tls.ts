import type { ServerTls } from "../../../model/index.ts";
import { terminateByFiles } from "../gateway/istio-tls.ts";
import { endTls } from "../gateway/tls-context.ts";
import type { MeshIndex } from "../mesh-index.ts";

/** The transport socket of a chain whose TLS a Sidecar has the proxy end: with the files on the proxy's machine. */
export function ingressTls({ mesh }: MeshIndex, tls: ServerTls, isHttp: boolean) {
	const termination = terminateByFiles(tls);
	const transportSocket =
		termination === undefined ? undefined : endTls(termination, mesh.settings, isHttp ? ["h2", "http/1.1"] : []);
	return transportSocket === undefined ? {} : { transportSocket };
}
