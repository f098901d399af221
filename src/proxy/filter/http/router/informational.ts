import { formatFields } from "../../../../wire/http1/index.ts";
import type { ClientConnection, UpstreamCluster } from "../../../connection-pool/index.ts";
import type { HttpStream } from "../../network/http-connection-manager/http-stream.ts";

/** Counts a 1xx answer, and passes 100 on where the connection manager wants that. */
export function passInformational(stream: HttpStream, upstream: UpstreamCluster, { parser }: ClientConnection): void {
	upstream.cluster.responses.all.count(parser.status);
	if (parser.status !== 100 || !stream.manager.config.proxy100Continue || stream.responseStarted) return;
	stream.sendInformational(100, formatFields(parser.headers.list, 0));
}
