import { getJoinedHeader, type HeaderList, removeHeader, setHeader } from "../../../../core/index.ts";
import type { DecompressorConfig } from "../../../runtime-config/index.ts";
import { createCodingErrorStats, createDecompressorStats, type DecompressorStats } from "../../../stats/index.ts";
import { type CodingFailure, contentEncodings, createDecoder } from "../compression/coder.ts";
import { PathCoding } from "../compression/path-coding.ts";
import { isFlagOn } from "../compressor/compressor-filter.ts";
import type { FilterStream, HttpFilter } from "../filter.ts";
import type { FilterParts } from "../filter-parts.ts";

interface DecompressorState {
	request: PathCoding | undefined;
	response: PathCoding | undefined;
}

/** Decompresses bodies. Spec: `envoy.extensions.filters.http.decompressor.v3`. */
export function createDecompressorFilter(parts: FilterParts, config: DecompressorConfig): HttpFilter {
	const { name, disabled, index } = parts;
	const scope = parts.scope.scope(`decompressor.${config.library.name}.${config.library.kind}`);
	const requestStats = createDecompressorStats(scope.scope("request"));
	const responseStats = createDecompressorStats(scope.scope("response"));
	const errors = createCodingErrorStats(scope.scope("decompressor_library"), config.library.kind);
	const prefix = `x-envoy-decompressor-${config.library.name.toLowerCase()}`;
	const reported = { before: `${prefix}-compressed-bytes`, after: `${prefix}-uncompressed-bytes` };
	const encoding = contentEncodings[config.library.kind];
	const stateOf = (stream: FilterStream): DecompressorState => {
		const known = stream.getState(index) as DecompressorState | undefined;
		if (known !== undefined) return known;
		const state: DecompressorState = { request: undefined, response: undefined };
		stream.setState(index, state);
		return state;
	};
	const begin = (
		stream: FilterStream,
		direction: "request" | "response",
		headers: HeaderList,
		stats: DecompressorStats,
	): PathCoding | undefined => {
		const { enabled, ignoresNoTransform } = config[direction];
		if (
			!isFlagOn(enabled, parts) ||
			(!ignoresNoTransform && hasNoTransform(headers)) ||
			!isCodedBy(headers, encoding)
		) {
			stats.not_decompressed.value++;
			return undefined;
		}
		stats.decompressed.value++;
		removeHeader(headers, "content-length");
		removeCoding(headers);
		const counts = {
			before: stats.total_compressed_bytes,
			after: stats.total_uncompressed_bytes,
			failed: (kind: CodingFailure) => void errors[kind].value++,
		};
		return new PathCoding(
			stream,
			direction,
			index,
			counts,
			(outlet) => createDecoder(config.library, outlet),
			reported,
		);
	};
	return {
		name,
		disabled,
		index,
		onRequestHead(stream, endStream) {
			const { headers } = stream.request;
			if (config.advertisesEncoding && isFlagOn(config.response.enabled, parts)) advertise(headers, encoding);
			if (!endStream) stateOf(stream).request = begin(stream, "request", headers, requestStats);
			return "continue";
		},
		onRequestBody: (stream, chunk, last) => stateOf(stream).request?.push(chunk, last) ?? "continue",
		onRequestTrailers: (stream, trailers) => stateOf(stream).request?.pushTrailers(trailers) ?? "continue",
		onResponseHead(stream, head, endStream) {
			if (endStream) return "continue";
			const coding = begin(stream, "response", head.headers, responseStats);
			if (coding !== undefined) head.contentLength = -1;
			stateOf(stream).response = coding;
			return "continue";
		},
		onResponseBody: (stream, chunk, last) => stateOf(stream).response?.push(chunk, last) ?? "continue",
		onResponseTrailers: (stream, trailers) => stateOf(stream).response?.pushTrailers(trailers) ?? "continue",
		onEnd(stream) {
			const state = stream.getState(index) as DecompressorState | undefined;
			state?.request?.close();
			state?.response?.close();
		},
	};
}

function hasNoTransform(headers: HeaderList): boolean {
	const control = getJoinedHeader(headers, "cache-control");
	return control?.split(",").some((part) => part.trim().toLowerCase() === "no-transform") === true;
}

/** Whether the outermost coding is this one. */
function isCodedBy(headers: HeaderList, encoding: string): boolean {
	const codings = getJoinedHeader(headers, "content-encoding");
	return codings !== undefined && (codings.split(",")[0] ?? "").trim().toLowerCase() === encoding;
}

function removeCoding(headers: HeaderList): void {
	const codings = getJoinedHeader(headers, "content-encoding")!;
	const comma = codings.indexOf(",");
	if (comma === -1) removeHeader(headers, "content-encoding");
	else setHeader(headers, "content-encoding", codings.slice(comma + 1));
}

/** Tells the upstream that this hop can decompress, with full weight. */
function advertise(headers: HeaderList, encoding: string): void {
	const before = getJoinedHeader(headers, "accept-encoding") ?? "";
	const others = before
		.split(",")
		.map((part) => part.trim())
		.filter((part) => part !== "" && (part.split(";")[0] ?? "").trim() !== encoding);
	setHeader(headers, "accept-encoding", [...others, encoding].join(","));
}
