import {
	type HedgePolicy as HedgeMessage,
	type InternalRedirectPolicy as InternalRedirectMessage,
	type RetryPolicy as RetryMessage,
	RetryPolicy_ResetHeaderFormat,
} from "../../api/gen/envoy/config/route/v3/route_components_pb.js";
import type { AllowListedRoutesConfig } from "../../api/gen/envoy/extensions/internal_redirect/allow_listed_routes/v3/allow_listed_routes_config_pb.js";
import type { OmitHostMetadataConfig } from "../../api/gen/envoy/extensions/retry/host/omit_host_metadata/v3/omit_host_metadata_config_pb.js";
import type { PreviousPrioritiesConfig } from "../../api/gen/envoy/extensions/retry/priority/previous_priorities/v3/previous_priorities_config_pb.js";
import { parseRetryOn, type RetryHostPredicate, type RetryPolicy } from "../../engine/retry/index.ts";
import type { HedgePolicy, InternalRedirectPolicy, InternalRedirectPredicate } from "../../engine/router/index.ts";
import { readHeaderMatchers } from "./matchers.ts";
import type { Scope } from "./scope.ts";
import { readMetadataMatch, toMs, unpackExtension } from "./values.ts";

/** Translates a retry policy; undefined stays undefined, for the virtual host's to hold. */
export function readRetryPolicy(message: RetryMessage | undefined, scope: Scope): RetryPolicy | undefined {
	if (message === undefined) return undefined;
	const baseMs = toMs(message.retryBackOff?.baseInterval, 25);
	const maxMs = toMs(message.retryBackOff?.maxInterval, baseMs * 10);
	const at = scope.at("retry_back_off");
	if (message.retryBackOff !== undefined && baseMs < 1) at.at("base_interval").report("must be at least 1 ms");
	if (maxMs < baseMs) at.at("max_interval").report("must be at least base_interval");
	return {
		retryOn: parseRetryOn(message.retryOn),
		numRetries: message.numRetries ?? 1,
		perTryTimeoutMs: toMs(message.perTryTimeout, 0),
		perTryIdleTimeoutMs: toMs(message.perTryIdleTimeout, 0),
		retriableStatusCodes: message.retriableStatusCodes,
		backOffBaseMs: baseMs,
		backOffMaxMs: maxMs,
		rateLimitedBackOff:
			message.rateLimitedRetryBackOff === undefined
				? undefined
				: {
						resetHeaders: message.rateLimitedRetryBackOff.resetHeaders.map((header) => ({
							name: header.name.toLowerCase(),
							format: header.format === RetryPolicy_ResetHeaderFormat.UNIX_TIMESTAMP ? "unix-timestamp" : "seconds",
						})),
						maxIntervalMs: toMs(message.rateLimitedRetryBackOff.maxInterval, 300_000),
					},
		retriableHeaders: readHeaderMatchers(message.retriableHeaders, scope, "retriable_headers"),
		retriableRequestHeaders: readHeaderMatchers(message.retriableRequestHeaders, scope, "retriable_request_headers"),
		hostPredicates: readHostPredicates(message, scope),
		previousPrioritiesUpdateFrequency: readPreviousPriorities(message, scope),
		hostSelectionMaxAttempts: Number(message.hostSelectionRetryMaxAttempts) || 1,
	};
}

/** Extensions may come by their name alone, as older configurations do. */
const predicatesByName: Readonly<Record<string, string>> = {
	"envoy.retry_host_predicates.previous_hosts": "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate",
	"envoy.retry_host_predicates.omit_canary_hosts":
		"envoy.extensions.retry.host.omit_canary_hosts.v3.OmitCanaryHostsPredicate",
};

function readHostPredicates(message: RetryMessage, scope: Scope): RetryHostPredicate[] {
	return message.retryHostPredicate.flatMap(({ name, configType }, index): RetryHostPredicate[] => {
		const at = scope.at("retry_host_predicate", index);
		const config = configType.case === undefined ? undefined : unpackExtension(configType.value, at.at("typed_config"));
		if (config === undefined && configType.case !== undefined) return [];
		switch (config?.$typeName ?? predicatesByName[name]) {
			case "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate":
				return [{ kind: "previous-hosts" }];
			case "envoy.extensions.retry.host.omit_canary_hosts.v3.OmitCanaryHostsPredicate":
				return [{ kind: "omit-canary-hosts" }];
			case "envoy.extensions.retry.host.omit_host_metadata.v3.OmitHostMetadataConfig": {
				const criteria = readMetadataMatch((config as OmitHostMetadataConfig).metadataMatch);
				return criteria === undefined ? [] : [{ kind: "omit-host-metadata", criteria }];
			}
			default:
				at.report(`unknown retry host predicate ${name}`);
				return [];
		}
	});
}

function readPreviousPriorities(message: RetryMessage, scope: Scope): number | undefined {
	const priority = message.retryPriority;
	if (priority === undefined) return undefined;
	const at = scope.at("retry_priority");
	const config = unpackExtension(priority.configType.value, at.at("typed_config"));
	if (config === undefined) return undefined;
	if (config.$typeName !== "envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig") {
		at.report(`unknown retry priority ${priority.name}`);
		return undefined;
	}
	return (config as PreviousPrioritiesConfig).updateFrequency;
}

export function readHedgePolicy(message: HedgeMessage | undefined): HedgePolicy | undefined {
	if (message === undefined) return undefined;
	return { initialRequests: message.initialRequests ?? 1, onPerTryTimeout: message.hedgeOnPerTryTimeout };
}

export function readInternalRedirectPolicy(
	message: InternalRedirectMessage | undefined,
	scope: Scope,
): InternalRedirectPolicy | undefined {
	if (message === undefined) return undefined;
	const allowed = [301, 302, 303, 307, 308];
	const statuses = message.redirectResponseCodes.filter((status) => allowed.includes(status));
	return {
		maxRedirects: message.maxInternalRedirects ?? 1,
		statuses: message.redirectResponseCodes.length === 0 ? [302] : statuses,
		allowCrossScheme: message.allowCrossSchemeRedirect,
		responseHeadersToCopy: message.responseHeadersToCopy.map((name) => name.toLowerCase()),
		predicates: message.predicates.flatMap((predicate, index): InternalRedirectPredicate[] => {
			const at = scope.at("predicates", index);
			const config = unpackExtension(predicate.typedConfig, at.at("typed_config"));
			switch (config?.$typeName) {
				case "envoy.extensions.internal_redirect.previous_routes.v3.PreviousRoutesConfig":
					return [{ kind: "previous-routes" }];
				case "envoy.extensions.internal_redirect.safe_cross_scheme.v3.SafeCrossSchemeConfig":
					return [{ kind: "safe-cross-scheme" }];
				case "envoy.extensions.internal_redirect.allow_listed_routes.v3.AllowListedRoutesConfig":
					return [{ kind: "allow-listed-routes", names: (config as AllowListedRoutesConfig).allowedRouteNames }];
				case undefined:
					return [];
				default:
					at.report(`unknown internal redirect predicate ${predicate.name}`);
					return [];
			}
		}),
	};
}
