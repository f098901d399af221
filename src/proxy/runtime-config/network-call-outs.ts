import type { ExtAuthz } from "../../api/gen/envoy/extensions/filters/network/ext_authz/v3/ext_authz_pb.js";
import type { RateLimit } from "../../api/gen/envoy/extensions/filters/network/ratelimit/v3/rate_limit_pb.js";
import type { Formatter } from "../../engine/format/index.ts";
import type { MetadataMatcher } from "../../engine/matcher/index.ts";
import { readCalledService } from "./config-source.ts";
import type { GrpcServiceConfig } from "./config-source-config.ts";
import { readMetadataMatcher } from "./matchers.ts";
import type { Scope } from "./scope.ts";
import { readFormat, toMs } from "./values.ts";

/** `envoy.extensions.filters.network.ext_authz.v3.ExtAuthz`. */
export interface NetworkExtAuthzConfig {
	readonly statPrefix: string;
	readonly service: GrpcServiceConfig;
	/** Lets connections pass when the service cannot be asked. */
	readonly allowsFailure: boolean;
	readonly includesPeerCertificate: boolean;
	readonly includesTlsSession: boolean;
	/** Which connections are asked about, by their dynamic metadata; undefined: all. */
	readonly enabledMetadata: MetadataMatcher | undefined;
	/** Dynamic metadata that the service gets to see. */
	readonly metadataNamespaces: readonly string[];
	/** Where the node's metadata has labels of the destination; empty for none. */
	readonly labelsKey: string;
}

/** `envoy.extensions.filters.network.ratelimit.v3.RateLimit`. */
export interface NetworkRateLimitConfig {
	readonly statPrefix: string;
	readonly domain: string;
	readonly descriptors: readonly (readonly { readonly key: string; readonly value: Formatter }[])[];
	readonly service: GrpcServiceConfig;
	readonly timeoutMs: number;
	readonly deniesFailure: boolean;
}

const defaultCheckTimeoutMs = 200;
const defaultLimitTimeoutMs = 20;

/** Translates the network filter ext_authz. */
export function readNetworkExtAuthz(message: ExtAuthz, scope: Scope): NetworkExtAuthzConfig | undefined {
	const at = scope.at("grpc_service");
	const service = readCalledService(message.grpcService, at);
	if (service === undefined) {
		if (message.grpcService === undefined) at.report("this field is required");
		return undefined;
	}
	const enabled = message.filterEnabledMetadata;
	return {
		statPrefix: message.statPrefix,
		service: { ...service, timeoutMs: service.timeoutMs || defaultCheckTimeoutMs },
		allowsFailure: message.failureModeAllow,
		includesPeerCertificate: message.includePeerCertificate,
		includesTlsSession: message.includeTlsSession,
		enabledMetadata:
			enabled === undefined ? undefined : readMetadataMatcher(enabled, scope.at("filter_enabled_metadata")),
		metadataNamespaces: message.metadataContextNamespaces,
		labelsKey: message.bootstrapMetadataLabelsKey,
	};
}

/** Translates the network filter ratelimit. */
export function readNetworkRateLimit(message: RateLimit, scope: Scope): NetworkRateLimitConfig | undefined {
	const at = scope.at("rate_limit_service").at("grpc_service");
	const grpcService = message.rateLimitService?.grpcService;
	const service = readCalledService(grpcService, at);
	if (service === undefined) {
		if (grpcService === undefined) at.report("this field is required");
		return undefined;
	}
	return {
		statPrefix: message.statPrefix,
		domain: message.domain,
		descriptors: message.descriptors.map(({ entries }, index) =>
			entries.map(({ key, value }, entry) => ({
				key,
				value: readFormat(value, scope.at("descriptors", index).at("entries", entry).at("value")),
			})),
		),
		service,
		timeoutMs: toMs(message.timeout, defaultLimitTimeoutMs),
		deniesFailure: message.failureModeDeny,
	};
}
