import { create } from "@bufbuild/protobuf";
import { ApiVersion } from "../../api/gen/envoy/config/core/v3/config_source_pb.js";
import {
	type BufferSettings,
	CheckSettingsSchema,
	type ExtAuthz,
	type ExtAuthzPerRoute,
	type HttpService,
} from "../../api/gen/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.js";
import { readCalledService } from "./config-source.ts";
import { readCoreRetryPolicy } from "./core-retry.ts";
import type {
	AuthorizationBody,
	AuthorizationService,
	ExtAuthzConfig,
	ExtAuthzRouteConfig,
	HttpAuthorization,
} from "./ext-authz-config.ts";
import { readHeaderRules, readNameMatchers } from "./header-rules.ts";
import { readHttpUri } from "./http-uri.ts";
import { readMetadataMatcher } from "./matchers.ts";
import { type Scope, toWireText } from "./scope.ts";
import { readFormat, readRuntimeFraction } from "./values.ts";

const defaultTimeoutMs = 200;

/** Translates the ext_authz filter. */
export function readExtAuthz(message: ExtAuthz, scope: Scope): ExtAuthzConfig | undefined {
	const ofHttp = message.services.case === "httpService" ? message.services.value.authorizationRequest : undefined;
	if (message.allowedHeaders !== undefined && ofHttp?.allowedHeaders !== undefined)
		scope
			.at("allowed_headers")
			.report("cannot be set together with http_service.authorization_request.allowed_headers");
	if (message.transportApiVersion === ApiVersion.V2) scope.at("transport_api_version").report("V2 is gone: say V3");
	const { services } = message;
	const service =
		services.case === "grpcService"
			? readGrpc(services.value, scope.at("grpc_service"))
			: services.case === "httpService"
				? readHttp(services.value, scope.at("http_service"))
				: undefined;
	if (services.case === undefined) scope.report("one of grpc_service, http_service must be set");
	if (service === undefined) return undefined;
	return {
		service,
		allowsFailure: message.failureModeAllow,
		addsFailureHeader: message.failureModeAllowHeaderAdd,
		body: readBody(message.withRequestBody),
		clearsRouteCache: message.clearRouteCache,
		statusOnError: message.statusOnError?.code || 403,
		validatesMutations: message.validateMutations,
		maxDeniedBodyBytes: message.maxDeniedResponseBodyBytes,
		sendsRawHeaders: message.encodeRawHeaders,
		metadataNamespaces: message.metadataContextNamespaces,
		routeMetadataNamespaces: message.routeMetadataContextNamespaces,
		enabled: readRuntimeFraction(message.filterEnabled),
		enabledMetadata:
			message.filterEnabledMetadata === undefined
				? undefined
				: readMetadataMatcher(message.filterEnabledMetadata, scope.at("filter_enabled_metadata")),
		denyAtDisable: {
			defaultValue: message.denyAtDisable?.defaultValue ?? false,
			runtimeKey: message.denyAtDisable?.runtimeKey ?? "",
		},
		includesPeerCertificate: message.includePeerCertificate,
		includesServerName: message.includeTlsSession,
		statPrefix: message.statPrefix,
		allowedHeaders: readNameMatchers(message.allowedHeaders, scope, "allowed_headers"),
		disallowedHeaders: readNameMatchers(message.disallowedHeaders, scope, "disallowed_headers") ?? [],
		countsForCluster: message.chargeClusterResponseStats ?? true,
		headerRules:
			message.decoderHeaderMutationRules === undefined
				? undefined
				: readHeaderRules(message.decoderHeaderMutationRules, scope.at("decoder_header_mutation_rules")),
		takesMetadata: message.enableDynamicMetadataIngestion ?? true,
		limitsResponseHeaders: message.enforceResponseHeaderLimits,
		isShadow: message.shadowMode,
		labelsKey: message.bootstrapMetadataLabelsKey,
	};
}

