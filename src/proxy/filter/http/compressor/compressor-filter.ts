import { getHeader, getJoinedHeader, type HeaderList, removeHeader, setHeader } from "../../../../core/index.ts";
import { matchString } from "../../../../engine/matcher/index.ts";
import type {
	CompressionDirection,
	CompressionLibrary,
	CompressorConfig,
	CompressorOverride,
	FeatureFlag,
} from "../../../runtime-config/index.ts";
import {
	type CompressorResponseStats,
	type CompressorStats,
	createCompressorResponseStats,
	createCompressorStats,
} from "../../../stats/index.ts";
import { contentEncodings, createEncoder } from "../compression/coder.ts";
import { PathCoding } from "../compression/path-coding.ts";
import type { FilterStream, HttpFilter } from "../filter.ts";
import type { FilterParts } from "../filter-parts.ts";
import type { PassResponseHead } from "../pass-head.ts";
import { routeConfigOf } from "../route-configs.ts";
import { chooseEncoding, type EncodingDecision } from "./negotiate.ts";

/** What a compressor knows of a stream. */
interface CompressorState {
	readonly acceptEncoding: string | undefined;
	request: PathCoding | undefined;
	response: PathCoding | undefined;
	/** Made by the first compressor that the answer meets, for all. */
	decision: EncodingDecision | undefined;
}

const codings: ReadonlySet<string> = new Set(["gzip", "br", "deflate", "compress", "zstd"]);

/** Compresses bodies. Spec: `envoy.extensions.filters.http.compressor.v3`. */
export function createCompressorFilter(parts: FilterParts, config: CompressorConfig): HttpFilter {
	return new CompressorFilter(parts, config);
}

class CompressorFilter implements HttpFilter {
	readonly name: string;
	readonly disabled: boolean;
	readonly index: number;
	readonly #parts: FilterParts;
	readonly #config: CompressorConfig;
	readonly #requestStats: CompressorStats;
	readonly #responseStats: CompressorStats;
	readonly #answerStats: CompressorResponseStats;

	constructor(parts: FilterParts, config: CompressorConfig) {
		this.name = parts.name;
		this.disabled = parts.disabled;
		this.index = parts.index;
		this.#parts = parts;
		this.#config = config;
		const scope = parts.scope.scope(`compressor.${config.library.name}.${config.library.kind}`);
		this.#requestStats = createCompressorStats(scope.scope("request"));
		this.#responseStats = createCompressorStats(config.response.hasOwnStatistics ? scope.scope("response") : scope);
		this.#answerStats = createCompressorResponseStats(scope);
	}

