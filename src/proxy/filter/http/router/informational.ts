import type { UpstreamCluster, UpstreamResponse } from "../../../connection-pool/index.ts";
import type { HttpStream } from "../../network/http-connection-manager/http-stream.ts";

/** Counts a 1xx answer, and passes 100 on where the connection manager wants that. */
export function passInformational(stream: HttpStream, upstream: UpstreamCluster, response: UpstreamResponse): void {
	upstream.cluster.responses.all.count(response.status);
	if (response.status !== 100 || !stream.manager.config.proxy100Continue || stream.responseStarted) return;
	const { headers } = response;
	stream.sendInformational(100, Array.isArray(headers) ? headers : headers.list);
}
