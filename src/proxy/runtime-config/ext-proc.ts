import {
	type ExternalProcessor,
	ExternalProcessor_RouteCacheAction,
	type ExtProcPerRoute,
	type MetadataOptions,
} from "../../api/gen/envoy/extensions/filters/http/ext_proc/v3/ext_proc_pb.js";
import {
	ProcessingMode_BodySendMode as Body,
	ProcessingMode_HeaderSendMode as Headers,
	type ProcessingMode as ProcessingModeMessage,
} from "../../api/gen/envoy/extensions/filters/http/ext_proc/v3/processing_mode_pb.js";
import type { Expression } from "../../engine/expression/index.ts";
import type { HeaderRules } from "../../engine/header-rules/index.ts";
import type { StringMatcher } from "../../engine/matcher/index.ts";
import { readCalledService } from "./config-source.ts";
import type { GrpcServiceConfig } from "./config-source-config.ts";
import { readExpressionText } from "./expression.ts";
import { readHeaderRules, readNameMatchers } from "./header-rules.ts";
import type { Scope } from "./scope.ts";
import { toMs } from "./values.ts";

/** `envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor`. */
export interface ExtProcConfig {
	readonly service: GrpcServiceConfig;
	readonly allowsFailure: boolean;
	readonly mode: ProcessingMode;
	readonly messageTimeoutMs: number;
	/** What the service may ask for at most; 0: nothing. */
	readonly maxMessageTimeoutMs: number;
	/** Part of the statistics' names; empty when none. */
	readonly statPrefix: string;
	readonly headerRules: HeaderRules;
	/** Undefined: all. */
	readonly allowedHeaders: readonly StringMatcher[] | undefined;
	readonly disallowedHeaders: readonly StringMatcher[];
	readonly allowsModeOverride: boolean;
	readonly disablesImmediateResponse: boolean;
	readonly metadata: ProcessorMetadata;
	readonly routeCache: "default" | "clear" | "retain";
	readonly statusOnError: number;
	/** Expressions whose values go to the service with the first message of a direction. */
	readonly attributes: {
		readonly request: readonly ProcessorAttribute[];
		readonly response: readonly ProcessorAttribute[];
	};
	/** What the service may ask for instead of `mode`; empty: anything. */
	readonly allowedModes: readonly ProcessingMode[];
	/** The service is only told: nothing waits for its answers. */
	readonly observes: boolean;
	/** How long the service may read after the request is over, when it only observes. */
	readonly deferredCloseMs: number;
	/** Bodies keep their length header although the service may change them. */
	readonly keepsContentLength: boolean;
}

/** An attribute by the text that asks for it. */
export interface ProcessorAttribute {
	readonly name: string;
	readonly expression: Expression;
}

/** Which parts of a message go to the service. */
export interface ProcessingMode {
	readonly request: DirectionMode;
	readonly response: DirectionMode;
}

export interface DirectionMode {
	readonly sendsHeaders: boolean;
	/** `duplex`: all that comes goes to the service, and what the service sends takes its place. */
	readonly body: "none" | "streamed" | "buffered" | "buffered-partial" | "duplex";
	readonly sendsTrailers: boolean;
}

/** Namespaces of dynamic metadata that the service sees, and those it may write. */
export interface ProcessorMetadata {
	readonly forwarded: readonly string[];
	readonly received: readonly string[];
}

/** `ExtProcPerRoute`. */
export type ExtProcRouteConfig =
	| { readonly kind: "off" }
	| {
			readonly kind: "overrides";
			/** Undefined leaves the filter's. */
			readonly mode: ProcessingMode | undefined;
			readonly service: GrpcServiceConfig | undefined;
			readonly metadata: ProcessorMetadata | undefined;
			readonly allowsFailure: boolean | undefined;
			/** Sent when the stream begins. */
			readonly initialMetadata: readonly { readonly name: string; readonly value: string }[];
	  };

const defaultTimeoutMs = 200;
const defaultDeferredCloseMs = 5000;
const bodyModes: Readonly<Record<number, DirectionMode["body"]>> = {
	[Body.STREAMED]: "streamed",
	[Body.BUFFERED]: "buffered",
	[Body.BUFFERED_PARTIAL]: "buffered-partial",
	[Body.FULL_DUPLEX_STREAMED]: "duplex",
};

