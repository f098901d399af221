import type { UpstreamCluster, UpstreamResponse } from "../../../connection-pool/index.ts";
import type { HttpStream } from "../../network/http-connection-manager/http-stream.ts";

/** Counts a 1xx answer, and passes it on where the connection manager wants that: the first alone, as Envoy does, for an upstream may send any number.
 *  Others than 100, 102, 103 and 104 are nothing to it.
 *  @returns whether there has been one, `hadOne` included */
export function passInformational(
	stream: HttpStream,
	upstream: UpstreamCluster,
	{ status, headers }: UpstreamResponse,
	hadOne: boolean,
): boolean {
	if (hadOne || (status !== 100 && (status < 102 || status > 104))) return hadOne;
	upstream.cluster.responses.all.count(status);
	const { record } = stream;
	if (!stream.manager.config.proxy100Continue || stream.responseStarted || record.hasInformational) return true;
	record.hasInformational = true;
	stream.sendInformational(status, Array.isArray(headers) ? headers : headers.list);
	return true;
}
