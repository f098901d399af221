import { assertNever, type HeaderList, isHeaderName, isHeaderValue } from "../../../../core/index.ts";
import { ResponseFlag } from "../../../../engine/format/index.ts";
import { checkHeaderChange } from "../../../../engine/header-rules/index.ts";
import { matchMetadata } from "../../../../engine/matcher/index.ts";
import { isInFraction } from "../../../../engine/runtime/index.ts";
import type {
	AuthorizationBody,
	AuthorizationService,
	ExtAuthzConfig,
	HttpFilterOverride,
} from "../../../runtime-config/index.ts";
import { countForCluster, createExtAuthzStats, type ExtAuthzStats } from "../../../stats/index.ts";
import { destinationOf } from "../destination.ts";
import type { BodyChunk, BodyVerdict, FilterStream, HeadVerdict, HttpFilter } from "../filter.ts";
import type { FilterParts } from "../filter-parts.ts";
import type { PassRequestHead, PassResponseHead } from "../pass-head.ts";
import {
	changeRequest,
	type HeaderChange,
	isForAnswers,
	listRequestFields,
	removeFromRequest,
} from "../request-fields.ts";
import { changeResponse, refuseWithoutStatus } from "../response-fields.ts";
import type { AuthorizationVerdict, Authorizer } from "./authorization.ts";
import { createGrpcAuthorizer } from "./grpc-authorizer.ts";
import { createHttpAuthorizer } from "./http-authorizer.ts";
import { changeQuery } from "./query-change.ts";
import { noteShadowDecision } from "./shadow-decision.ts";

const metadataNamespace = "envoy.filters.http.ext_authz";
/** What upstreams may send; as much may stand there after changes. */
const maxResponseHeadBytes = 60 * 1024;

type Settings = Extract<Extract<HttpFilterOverride, { kind: "ext-authz" }>["config"], { kind: "settings" }>;

/** A request that is being asked about, or was. */
interface Inquiry {
	readonly settings: Settings | undefined;
	/** Undefined: the body is not sent. */
	readonly body: AuthorizationBody | undefined;
	call: { cancel(): void } | undefined;
	isAsked: boolean;
	startedAt: number;
	responseChanges: readonly HeaderChange[];
}

/** Asks a service whether requests may pass. Spec: `envoy.extensions.filters.http.ext_authz.v3`. */
export function createExtAuthzFilter(parts: FilterParts, config: ExtAuthzConfig): HttpFilter {
	const { name, disabled, index } = parts;
	const guard = new AuthorizationGuard(parts, config);
	const inquiryOf = (stream: FilterStream): Inquiry | undefined => stream.getState(index) as Inquiry | undefined;
	return {
		name,
		disabled,
		index,
		onRequestHead: (stream, endStream) => guard.onHead(stream, endStream),
		onRequestBody: (stream, chunk, last) => {
			const inquiry = inquiryOf(stream);
			return inquiry?.body === undefined ? "continue" : guard.onBody(stream, inquiry, chunk, last);
		},
		onRequestTrailers: (stream) => {
			const inquiry = inquiryOf(stream);
			if (inquiry?.body === undefined || (inquiry.isAsked && inquiry.call === undefined)) return "continue";
			if (!inquiry.isAsked) guard.ask(stream, inquiry);
			return "stop";
		},
		onResponseHead: (stream, head) => {
			const changes = inquiryOf(stream)?.responseChanges ?? [];
			return changes.length === 0 || guard.changeResponse(stream, head, changes) ? "continue" : "stop";
		},
		onEnd: (stream) => inquiryOf(stream)?.call?.cancel(),
	};
}

class AuthorizationGuard {
	readonly #parts: FilterParts;
	readonly #config: ExtAuthzConfig;
	readonly #stats: ExtAuthzStats;
	readonly #clusterPart: string;
	readonly #authorizer: Authorizer;
	readonly #byRoute = new WeakMap<AuthorizationService, Authorizer>();

	constructor(parts: FilterParts, config: ExtAuthzConfig) {
		this.#parts = parts;
		this.#config = config;
		const prefix = config.statPrefix.replace(/\.$/, "");
		this.#clusterPart = prefix === "" ? "ext_authz" : `ext_authz.${prefix}`;
		this.#stats = createExtAuthzStats(parts.scope.scope(this.#clusterPart));
		this.#authorizer = this.#createAuthorizer(config.service);
	}