/** Translates the ext_proc filter. */
export function readExtProc(message: ExternalProcessor, scope: Scope): ExtProcConfig | undefined {
	const service = readCalledService(message.grpcService, scope.at("grpc_service"));
	if (service === undefined) {
		if (message.grpcService === undefined) scope.at("grpc_service").report("this field is required");
		return undefined;
	}
	const rules = message.forwardRules;
	const at = scope.at("forward_rules");
	if (message.disableClearRouteCache && message.routeCacheAction !== ExternalProcessor_RouteCacheAction.DEFAULT) {
		scope.at("route_cache_action").report("cannot be set together with disable_clear_route_cache");
	}
	const mode = readMode(message.processingMode, scope.at("processing_mode"));
	checkDuplex(mode, message.failureModeAllow, scope);
	return {
		service,
		allowsFailure: message.failureModeAllow,
		mode,
		messageTimeoutMs: toMs(message.messageTimeout, defaultTimeoutMs),
		maxMessageTimeoutMs: toMs(message.maxMessageTimeout, 0),
		statPrefix: message.statPrefix,
		headerRules: readHeaderRules(message.mutationRules, scope.at("mutation_rules")),
		allowedHeaders: readNameMatchers(rules?.allowedHeaders, at, "allowed_headers"),
		disallowedHeaders: readNameMatchers(rules?.disallowedHeaders, at, "disallowed_headers") ?? [],
		allowsModeOverride: message.allowModeOverride,
		disablesImmediateResponse: message.disableImmediateResponse,
		metadata: readMetadataOptions(message.metadataOptions),
		routeCache: message.disableClearRouteCache ? "retain" : (routeCacheActions[message.routeCacheAction] ?? "default"),
		statusOnError: message.statusOnError?.code || 500,
		attributes: {
			request: readAttributes(message.requestAttributes, scope, "request_attributes"),
			response: readAttributes(message.responseAttributes, scope, "response_attributes"),
		},
		allowedModes: message.allowedOverrideModes.map((mode, index) =>
			readMode(mode, scope.at("allowed_override_modes", index)),
		),
		observes: message.observabilityMode,
		deferredCloseMs: toMs(message.deferredCloseTimeout, defaultDeferredCloseMs),
		keepsContentLength: message.allowContentLengthHeader,
	};
}

function readAttributes(names: readonly string[], scope: Scope, field: string): ProcessorAttribute[] {
	return names.map((name, index) => ({ name, expression: readExpressionText(name, scope.at(field, index)) }));
}

const routeCacheActions: Readonly<Record<number, ExtProcConfig["routeCache"]>> = {
	[ExternalProcessor_RouteCacheAction.CLEAR]: "clear",
	[ExternalProcessor_RouteCacheAction.RETAIN]: "retain",
};

/** What a route says of the filter. */
export function readExtProcRoute(message: ExtProcPerRoute, scope: Scope): ExtProcRouteConfig {
	if (message.override.case !== "overrides") return { kind: "off" };
	const overrides = message.override.value;
	const at = scope.at("overrides");
	return {
		kind: "overrides",
		mode:
			overrides.processingMode === undefined ? undefined : readMode(overrides.processingMode, at.at("processing_mode")),
		service: readCalledService(overrides.grpcService, at.at("grpc_service")),
		metadata: overrides.metadataOptions === undefined ? undefined : readMetadataOptions(overrides.metadataOptions),
		allowsFailure: overrides.failureModeAllow,
		initialMetadata: overrides.grpcInitialMetadata.map(({ key, value }) => ({ name: key.toLowerCase(), value })),
	};
}

/** In full duplex the service must see the end of a message, and what it kept is lost with it. */
function checkDuplex({ request, response }: ProcessingMode, allowsFailure: boolean, scope: Scope): void {
	for (const [name, { body, sendsTrailers }] of Object.entries({ request, response })) {
		if (body !== "duplex") continue;
		const at = scope.at("processing_mode").at(`${name}_trailer_mode`);
		if (!sendsTrailers) at.report(`must be SEND where ${name}_body_mode is FULL_DUPLEX_STREAMED`);
		if (allowsFailure) scope.at("failure_mode_allow").report("must be false with FULL_DUPLEX_STREAMED");
	}
}

function readMetadataOptions(message: MetadataOptions | undefined): ProcessorMetadata {
	return {
		forwarded: message?.forwardingNamespaces?.untyped ?? [],
		received: message?.receivingNamespaces?.untyped ?? [],
	};
}

/** Modes of a configuration, or of a service that overrides them. */
export function readMode(message: ProcessingModeMessage | undefined, scope: Scope | undefined): ProcessingMode {
	const readBody = (mode: Body, field: string): DirectionMode["body"] => {
		if (mode === Body.GRPC) scope?.at(field).report("GRPC is not supported");
		return bodyModes[mode] ?? "none";
	};
	return {
		request: {
			sendsHeaders: message?.requestHeaderMode !== Headers.SKIP,
			body: readBody(message?.requestBodyMode ?? Body.NONE, "request_body_mode"),
			sendsTrailers: message?.requestTrailerMode === Headers.SEND,
		},
		response: {
			sendsHeaders: message?.responseHeaderMode !== Headers.SKIP,
			body: readBody(message?.responseBodyMode ?? Body.NONE, "response_body_mode"),
			sendsTrailers: message?.responseTrailerMode === Headers.SEND,
		},
	};
}
