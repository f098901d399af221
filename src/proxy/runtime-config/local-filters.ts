import type { Message } from "@bufbuild/protobuf";
import type { AdmissionControl } from "../../api/gen/envoy/extensions/filters/http/admission_control/v3/admission_control_pb.js";
import type {
	ApiKeyAuth,
	ApiKeyAuthPerRoute,
} from "../../api/gen/envoy/extensions/filters/http/api_key_auth/v3/api_key_auth_pb.js";
import type { BandwidthLimit } from "../../api/gen/envoy/extensions/filters/http/bandwidth_limit/v3/bandwidth_limit_pb.js";
import type {
	BasicAuth,
	BasicAuthPerRoute,
} from "../../api/gen/envoy/extensions/filters/http/basic_auth/v3/basic_auth_pb.js";
import type { Buffer, BufferPerRoute } from "../../api/gen/envoy/extensions/filters/http/buffer/v3/buffer_pb.js";
import type { CdnLoopConfig as CdnLoop } from "../../api/gen/envoy/extensions/filters/http/cdn_loop/v3/cdn_loop_pb.js";
import type {
	Compressor,
	CompressorPerRoute,
} from "../../api/gen/envoy/extensions/filters/http/compressor/v3/compressor_pb.js";
import type { CredentialInjector } from "../../api/gen/envoy/extensions/filters/http/credential_injector/v3/credential_injector_pb.js";
import type { CsrfPolicy } from "../../api/gen/envoy/extensions/filters/http/csrf/v3/csrf_pb.js";
import type { CustomResponse } from "../../api/gen/envoy/extensions/filters/http/custom_response/v3/custom_response_pb.js";
import type { Decompressor } from "../../api/gen/envoy/extensions/filters/http/decompressor/v3/decompressor_pb.js";
import type {
	FilterConfig as DynamicForward,
	PerRouteConfig as DynamicForwardPerRoute,
} from "../../api/gen/envoy/extensions/filters/http/dynamic_forward_proxy/v3/dynamic_forward_proxy_pb.js";
import type { Config as GrpcHttp1Bridge } from "../../api/gen/envoy/extensions/filters/http/grpc_http1_bridge/v3/config_pb.js";
import type {
	FilterConfig as GrpcReverseBridge,
	FilterConfigPerRoute as GrpcReverseBridgePerRoute,
} from "../../api/gen/envoy/extensions/filters/http/grpc_http1_reverse_bridge/v3/config_pb.js";
import type { FilterConfig as GrpcStats } from "../../api/gen/envoy/extensions/filters/http/grpc_stats/v3/config_pb.js";
import type {
	HeaderMutation,
	HeaderMutationPerRoute,
} from "../../api/gen/envoy/extensions/filters/http/header_mutation/v3/header_mutation_pb.js";
import type { Config as HeaderToMetadata } from "../../api/gen/envoy/extensions/filters/http/header_to_metadata/v3/header_to_metadata_pb.js";
import type { HealthCheck } from "../../api/gen/envoy/extensions/filters/http/health_check/v3/health_check_pb.js";
import type { IPTagging } from "../../api/gen/envoy/extensions/filters/http/ip_tagging/v3/ip_tagging_pb.js";
import type { JsonToMetadata } from "../../api/gen/envoy/extensions/filters/http/json_to_metadata/v3/json_to_metadata_pb.js";
import type { LocalRateLimit } from "../../api/gen/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit_pb.js";
import type {
	OnDemand,
	PerRouteConfig as OnDemandPerRoute,
} from "../../api/gen/envoy/extensions/filters/http/on_demand/v3/on_demand_pb.js";
import type { Config as SetFilterState } from "../../api/gen/envoy/extensions/filters/http/set_filter_state/v3/set_filter_state_pb.js";
import type { Config as SetMetadata } from "../../api/gen/envoy/extensions/filters/http/set_metadata/v3/set_metadata_pb.js";
import type {
	StatefulSession,
	StatefulSessionPerRoute,
} from "../../api/gen/envoy/extensions/filters/http/stateful_session/v3/stateful_session_pb.js";
import type { Tap } from "../../api/gen/envoy/extensions/filters/http/tap/v3/tap_pb.js";
import type { Config as PeerMetadata } from "../../api/gen/io/istio/http/peer_metadata/config_pb.js";
import type { FilterConfig as IstioAlpn } from "../../api/gen/istio/envoy/config/filter/http/alpn/v2alpha1/config_pb.js";
import { readAdmissionControl } from "./admission-control.ts";
import { readApiKeyAuth, readApiKeyAuthRoute } from "./api-key-auth.ts";
import { readBandwidthLimit } from "./bandwidth-limit.ts";
import { readBasicAuth, readUsers } from "./basic-auth.ts";
import { readBuffer, readBufferPerRoute } from "./buffer.ts";
import { readCdnLoop } from "./cdn-loop.ts";
import { readCompressor, readCompressorPerRoute, readDecompressor } from "./compression.ts";
import { readCredentialInjector } from "./credential-injector.ts";
import { readCsrf } from "./csrf.ts";
import { readCustomResponse } from "./custom-response.ts";
import { readDnsCache, readDynamicForwardRoute } from "./dynamic-forward-proxy.ts";
import { readGrpcHttp1Bridge, readGrpcReverseBridge } from "./grpc-bridge.ts";
import { readGrpcStats } from "./grpc-stats.ts";
import { readHeaderMutation, readMutations } from "./header-mutation.ts";
import { readHeaderToMetadata } from "./header-to-metadata.ts";
import { readHealthCheckFilter } from "./health-check-filter.ts";
import type { HttpFilterConfig, HttpFilterOverride } from "./http-filter-config.ts";
import { readIpTagging } from "./ip-tagging.ts";
import { readAlpnOverrides } from "./istio-alpn.ts";
import { readJsonToMetadata } from "./json-to-metadata.ts";
import { readLocalRateLimit } from "./local-rate-limit.ts";
import { readOnDemandClusters } from "./on-demand.ts";
import { readPeerMetadata } from "./peer-metadata.ts";
import type { Scope } from "./scope.ts";
import { readFilterStateValues } from "./set-filter-state.ts";
import { readSetMetadata } from "./set-metadata.ts";
import { readStatefulSession, readStatefulSessionPerRoute } from "./stateful-session.ts";
import { readTap } from "./tap.ts";

