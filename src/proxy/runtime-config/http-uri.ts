import type { HttpUri } from "../../api/gen/envoy/config/core/v3/http_uri_pb.js";
import { toMs } from "./values.ts";

/** Where a call of the proxy's own over HTTP goes. */
export interface HttpUriConfig {
	readonly cluster: string;
	readonly authority: string;
	/** With query; `/` when the URI has none. */
	readonly path: string;
	readonly timeoutMs: number;
}

/** Translates an HTTP URI, whose host is one of our clusters. */
export function readHttpUri(message: HttpUri | undefined): HttpUriConfig | undefined {
	if (message === undefined) return undefined;
	const cluster = message.httpUpstreamType.value ?? "";
	const { authority, path } = splitUri(message.uri);
	return { cluster, authority, path, timeoutMs: toMs(message.timeout, 0) };
}

/** Host and path of a URI as Envoy takes them: the scheme may be missing. */
function splitUri(uri: string): { readonly authority: string; readonly path: string } {
	const start = uri.indexOf("://");
	const rest = start === -1 ? uri : uri.slice(start + 3);
	const slash = rest.search(/[/?]/);
	if (slash === -1) return { authority: rest, path: "/" };
	const path = rest.slice(slash);
	return { authority: rest.slice(0, slash), path: path.startsWith("/") ? path : `/${path}` };
}