	onHead(stream: FilterStream, endStream: boolean): HeadVerdict {
		const override = stream.routeConfig(this.#parts.name) as HttpFilterOverride | undefined;
		const route = override?.kind === "ext-authz" ? override.config : undefined;
		if (route?.kind === "off") return "continue";
		if (!this.#isEnabled(stream)) return this.#skip(stream);
		const body = route?.skipsBody === true ? undefined : (route?.body ?? this.#config.body);
		const buffers = body !== undefined && !endStream && stream.request.upgrade === undefined;
		const inquiry: Inquiry = {
			settings: route,
			body: buffers ? body : undefined,
			call: undefined,
			isAsked: false,
			startedAt: 0,
			responseChanges: [],
		};
		stream.setState(this.#parts.index, inquiry);
		if (buffers) {
			if (!body.allowsPartial) stream.requestPath.setLimit(body.maxBytes);
			return "stop-head";
		}
		this.ask(stream, inquiry);
		return "stop";
	}

	onBody(stream: FilterStream, inquiry: Inquiry, chunk: BodyChunk, last: boolean): BodyVerdict {
		if (inquiry.isAsked) return inquiry.call === undefined ? "continue" : "wait";
		const { allowsPartial, maxBytes } = inquiry.body!;
		const bytes = stream.requestPath.heldBytes(this.#parts.index) + chunk.bytes.length;
		const isFull = allowsPartial && bytes >= maxBytes;
		if (!last && !isFull) return "buffer";
		if (!allowsPartial && bytes > maxBytes) return "buffer";
		this.ask(stream, inquiry, chunk.bytes);
		return "wait";
	}

	/** Sends the question. `rest` is what follows the held body. */
	ask(stream: FilterStream, inquiry: Inquiry, rest: Buffer = Buffer.alloc(0)): void {
		inquiry.isAsked = true;
		inquiry.startedAt = stream.now();
		const { settings, body } = inquiry;
		const authorizer = settings?.service === undefined ? this.#authorizer : this.#authorizerOf(settings.service);
		const call = authorizer.check(
			{
				stream,
				body: body === undefined ? undefined : this.#cutBody(stream, body, rest),
				contextExtensions: this.#collectExtensions(stream),
			},
			(verdict) => {
				inquiry.call = undefined;
				if (!stream.isOver && !stream.responseStarted) this.#conclude(stream, inquiry, verdict);
			},
		);
		inquiry.call = call;
	}

	#cutBody(stream: FilterStream, settings: AuthorizationBody, rest: Buffer) {
		const held = stream.requestPath.held(this.#parts.index);
		const bytes = rest.length === 0 ? held : Buffer.concat([held, rest]);
		return { bytes: bytes.subarray(0, settings.maxBytes), isPartial: bytes.length > settings.maxBytes, settings };
	}

	/** Those of every level, the most specific winning. */
	#collectExtensions(stream: FilterStream): Readonly<Record<string, string>> {
		const levels = stream.route?.filterConfigLevels ?? [];
		let extensions: Record<string, string> = {};
		for (const level of levels) {
			const override = level.get(this.#parts.name) as HttpFilterOverride | undefined;
			if (override?.kind !== "ext-authz" || override.config.kind !== "settings") continue;
			extensions = { ...extensions, ...override.config.contextExtensions };
		}
		return extensions;
	}

	/** @returns whether the answer may go on */
	changeResponse(stream: FilterStream, head: PassResponseHead, changes: readonly HeaderChange[]): boolean {
		const ordered = [
			...changes.filter(({ action }) => action === "add"),
			...changes.filter(({ action }) => action !== "add"),
		];
		let hasStatus = true;
		for (const change of ordered) hasStatus = changeResponse(head, change) && hasStatus;
		if (this.#config.limitsResponseHeaders && this.#isTooLarge(stream, head)) {
			this.#stats.response_header_limits_reached.value++;
			this.#replyInvalid(stream);
			return false;
		}
		if (!hasStatus) refuseWithoutStatus(stream);
		return hasStatus;
	}

	/** Whether an upstream's answer has more fields than its cluster takes. As in Envoy, answers of the proxy have no limit. */
	#isTooLarge(stream: FilterStream, { headers }: PassResponseHead): boolean {
		if (stream.record.responseCodeDetails !== "via_upstream") return false;
		const limit = this.#upstreamOf(stream)?.cluster.config.http.common.maxHeadersCount;
		return (limit !== undefined && headers.length / 2 + 1 > limit) || bytesOf(headers) > maxResponseHeadBytes;
	}

	#isEnabled({ record }: FilterStream): boolean {
		const { enabled, enabledMetadata } = this.#config;
		const { random, runtime } = this.#parts.context;
		if (enabled !== undefined && !isInFraction(enabled, random.next(), runtime)) return false;
		return enabledMetadata === undefined || matchMetadata(enabledMetadata, record.dynamicMetadata);
	}

	#skip(stream: FilterStream): HeadVerdict {
		this.#stats.disabled.value++;
		const { defaultValue, runtimeKey } = this.#config.denyAtDisable;
		const fromRuntime = runtimeKey === "" ? undefined : this.#parts.context.runtime.get(runtimeKey);
		const denies = fromRuntime === undefined ? defaultValue : fromRuntime === true || fromRuntime === "true";
		if (!denies) return "continue";
		this.#replyWithError(stream);
		return "stop";
	}

	#conclude(stream: FilterStream, inquiry: Inquiry, verdict: AuthorizationVerdict): void {
		this.#publish(stream, inquiry, verdict);
		switch (verdict.kind) {
			case "ok":
				if (this.#apply(stream, inquiry, verdict)) {
					if (this.#config.isShadow) noteShadowDecision(stream, this.#parts.name, "OK", 200);
					this.#stats.ok.value++;
					this.#countEvent(stream, "ok");
					stream.continueRequest(this.#parts.index);
				}
				return;
			case "denied":
				this.#stats.denied.value++;
				this.#countEvent(stream, "denied");
				this.#countForCluster(stream, verdict.status);
				this.#deny(stream, verdict);
				return;
			case "error":
				this.#stats.error.value++;
				this.#countEvent(stream, "error");
				this.#fail(stream, verdict);
				return;
			default:
				assertNever(verdict);
		}
	}

	#publish(stream: FilterStream, inquiry: Inquiry, { kind, metadata }: AuthorizationVerdict): void {
		if (Object.keys(metadata).length === 0) return;
		if (!this.#config.takesMetadata) {
			this.#stats.ignored_dynamic_metadata.value++;
			return;
		}
		const duration = kind === "ok" ? { ext_authz_duration: Math.floor(stream.now() - inquiry.startedAt) } : {};
		stream.setDynamicMetadata(metadataNamespace, { ...metadata, ...duration });
	}

	/** @returns whether the request may go on */
	#apply(stream: FilterStream, inquiry: Inquiry, verdict: AuthorizationVerdict & { readonly kind: "ok" }): boolean {
		const { headerRules, validatesMutations, clearsRouteCache } = this.#config;
		const { requestChanges, requestRemovals, responseChanges, queryToSet, queryToRemove } = verdict;
		const isWrong =
			verdict.hasUnknownActions ||
			[...requestChanges, ...responseChanges].some(isMalformed) ||
			!queryToSet.every(isEncoded);
		if (validatesMutations && isWrong) {
			this.#refuseMutations(stream);
			return false;
		}
		const { request } = stream;
		// As in Envoy: what is set comes before what is appended.
		const ordered = [
			...requestChanges.filter(({ action }) => action !== "append"),
			...requestChanges.filter(({ action }) => action === "append"),
		];
		for (const change of ordered) {
			const allowed = headerRules === undefined ? "allowed" : checkHeaderChange(headerRules, "set", change.name);
			if (allowed === "error") {
				this.#refuseMutations(stream);
				return false;
			}
			if (allowed === "allowed") changeRequest(request, change);
		}
		for (const name of requestRemovals) {
			const allowed = headerRules === undefined ? "allowed" : checkHeaderChange(headerRules, "remove", name);
			if (allowed === "error") {
				this.#refuseMutations(stream);
				return false;
			}
			if (allowed === "allowed") removeFromRequest(request, name);
		}
		if (queryToSet.length > 0 || queryToRemove.length > 0)
			request.path = changeQuery(request.path, queryToSet, queryToRemove);
		const changes = requestChanges.length + requestRemovals.length + queryToSet.length + queryToRemove.length;
		if (clearsRouteCache && changes > 0) stream.clearRouteCache();
		if (exceeds(request, stream.headLimits)) {
			this.#stats.request_header_limits_reached.value++;
			this.#refuseMutations(stream);
			return false;
		}
		inquiry.responseChanges = responseChanges;
		return true;
	}

	#refuseMutations(stream: FilterStream): void {
		this.#stats.invalid.value++;
		this.#countEvent(stream, "invalid");
		this.#replyInvalid(stream);
	}