type WithoutName<T> = T extends unknown ? Omit<T, "name" | "disabled"> : never;
/** A filter's config before it has its name. */
export type NamelessFilter = WithoutName<HttpFilterConfig>;

const extensions = "envoy.extensions.filters.http.";

/** Translates the filters that decide by themselves, without asking a service; undefined for others. */
export function readLocalFilter(message: Message, scope: Scope): NamelessFilter | undefined {
	if (!message.$typeName.startsWith(extensions)) return readIstioFilter(message, scope);
	switch (message.$typeName.slice(extensions.length)) {
		case "buffer.v3.Buffer":
			return { kind: "buffer", config: readBuffer(message as Buffer) };
		case "compressor.v3.Compressor":
			return { kind: "compressor", config: readCompressor(message as Compressor, scope) };
		case "decompressor.v3.Decompressor":
			return { kind: "decompressor", config: readDecompressor(message as Decompressor, scope) };
		case "dynamic_forward_proxy.v3.FilterConfig":
			return readDynamicForward(message as DynamicForward, scope);
		case "grpc_http1_bridge.v3.Config":
			return { kind: "grpc-http1-bridge", config: readGrpcHttp1Bridge(message as GrpcHttp1Bridge) };
		case "grpc_http1_reverse_bridge.v3.FilterConfig":
			return { kind: "grpc-reverse-bridge", config: readGrpcReverseBridge(message as GrpcReverseBridge) };
		case "grpc_stats.v3.FilterConfig":
			return { kind: "grpc-stats", config: readGrpcStats(message as GrpcStats) };
		case "grpc_web.v3.GrpcWeb":
			return { kind: "grpc-web" };
		case "on_demand.v3.OnDemand":
			return { kind: "on-demand", config: readOnDemandClusters((message as OnDemand).odcds, scope) };
		case "admission_control.v3.AdmissionControl":
			return { kind: "admission-control", config: readAdmissionControl(message as AdmissionControl, scope) };
		case "api_key_auth.v3.ApiKeyAuth":
			return { kind: "api-key-auth", config: readApiKeyAuth(message as ApiKeyAuth, scope) };
		case "credential_injector.v3.CredentialInjector":
			return { kind: "credential-injector", config: readCredentialInjector(message as CredentialInjector, scope) };
		case "custom_response.v3.CustomResponse":
			return { kind: "custom-response", config: readCustomResponse(message as CustomResponse, scope) };
		case "basic_auth.v3.BasicAuth":
			return { kind: "basic-auth", config: readBasicAuth(message as BasicAuth, scope) };
		case "cdn_loop.v3.CdnLoopConfig":
			return { kind: "cdn-loop", config: readCdnLoop(message as CdnLoop, scope) };
		case "ip_tagging.v3.IPTagging":
			return { kind: "ip-tagging", config: readIpTagging(message as IPTagging, scope) };
		case "csrf.v3.CsrfPolicy":
			return { kind: "csrf", config: readCsrf(message as CsrfPolicy, scope) };
		case "header_mutation.v3.HeaderMutation":
			return { kind: "header-mutation", config: readHeaderMutation(message as HeaderMutation, scope) };
		case "header_to_metadata.v3.Config":
			return { kind: "header-to-metadata", config: readHeaderToMetadata(message as HeaderToMetadata, scope, false) };
		case "json_to_metadata.v3.JsonToMetadata":
			return { kind: "json-to-metadata", config: readJsonToMetadata(message as JsonToMetadata, scope) };
		case "bandwidth_limit.v3.BandwidthLimit":
			return { kind: "bandwidth-limit", config: readBandwidthLimit(message as BandwidthLimit, scope, false) };
		case "health_check.v3.HealthCheck":
			return { kind: "health-check", config: readHealthCheckFilter(message as HealthCheck, scope) };
		case "local_ratelimit.v3.LocalRateLimit":
			return { kind: "local-rate-limit", config: readLocalRateLimit(message as LocalRateLimit, scope, false) };
		case "set_filter_state.v3.Config":
			return { kind: "set-filter-state", ...readSetFilterState(message as SetFilterState, scope) };
		case "set_metadata.v3.Config":
			return { kind: "set-metadata", config: readSetMetadata(message as SetMetadata, scope) };
		case "tap.v3.Tap": {
			const config = readTap(message as Tap, scope);
			return config === undefined ? undefined : { kind: "tap", config };
		}
		case "stateful_session.v3.StatefulSession":
			return { kind: "stateful-session", config: readStatefulSession(message as StatefulSession, scope) };
		default:
			return undefined;
	}
}

