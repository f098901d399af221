import type { JsonObject } from "@bufbuild/protobuf";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { StdoutAccessLogSchema } from "../../api/gen/envoy/extensions/access_loggers/stream/v3/stream_pb.js";
import { RouterSchema } from "../../api/gen/envoy/extensions/filters/http/router/v3/router_pb.js";
import {
	HttpConnectionManager_CodecType,
	HttpConnectionManagerSchema,
	HttpConnectionManager_ServerHeaderTransformation as ServerHeader,
} from "../../api/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { TcpProxySchema } from "../../api/gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js";
import { TypedStructSchema } from "../../api/gen/udpa/type/v1/typed_struct_pb.js";
import { duration, extension } from "./messages.ts";

/** Which proxy a resource is for: what only amime understands is left out for a stock Envoy. */
export type ProxyKind = "amime" | "envoy";

/** A proxy on the side of clients. */
export interface OutboundProxy {
	readonly kind: ProxyKind;
	/** The SPIFFE ID that it speaks for. */
	readonly identity: string;
}

type HcmInit = Extract<MessageInitShape<typeof HttpConnectionManagerSchema>, { readonly $typeName?: undefined }>;
export type HttpFilterInit = NonNullable<HcmInit["httpFilters"]>[number];

/** What differs between the connection managers of a sidecar. */
export interface ConnectionManagerOptions {
	readonly kind: ProxyKind;
	readonly reporter: "source" | "destination";
	readonly statPrefix: string;
	readonly routeSpecifier: HcmInit["routeSpecifier"];
	/** Between telemetry and the router. */
	readonly filters: readonly HttpFilterInit[];
	readonly traceSamplingPercent: number;
	/** Beside the access log in Envoy's default format. */
	readonly accessLogs?: NonNullable<HcmInit["accessLog"]>;
	readonly extra?: Partial<HcmInit>;
}

/** The network filter that every HTTP listener of a sidecar ends in. */
export function httpConnectionManager(options: ConnectionManagerOptions) {
	const { kind, reporter, traceSamplingPercent } = options;
	return extension(
		"envoy.filters.network.http_connection_manager",
		HttpConnectionManagerSchema,
		create(HttpConnectionManagerSchema, {
			codecType: HttpConnectionManager_CodecType.AUTO,
			statPrefix: options.statPrefix,
			...(options.routeSpecifier !== undefined && { routeSpecifier: options.routeSpecifier }),
			httpFilters: [
				...(kind === "amime" ? [istioMetricsFilter(reporter)] : []),
				...options.filters,
				extension("envoy.filters.http.router", RouterSchema, {}),
			],
			accessLog: [stdoutAccessLog(), ...(options.accessLogs ?? [])],
			tracing: {
				clientSampling: { value: 100 },
				randomSampling: { value: traceSamplingPercent },
				overallSampling: { value: 100 },
			},
			serverHeaderTransformation: ServerHeader.PASS_THROUGH,
			// A request may be silent for long (server-sent events, long polls); only its route's timeout ends it.
			streamIdleTimeout: duration(0),
			upgradeConfigs: [{ upgradeType: "websocket" }],
			// A WebSocket comes from the other sidecar as an extended CONNECT.
			http2ProtocolOptions: { allowConnect: true },
			...options.extra,
		}),
	);
}

/** What a layer 4 chain ends in: Istio's metrics for amime, and bytes forwarded to one cluster. */
export function tcpFilters(
	kind: ProxyKind,
	reporter: ConnectionManagerOptions["reporter"],
	statPrefix: string,
	cluster: string,
) {
	return [...(kind === "amime" ? [istioMetricsFilter(reporter)] : []), tcpProxy(statPrefix, cluster)];
}

function tcpProxy(statPrefix: string, cluster: string) {
	return extension("envoy.filters.network.tcp_proxy", TcpProxySchema, {
		statPrefix,
		clusterSpecifier: { case: "cluster", value: cluster },
		accessLog: [stdoutAccessLog()],
	});
}

/** The access log in Envoy's default format. */
export function stdoutAccessLog() {
	return extension("envoy.access_loggers.stdout", StdoutAccessLogSchema, {});
}

/** Istio's metrics under their own names; only amime has this filter compiled in. */
export function istioMetricsFilter(reporter: "source" | "destination") {
	const value: JsonObject = { reporter };
	return extension("istio.stats", TypedStructSchema, {
		typeUrl: "type.googleapis.com/stats.PluginConfig",
		value,
	});
}