	#replyInvalid(stream: FilterStream): void {
		stream.sendLocalReply({
			status: 500,
			body: "",
			details: "ext_authz_invalid",
			flags: ResponseFlag.unauthorizedExternalService,
		});
	}

	#deny(stream: FilterStream, verdict: AuthorizationVerdict & { readonly kind: "denied" }): void {
		if (this.#config.isShadow) {
			this.#stats.shadow_denied.value++;
			noteShadowDecision(stream, this.#parts.name, "DENIED", verdict.status, verdict.responseChanges);
			stream.continueRequest(this.#parts.index);
			return;
		}
		if (this.#config.validatesMutations && verdict.responseChanges.some(isMalformed)) {
			this.#refuseMutations(stream);
			return;
		}
		stream.sendLocalReply({
			status: verdict.status,
			body: cutBody(verdict.body, this.#config.maxDeniedBodyBytes),
			isBinary: true,
			details: "ext_authz_denied",
			flags: ResponseFlag.unauthorizedExternalService,
			headers: listFields(verdict.responseChanges),
		});
	}

	#fail(stream: FilterStream, { reply }: AuthorizationVerdict & { readonly kind: "error" }): void {
		const { isShadow, validatesMutations, statusOnError } = this.#config;
		const told = validatesMutations && reply?.headers.some(isMalformed) === true ? undefined : reply;
		if (isShadow) {
			this.#stats.shadow_error.value++;
			noteShadowDecision(stream, this.#parts.name, "ERROR", told?.status || statusOnError);
			stream.continueRequest(this.#parts.index);
			return;
		}
		if (!this.#config.allowsFailure) {
			this.#replyWithError(stream, told);
			return;
		}
		this.#stats.failure_mode_allowed.value++;
		this.#countEvent(stream, "failure_mode_allowed");
		if (this.#config.addsFailureHeader) stream.request.add("x-envoy-auth-failure-mode-allowed", "true");
		stream.continueRequest(this.#parts.index);
	}

	#replyWithError(stream: FilterStream, told?: (AuthorizationVerdict & { readonly kind: "error" })["reply"]): void {
		stream.sendLocalReply({
			status: told?.status || this.#config.statusOnError,
			body: cutBody(told?.body ?? "", this.#config.maxDeniedBodyBytes),
			isBinary: true,
			headers: listFields(told?.headers ?? []),
			details: "ext_authz_error",
			flags: ResponseFlag.unauthorizedExternalService,
		});
	}

	#countForCluster(stream: FilterStream, status: number): void {
		if (!this.#config.countsForCluster) return;
		const responses = this.#upstreamOf(stream)?.cluster.responses;
		if (responses === undefined) return;
		responses.all.count(status);
		// As in Envoy, whoever asked.
		responses.internal.count(status);
	}

	#upstreamOf(stream: FilterStream) {
		return this.#parts.context.getCluster(destinationOf(stream) ?? "");
	}

	/** Counts for the cluster that the request would go to. */
	#countEvent(stream: FilterStream, event: "ok" | "denied" | "error" | "failure_mode_allowed" | "invalid"): void {
		const cluster = this.#upstreamOf(stream)?.cluster;
		if (cluster !== undefined) countForCluster(cluster.statsScope, this.#clusterPart, event);
	}

	#authorizerOf(service: AuthorizationService): Authorizer {
		let authorizer = this.#byRoute.get(service);
		if (authorizer === undefined) {
			authorizer = this.#createAuthorizer(service);
			this.#byRoute.set(service, authorizer);
		}
		return authorizer;
	}

	#createAuthorizer(service: AuthorizationService): Authorizer {
		const { context } = this.#parts;
		return service.kind === "http"
			? createHttpAuthorizer(this.#config, service, context)
			: createGrpcAuthorizer(this.#config, service.service, context);
	}
}

/** `maxBytes` 0: all of it. */
function cutBody(body: string, maxBytes: number): string {
	return maxBytes > 0 && body.length > maxBytes ? body.slice(0, maxBytes) : body;
}

function isMalformed({ name, value }: HeaderChange): boolean {
	return !isHeaderName(name) || !isHeaderValue(value);
}

/** Whether a query parameter has nothing but what escapes would leave as it is; as in Envoy, escapes are not among it. */
function isEncoded({ name, value }: { readonly name: string; readonly value: string }): boolean {
	return /^[\w*.-]*$/.test(name) && /^[\w*.-]*$/.test(value);
}

function listFields(changes: readonly HeaderChange[]): HeaderList {
	return changes.filter(isForAnswers).flatMap(({ name, value }) => [name, value]);
}

/** Whether a request has more than a client may send. */
function exceeds(request: PassRequestHead, { maxHeaderCount, maxHeadBytes }: FilterStream["headLimits"]): boolean {
	const fields = listRequestFields(request);
	return fields.length > maxHeaderCount || bytesOf(fields.flat()) > maxHeadBytes;
}

function bytesOf(texts: readonly string[]): number {
	return texts.reduce((bytes, { length }) => bytes + length, 0);
}