	onRequestHead(stream: FilterStream, endStream: boolean): "continue" {
		const { request } = stream;
		const { headers } = request;
		const state: CompressorState = {
			acceptEncoding: getJoinedHeader(headers, "accept-encoding"),
			request: undefined,
			response: undefined,
			decision: undefined,
		};
		stream.setState(this.index, state);
		const override = this.#overrideOf(stream);
		if (this.#isEnabled(override) && (override?.removesAcceptEncoding ?? this.#config.response.removesAcceptEncoding)) {
			removeHeader(headers, "accept-encoding");
		}
		const direction = this.#config.request;
		const compresses =
			!endStream &&
			direction !== undefined &&
			this.#isOn(direction.enabled) &&
			request.upgrade === undefined &&
			hasMinLength(direction, headers, this.#requestStats) &&
			allowsType(direction, headers) &&
			getHeader(headers, "content-encoding") === undefined &&
			!isCodedInTransfer(headers);
		if (!compresses) {
			this.#requestStats.not_compressed.value++;
			return "continue";
		}
		removeHeader(headers, "content-length");
		setHeader(headers, "content-encoding", contentEncodings[this.#config.library.kind]);
		this.#requestStats.compressed.value++;
		state.request = this.#createCoding(stream, "request", this.#config.library, this.#requestStats);
		return "continue";
	}

	onRequestBody: NonNullable<HttpFilter["onRequestBody"]> = (stream, chunk, last) =>
		this.#stateOf(stream)?.request?.push(chunk, last) ?? "continue";

	onRequestTrailers: NonNullable<HttpFilter["onRequestTrailers"]> = (stream, trailers) =>
		this.#stateOf(stream)?.request?.pushTrailers(trailers) ?? "continue";

	onResponseHead(stream: FilterStream, head: PassResponseHead, endStream: boolean): "continue" {
		const state = this.#stateOf(stream);
		const { response } = this.#config;
		const { headers } = head;
		const override = this.#overrideOf(stream);
		const library = override?.library ?? this.#config.library;
		const isEnabled = this.#isEnabled(override);
		const isLongEnough = isEnabled && hasMinLength(response, headers, this.#responseStats);
		const refusal = response.sendsStatus && isEnabled ? this.#findRefusal(head, isLongEnough, !endStream) : undefined;
		// In Envoy's order: what is ruled out before counts no etag.
		const isCompressible =
			isLongEnough &&
			refusal === undefined &&
			head.upgrade === undefined &&
			(response.sendsStatus || allowsType(response, headers)) &&
			!hasToken(getJoinedHeader(headers, "cache-control"), "no-transform") &&
			(response.sendsStatus || this.#allowsEtag(headers)) &&
			getHeader(headers, "content-encoding") === undefined &&
			!response.uncompressibleStatuses.has(head.status);
		const encoding = contentEncodings[library.kind];
		// The client's wishes are counted also for answers that stay as they are, unless the answer says why they do.
		const asksClient = !endStream && isLongEnough && (isCompressible || !response.sendsStatus);
		const compresses =
			asksClient &&
			state !== undefined &&
			this.#isChosen(stream, state, headers, encoding) &&
			isCompressible &&
			!isCodedInTransfer(headers);
		if (refusal !== undefined && !endStream) appendStatus(head, `${encoding};${refusal}`);
		if (compresses) {
			if (response.sendsStatus)
				appendStatus(head, `${encoding};Compressed;OriginalLength=${getHeader(headers, "content-length") ?? ""}`);
			this.#sanitizeEtag(headers);
			removeHeader(headers, "content-length");
			head.contentLength = -1;
			setHeader(headers, "content-encoding", encoding);
			this.#responseStats.compressed.value++;
			state.response = this.#createCoding(stream, "response", library, this.#responseStats);
		} else {
			this.#responseStats.not_compressed.value++;
		}
		if (isCompressible) insertVary(headers);
		return "continue";
	}

	onResponseBody: NonNullable<HttpFilter["onResponseBody"]> = (stream, chunk, last) =>
		this.#stateOf(stream)?.response?.push(chunk, last) ?? "continue";

	onResponseTrailers: NonNullable<HttpFilter["onResponseTrailers"]> = (stream, trailers) =>
		this.#stateOf(stream)?.response?.pushTrailers(trailers) ?? "continue";

	onEnd(stream: FilterStream): void {
		const state = this.#stateOf(stream);
		state?.request?.close();
		state?.response?.close();
	}

	#stateOf(stream: FilterStream): CompressorState | undefined {
		return stream.getState(this.index) as CompressorState | undefined;
	}

	#overrideOf(stream: FilterStream): CompressorOverride | undefined {
		return routeConfigOf(stream, this.name, "compressor")?.config;
	}

	#isOn(flag: FeatureFlag): boolean {
		return isFlagOn(flag, this.#parts);
	}

	#isEnabled(override: CompressorOverride | undefined): boolean {
		return override?.isEnabled ?? this.#isOn(this.#config.response.enabled);
	}

	#createCoding(
		stream: FilterStream,
		direction: "request" | "response",
		library: CompressionLibrary,
		stats: CompressorStats,
	): PathCoding {
		const counts = { before: stats.total_uncompressed_bytes, after: stats.total_compressed_bytes };
		return new PathCoding(stream, direction, this.index, counts, (outlet) => createEncoder(library, outlet));
	}

	/** Why an answer stays as it is, for `x-envoy-compression-status`: the first reason in Envoy's order, counted for answers with bodies. */
	#findRefusal(head: PassResponseHead, isLongEnough: boolean, counts: boolean): string | undefined {
		const { response } = this.#config;
		const { headers } = head;
		const isLong = counts ? hasMinLength(response, headers, this.#responseStats) : isLongEnough;
		if (!isLong) return "ContentLengthTooSmall";
		if (!allowsType(response, headers)) return "ContentTypeNotAllowed";
		if (!this.#allowsEtag(headers, counts)) return "EtagNotAllowed";
		if (response.uncompressibleStatuses.has(head.status)) return "StatusCodeNotAllowed";
		return undefined;
	}

	#allowsEtag(headers: HeaderList, counts = true): boolean {
		if (!this.#config.response.disableOnEtag || getHeader(headers, "etag") === undefined) return true;
		if (counts) this.#answerStats.not_compressed_etag.value++;
		return false;
	}

	/** A strong etag says nothing of the compressed body. */
	#sanitizeEtag(headers: HeaderList): void {
		const etag = getHeader(headers, "etag");
		if (etag === undefined || /^w\//i.test(etag)) return;
		if (this.#config.response.weakensEtag) setHeader(headers, "etag", `W/${etag}`);
		else if (etag.length > 2) removeHeader(headers, "etag");
	}

	#isChosen(stream: FilterStream, state: CompressorState, headers: HeaderList, encoding: string): boolean {
		const stats = this.#answerStats;
		if (state.acceptEncoding === undefined) {
			stats.no_accept_header.value++;
			return false;
		}
		const decision = this.#decide(stream, state, state.acceptEncoding, headers);
		const isOwn = decision.encoding.toLowerCase() === encoding;
		switch (decision.reason) {
			case "valid":
				(isOwn ? stats.header_compressor_used : stats.header_compressor_overshadowed).value++;
				break;
			case "identity":
				stats.header_identity.value++;
				break;
			case "wildcard":
				stats.header_wildcard.value++;
				break;
			default:
				stats.header_not_valid.value++;
		}
		return isOwn;
	}

	#decide(stream: FilterStream, state: CompressorState, acceptEncoding: string, headers: HeaderList): EncodingDecision {
		const compressors: { config: CompressorConfig; library: CompressionLibrary }[] = [];
		for (const [index, filter] of this.#parts.chain.entries()) {
			const other = stream.getState(index) as CompressorState | undefined;
			if (filter.kind !== "compressor" || other === undefined) continue;
			if (other.decision !== undefined) return other.decision;
			const override = routeConfigOf(stream, filter.name, "compressor")?.config;
			compressors.push({ config: filter.config, library: override?.library ?? filter.config.library });
		}
		const suited = compressors.filter(({ config }) => allowsType(config.response, headers));
		state.decision = chooseEncoding(acceptEncoding, suited);
		return state.decision;
	}
}

/** Whether the runtime says yes to a flag. */
export function isFlagOn({ runtimeKey, defaultValue }: FeatureFlag, { context }: FilterParts): boolean {
	const value = runtimeKey === "" ? undefined : context.runtime.get(runtimeKey);
	if (typeof value === "boolean") return value;
	return value === "true" || (value !== "false" && defaultValue);
}

function bareType(type: string): string {
	return (type.split(";")[0] ?? "").trim();
}

function hasMinLength(direction: CompressionDirection, headers: HeaderList, stats: CompressorStats): boolean {
	const length = getHeader(headers, "content-length");
	if (length === undefined) return true;
	const isEnough = /^\d+$/.test(length) && Number(length) >= direction.minContentLength;
	if (!isEnough) stats.content_length_too_small.value++;
	return isEnough;
}

function allowsType({ contentTypes, contentTypeMatchers }: CompressionDirection, headers: HeaderList): boolean {
	const type = getHeader(headers, "content-type");
	if (type === undefined) return true;
	const bare = bareType(type);
	return contentTypes.has(bare.toLowerCase()) || contentTypeMatchers.some((matcher) => matchString(matcher, bare));
}

function isCodedInTransfer(headers: HeaderList): boolean {
	const coding = getJoinedHeader(headers, "transfer-encoding");
	return coding?.split(",").some((part) => codings.has(part.trim().toLowerCase())) === true;
}

function hasToken(list: string | undefined, token: string): boolean {
	return list?.split(",").some((part) => part.trim().toLowerCase() === token) === true;
}

function insertVary(headers: HeaderList): void {
	const vary = getJoinedHeader(headers, "vary");
	if (vary === undefined) setHeader(headers, "vary", "Accept-Encoding");
	else if (!vary.split(",").some((part) => part.trim() === "Accept-Encoding")) {
		setHeader(headers, "vary", `${vary}, Accept-Encoding`);
	}
}

function appendStatus(head: PassResponseHead, status: string): void {
	head.add("x-envoy-compression-status", status);
}