/** What a route says of the filter. */
export function readExtAuthzRoute(message: ExtAuthzPerRoute, scope: Scope): ExtAuthzRouteConfig {
	if (message.override.case === "disabled" && message.override.value) return { kind: "off" };
	const settings = message.override.case === "checkSettings" ? message.override.value : create(CheckSettingsSchema);
	const at = scope.at("check_settings");
	if (settings.disableRequestBodyBuffering && settings.withRequestBody !== undefined) {
		at.at("with_request_body").report("cannot be set together with disable_request_body_buffering");
	}
	const override = settings.serviceOverride;
	return {
		kind: "settings",
		contextExtensions: settings.contextExtensions,
		skipsBody: settings.disableRequestBodyBuffering,
		body: readBody(settings.withRequestBody),
		service:
			override.case === "grpcService"
				? readGrpc(override.value, at.at("grpc_service"))
				: override.case === "httpService"
					? readHttp(override.value, at.at("http_service"))
					: undefined,
	};
}

function readGrpc(message: Parameters<typeof readCalledService>[0], scope: Scope): AuthorizationService | undefined {
	const service = readCalledService(message, scope);
	if (service === undefined) return undefined;
	return { kind: "grpc", service: { ...service, timeoutMs: service.timeoutMs || defaultTimeoutMs } };
}

function readBody(message: BufferSettings | undefined): AuthorizationBody | undefined {
	if (message === undefined) return undefined;
	return {
		maxBytes: message.maxRequestBytes,
		allowsPartial: message.allowPartialMessage,
		packsAsBytes: message.packAsBytes,
	};
}

function readHttp(message: HttpService, scope: Scope): AuthorizationService {
	const uri = readHttpUri(message.serverUri);
	const request = message.authorizationRequest;
	const response = message.authorizationResponse;
	if (message.pathPrefix !== "" && !message.pathPrefix.startsWith("/")) {
		scope.at("path_prefix").report("must start with '/'");
	}
	if (message.pathOverride !== "" && !message.pathOverride.startsWith("/")) {
		scope.at("path_override").report("must start with '/'");
	}
	if (message.pathPrefix !== "" && message.pathOverride !== "") {
		scope.at("path_override").report("cannot be set together with path_prefix");
	}
	const at = scope.at("authorization_request");
	const answers = scope.at("authorization_response");
	const http: HttpAuthorization = {
		cluster: uri?.cluster ?? "",
		authority: uri?.authority ?? "",
		timeoutMs: uri?.timeoutMs || defaultTimeoutMs,
		pathPrefix: toWireText(message.pathPrefix),
		pathOverride: toWireText(message.pathOverride),
		retry: readCoreRetryPolicy(message.retryPolicy),
		allowedHeaders: readNameMatchers(request?.allowedHeaders, at, "allowed_headers"),
		headersToAdd: (request?.headersToAdd ?? []).map(({ key, value }, index) => ({
			name: key.toLowerCase(),
			value: readFormat(value, at.at("headers_to_add", index).at("value"), ""),
			action: "overwrite-or-add",
			keepEmptyValue: false,
		})),
		upstreamHeaders: readNameMatchers(response?.allowedUpstreamHeaders, answers, "allowed_upstream_headers") ?? [],
		upstreamHeadersToAppend:
			readNameMatchers(response?.allowedUpstreamHeadersToAppend, answers, "allowed_upstream_headers_to_append") ?? [],
		clientHeaders: readNameMatchers(response?.allowedClientHeaders, answers, "allowed_client_headers"),
		clientHeadersOnSuccess:
			readNameMatchers(response?.allowedClientHeadersOnSuccess, answers, "allowed_client_headers_on_success") ?? [],
		metadataHeaders:
			readNameMatchers(response?.dynamicMetadataFromHeaders, answers, "dynamic_metadata_from_headers") ?? [],
	};
	return { kind: "http", ...http };
}
