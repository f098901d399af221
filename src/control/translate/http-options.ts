import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ClusterSchema } from "../../api/gen/envoy/config/cluster/v3/cluster_pb.js";
import type {
	HttpProtocolOptionsSchema as CommonOptionsSchema,
	Http2ProtocolOptionsSchema,
} from "../../api/gen/envoy/config/core/v3/protocol_pb.js";
import { HttpProtocolOptionsSchema } from "../../api/gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js";
import { duration, packAny } from "./messages.ts";

/** What a cluster speaks; `negotiated` leaves it to ALPN, HTTP/2 first. */
export type HttpVersion = "http1" | "http2" | "negotiated";

type ClusterInit = Extract<MessageInitShape<typeof ClusterSchema>, { readonly $typeName?: undefined }>;
type CommonOptions = MessageInitShape<typeof CommonOptionsSchema>;

/** A shared connection whose peer is silent is asked whether it is still there. */
const http2ProtocolOptions: MessageInitShape<typeof Http2ProtocolOptionsSchema> = {
	connectionKeepalive: { interval: duration(30_000), timeout: duration(10_000) },
};

/** The protocol options of a cluster. */
export function httpOptions(
	version: HttpVersion,
	common: CommonOptions | undefined,
): Pick<ClusterInit, "typedExtensionProtocolOptions"> {
	return {
		typedExtensionProtocolOptions: {
			"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": packAny(HttpProtocolOptionsSchema, {
				...(common !== undefined && { commonHttpProtocolOptions: common }),
				upstreamProtocolOptions: protocolOptions(version),
			}),
		},
	};
}

function protocolOptions(
	version: HttpVersion,
): NonNullable<
	Extract<
		MessageInitShape<typeof HttpProtocolOptionsSchema>,
		{ readonly $typeName?: undefined }
	>["upstreamProtocolOptions"]
> {
	switch (version) {
		case "http1":
			return {
				case: "explicitHttpConfig",
				value: { protocolConfig: { case: "httpProtocolOptions", value: {} } },
			};
		case "http2":
			return {
				case: "explicitHttpConfig",
				value: { protocolConfig: { case: "http2ProtocolOptions", value: http2ProtocolOptions } },
			};
		default:
			return { case: "autoConfig", value: { http2ProtocolOptions } };
	}
}
