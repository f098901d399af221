import type { UpstreamCluster, UpstreamResponse } from "../../../connection-pool/index.ts";
import type { HttpStream } from "../../network/http-connection-manager/http-stream.ts";

/** Counts a 1xx answer, and passes it on where the connection manager wants that: the first alone, as Envoy does, for an upstream may send any number. */
export function passInformational(stream: HttpStream, upstream: UpstreamCluster, response: UpstreamResponse): void {
	upstream.cluster.responses.all.count(response.status);
	const { record } = stream;
	if (!stream.manager.config.proxy100Continue || stream.responseStarted || record.hasInformational) return;
	record.hasInformational = true;
	const { headers } = response;
	stream.sendInformational(response.status, Array.isArray(headers) ? headers : headers.list);
}
