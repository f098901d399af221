import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ClusterSchema } from "../../api/gen/envoy/config/cluster/v3/cluster_pb.js";
import type {
	HttpProtocolOptionsSchema as CommonOptionsSchema,
	Http2ProtocolOptionsSchema,
	UpstreamHttpProtocolOptionsSchema,
} from "../../api/gen/envoy/config/core/v3/protocol_pb.js";
import { HttpProtocolOptionsSchema } from "../../api/gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js";
import { duration, packAny } from "./messages.ts";

/** What a cluster speaks; `negotiated` leaves it to ALPN, HTTP/2 first; `downstream` keeps what the client speaks. */
export type HttpVersion = "http1" | "http2" | "negotiated" | "downstream";

type ClusterInit = Extract<MessageInitShape<typeof ClusterSchema>, { readonly $typeName?: undefined }>;
type CommonOptions = MessageInitShape<typeof CommonOptionsSchema>;
type UpstreamOptions = MessageInitShape<typeof UpstreamHttpProtocolOptionsSchema>;

/** A shared connection whose peer is silent is asked whether it is still there. */
const http2ProtocolOptions: Extract<
	MessageInitShape<typeof Http2ProtocolOptionsSchema>,
	{ readonly $typeName?: undefined }
> = {
	connectionKeepalive: { interval: duration(30_000), timeout: duration(10_000) },
};

/** The protocol options of a cluster. */
export function httpOptions(
	version: HttpVersion,
	common: CommonOptions | undefined,
	maxConcurrentStreams?: number,
	upstream?: UpstreamOptions,
): Pick<ClusterInit, "typedExtensionProtocolOptions"> {
	return {
		typedExtensionProtocolOptions: {
			"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": packAny(HttpProtocolOptionsSchema, {
				...(common !== undefined && { commonHttpProtocolOptions: common }),
				...(upstream !== undefined && { upstreamHttpProtocolOptions: upstream }),
				upstreamProtocolOptions: protocolOptions(version, maxConcurrentStreams),
			}),
		},
	};
}

function protocolOptions(
	version: HttpVersion,
	maxConcurrentStreams: number | undefined,
): NonNullable<
	Extract<
		MessageInitShape<typeof HttpProtocolOptionsSchema>,
		{ readonly $typeName?: undefined }
	>["upstreamProtocolOptions"]
> {
	const http2 = {
		...http2ProtocolOptions,
		...(maxConcurrentStreams !== undefined && maxConcurrentStreams > 0 && { maxConcurrentStreams }),
	};
	switch (version) {
		case "http1":
			return {
				case: "explicitHttpConfig",
				value: { protocolConfig: { case: "httpProtocolOptions", value: {} } },
			};
		case "http2":
			return {
				case: "explicitHttpConfig",
				value: { protocolConfig: { case: "http2ProtocolOptions", value: http2 } },
			};
		case "downstream":
			return { case: "useDownstreamProtocolConfig", value: { httpProtocolOptions: {}, http2ProtocolOptions: http2 } };
		default:
			return { case: "autoConfig", value: { http2ProtocolOptions: http2 } };
	}
}
