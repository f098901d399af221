import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ClusterSchema } from "../../api/gen/envoy/config/cluster/v3/cluster_pb.js";
import type {
	HttpProtocolOptionsSchema as CommonOptionsSchema,
	Http2ProtocolOptionsSchema,
	UpstreamHttpProtocolOptionsSchema,
} from "../../api/gen/envoy/config/core/v3/protocol_pb.js";
import { HttpProtocolOptionsSchema } from "../../api/gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js";
import type { ConnectionPoolSettings } from "../../model/index.ts";
import { duration, packAny } from "./messages.ts";

/** What a cluster speaks; `negotiated` leaves it to ALPN, HTTP/2 first; `downstream` keeps what the client speaks. */
export type HttpVersion = "http1" | "http2" | "negotiated" | "downstream";

type ClusterInit = Extract<MessageInitShape<typeof ClusterSchema>, { readonly $typeName?: undefined }>;
type CommonOptions = MessageInitShape<typeof CommonOptionsSchema>;
type UpstreamOptions = MessageInitShape<typeof UpstreamHttpProtocolOptionsSchema>;

/** What a DestinationRule says of HTTP/2 connections. */
export type Http2Settings = Pick<
	ConnectionPoolSettings,
	"maxConcurrentStreams" | "http2KeepaliveIntervalMs" | "http2KeepaliveTimeoutMs"
>;

/** A shared connection whose peer is silent is asked whether it is still there. */
const keepaliveIntervalMs = 30_000;
const keepaliveTimeoutMs = 10_000;

/** The protocol options of a cluster. */
export function httpOptions(
	version: HttpVersion,
	common: CommonOptions | undefined,
	http2: Http2Settings = {},
	upstream?: UpstreamOptions,
): Pick<ClusterInit, "typedExtensionProtocolOptions"> {
	return {
		typedExtensionProtocolOptions: {
			"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": packAny(HttpProtocolOptionsSchema, {
				...(common !== undefined && { commonHttpProtocolOptions: common }),
				...(upstream !== undefined && { upstreamHttpProtocolOptions: upstream }),
				upstreamProtocolOptions: protocolOptions(version, http2),
			}),
		},
	};
}

function protocolOptions(
	version: HttpVersion,
	{ maxConcurrentStreams = 0, http2KeepaliveIntervalMs, http2KeepaliveTimeoutMs }: Http2Settings,
): NonNullable<
	Extract<
		MessageInitShape<typeof HttpProtocolOptionsSchema>,
		{ readonly $typeName?: undefined }
	>["upstreamProtocolOptions"]
> {
	const http2: MessageInitShape<typeof Http2ProtocolOptionsSchema> = {
		connectionKeepalive: {
			interval: duration(http2KeepaliveIntervalMs ?? keepaliveIntervalMs),
			timeout: duration(http2KeepaliveTimeoutMs ?? keepaliveTimeoutMs),
		},
		...(maxConcurrentStreams > 0 && { maxConcurrentStreams }),
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