function readIstioFilter(message: Message, scope: Scope): NamelessFilter | undefined {
	switch (message.$typeName) {
		case "istio.envoy.config.filter.http.alpn.v2alpha1.FilterConfig":
			return { kind: "istio-alpn", config: readAlpnOverrides(message as IstioAlpn) };
		case "io.istio.http.peer_metadata.Config":
			return { kind: "peer-metadata", config: readPeerMetadata(message as PeerMetadata, scope) };
		default:
			return undefined;
	}
}

/** Translates what `typed_per_filter_config` says for these filters; undefined for others. */
export function readLocalOverride(message: Message, scope: Scope): HttpFilterOverride | undefined {
	if (!message.$typeName.startsWith(extensions)) return undefined;
	switch (message.$typeName.slice(extensions.length)) {
		case "dynamic_forward_proxy.v3.PerRouteConfig":
			return { kind: "dynamic-forward-proxy", config: readDynamicForwardRoute(message as DynamicForwardPerRoute) };
		case "grpc_http1_reverse_bridge.v3.FilterConfigPerRoute":
			return { kind: "grpc-reverse-bridge", isOff: (message as GrpcReverseBridgePerRoute).disabled };
		case "buffer.v3.BufferPerRoute":
			return { kind: "buffer", config: readBufferPerRoute(message as BufferPerRoute) };
		case "compressor.v3.CompressorPerRoute":
			return { kind: "compressor", config: readCompressorPerRoute(message as CompressorPerRoute, scope) };
		case "on_demand.v3.PerRouteConfig":
			return { kind: "on-demand", config: readOnDemandClusters((message as OnDemandPerRoute).odcds, scope) };
		case "api_key_auth.v3.ApiKeyAuthPerRoute":
			return { kind: "api-key-auth", config: readApiKeyAuthRoute(message as ApiKeyAuthPerRoute, scope) };
		case "custom_response.v3.CustomResponse":
			return { kind: "custom-response", config: readCustomResponse(message as CustomResponse, scope) };
		case "basic_auth.v3.BasicAuthPerRoute":
			return { kind: "basic-auth", users: readUsers((message as BasicAuthPerRoute).users, scope.at("users")) };
		case "csrf.v3.CsrfPolicy":
			return { kind: "csrf", config: readCsrf(message as CsrfPolicy, scope) };
		case "header_mutation.v3.HeaderMutationPerRoute": {
			const { mutations } = message as HeaderMutationPerRoute;
			return { kind: "header-mutation", mutations: readMutations(mutations, scope.at("mutations")) };
		}
		case "header_to_metadata.v3.Config":
			return { kind: "header-to-metadata", config: readHeaderToMetadata(message as HeaderToMetadata, scope, true) };
		case "local_ratelimit.v3.LocalRateLimit":
			return { kind: "local-rate-limit", config: readLocalRateLimit(message as LocalRateLimit, scope, true) };
		case "json_to_metadata.v3.JsonToMetadata":
			return { kind: "json-to-metadata", config: readJsonToMetadata(message as JsonToMetadata, scope) };
		case "bandwidth_limit.v3.BandwidthLimit":
			return { kind: "bandwidth-limit", config: readBandwidthLimit(message as BandwidthLimit, scope, true) };
		case "set_filter_state.v3.Config":
			return { kind: "set-filter-state", ...readSetFilterState(message as SetFilterState, scope) };
		case "stateful_session.v3.StatefulSessionPerRoute": {
			const config = readStatefulSessionPerRoute(message as StatefulSessionPerRoute, scope);
			return { kind: "stateful-session", config };
		}
		default:
			return undefined;
	}
}

function readSetFilterState(message: SetFilterState, scope: Scope) {
	return {
		entries: readFilterStateValues(message.onRequestHeaders, scope, "on_request_headers"),
		clearsRoute: message.clearRouteCache,
	};
}

function readDynamicForward(
	{ implementationSpecifier: specifier, saveUpstreamAddress: savesAddress }: DynamicForward,
	scope: Scope,
): NamelessFilter | undefined {
	if (specifier.case === "dnsCacheConfig")
		return {
			kind: "dynamic-forward-proxy",
			cache: readDnsCache(specifier.value, scope.at("dns_cache_config")),
			savesAddress,
		};
	if (specifier.case === undefined) scope.at("dns_cache_config").report("this field is required");
	return undefined;
}
