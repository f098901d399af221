import { constants } from "node:zlib";
import type { RuntimeFeatureFlag } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import type { TypedExtensionConfig } from "../../api/gen/envoy/config/core/v3/extension_pb.js";
import type { Brotli as BrotliEncoder } from "../../api/gen/envoy/extensions/compression/brotli/compressor/v3/brotli_pb.js";
import { Brotli_EncoderMode } from "../../api/gen/envoy/extensions/compression/brotli/compressor/v3/brotli_pb.js";
import type { Gzip as GzipEncoder } from "../../api/gen/envoy/extensions/compression/gzip/compressor/v3/gzip_pb.js";
import { Gzip_CompressionStrategy } from "../../api/gen/envoy/extensions/compression/gzip/compressor/v3/gzip_pb.js";
import type { Gzip as GzipDecoder } from "../../api/gen/envoy/extensions/compression/gzip/decompressor/v3/gzip_pb.js";
import type { Zstd as ZstdEncoder } from "../../api/gen/envoy/extensions/compression/zstd/compressor/v3/zstd_pb.js";
import type {
	Compressor,
	Compressor_CommonDirectionConfig,
	CompressorPerRoute,
} from "../../api/gen/envoy/extensions/filters/http/compressor/v3/compressor_pb.js";
import type { Decompressor } from "../../api/gen/envoy/extensions/filters/http/decompressor/v3/decompressor_pb.js";
import type { StringMatcher } from "../../engine/matcher/index.ts";
import { readStringMatcher } from "./matchers.ts";
import type { Scope } from "./scope.ts";
import { unpackExtension } from "./values.ts";

/** A compression library with its settings; `options` go to it as they are. */
export interface CompressionLibrary {
	/** The extension's name, part of the names of statistics. */
	readonly name: string;
	readonly kind: "gzip" | "brotli" | "zstd";
	readonly options: Readonly<Record<string, unknown>>;
	/** How much larger than its source a decompressed body may be. */
	readonly maxRatio: number;
}

/** A flag of the runtime. */
export interface FeatureFlag {
	readonly runtimeKey: string;
	readonly defaultValue: boolean;
}

/** What bodies of one direction have to be like. */
export interface CompressionDirection {
	readonly enabled: FeatureFlag;
	readonly minContentLength: number;
	/** In lower case, without parameters. */
	readonly contentTypes: ReadonlySet<string>;
	readonly contentTypeMatchers: readonly StringMatcher[];
}

/** `envoy.extensions.filters.http.compressor.v3.Compressor`. */
export interface CompressorConfig {
	readonly library: CompressionLibrary;
	/** Undefined: requests go as they are. */
	readonly request: CompressionDirection | undefined;
	readonly response: CompressionDirection & {
		/** Whether statistics stand below `response.`. */
		readonly hasOwnStatistics: boolean;
		readonly disableOnEtag: boolean;
		readonly weakensEtag: boolean;
		readonly removesAcceptEncoding: boolean;
		readonly uncompressibleStatuses: ReadonlySet<number>;
		readonly sendsStatus: boolean;
	};
	readonly chooseFirst: boolean;
}

/** What a route says of answers. */
export interface CompressorOverride {
	/** Undefined leaves it to the filter. */
	readonly isEnabled: boolean | undefined;
	readonly removesAcceptEncoding: boolean | undefined;
	readonly library: CompressionLibrary | undefined;
}

/** `envoy.extensions.filters.http.decompressor.v3.Decompressor`. */
export interface DecompressorConfig {
	readonly library: CompressionLibrary;
	readonly request: { readonly enabled: FeatureFlag; readonly ignoresNoTransform: boolean };
	readonly response: { readonly enabled: FeatureFlag; readonly ignoresNoTransform: boolean };
	readonly advertisesEncoding: boolean;
}

const defaultContentTypes = (
	"text/html text/plain text/css application/javascript application/x-javascript text/javascript text/x-javascript " +
	"text/ecmascript text/js text/jscript text/x-js application/ecmascript application/x-json application/xml application/json " +
	"image/svg+xml text/xml application/xhtml+xml application/grpc-web application/grpc-web+proto"
).split(" ");

const defaultMaxRatio = 100;
const defaultMinContentLength = 30;

export function readCompressor(message: Compressor, scope: Scope): CompressorConfig {
	const { requestDirectionConfig: request, responseDirectionConfig: response } = message;
	// Envoy's older fields stand in for a missing response direction.
	const common: DirectionFields | undefined =
		response === undefined
			? {
					enabled: message.runtimeEnabled,
					minContentLength: message.contentLength,
					contentType: message.contentType,
					contentTypeMatcher: [],
				}
			: response.commonConfig;
	const at = scope.at("response_direction_config").at("common_config");
	const requestAt = scope.at("request_direction_config").at("common_config");
	return {
		library: readEncoder(message.compressorLibrary, scope.at("compressor_library")),
		request: request === undefined ? undefined : readDirection(request.commonConfig, requestAt),
		response: {
			...readDirection(common, at),
			hasOwnStatistics: response !== undefined,
			// As in Envoy, a tag that is weakened is no reason to leave an answer as it is.
			disableOnEtag: (response ?? message).disableOnEtagHeader && response?.weakenEtagOnCompress !== true,
			weakensEtag: response?.weakenEtagOnCompress ?? false,
			removesAcceptEncoding: (response ?? message).removeAcceptEncodingHeader,
			uncompressibleStatuses: new Set(response?.uncompressibleResponseCodes ?? []),
			sendsStatus: response?.statusHeaderEnabled ?? false,
		},
		chooseFirst: message.chooseFirst,
	};
}

export function readCompressorPerRoute(message: CompressorPerRoute, scope: Scope): CompressorOverride {
	const { override } = message;
	if (override.case !== "overrides") {
		return {
			isEnabled: override.case === "disabled" ? false : undefined,
			removesAcceptEncoding: undefined,
			library: undefined,
		};
	}
	const { responseDirectionConfig: response, compressorLibrary } = override.value;
	return {
		isEnabled: response === undefined ? undefined : true,
		removesAcceptEncoding: response?.removeAcceptEncodingHeader,
		library: compressorLibrary && readEncoder(compressorLibrary, scope.at("overrides").at("compressor_library")),
	};
}

export function readDecompressor(message: Decompressor, scope: Scope): DecompressorConfig {
	const { requestDirectionConfig: request, responseDirectionConfig: response } = message;
	return {
		library: readDecoder(message.decompressorLibrary, scope.at("decompressor_library")),
		request: {
			enabled: readFlag(request?.commonConfig?.enabled),
			ignoresNoTransform: request?.commonConfig?.ignoreNoTransformHeader ?? false,
		},
		response: {
			enabled: readFlag(response?.commonConfig?.enabled),
			ignoresNoTransform: response?.commonConfig?.ignoreNoTransformHeader ?? false,
		},
		advertisesEncoding: request?.advertiseAcceptEncoding ?? true,
	};
}

type DirectionFields = Pick<
	Compressor_CommonDirectionConfig,
	"enabled" | "minContentLength" | "contentType" | "contentTypeMatcher"
>;

function readDirection(message: DirectionFields | undefined, scope: Scope): CompressionDirection {
	const types = message?.contentType ?? [];
	const matchers = message?.contentTypeMatcher ?? [];
	const usesDefault = types.length === 0 && matchers.length === 0;
	return {
		enabled: readFlag(message?.enabled),
		minContentLength: message?.minContentLength || defaultMinContentLength,
		contentTypes: new Set(usesDefault ? defaultContentTypes : types.map((type) => type.toLowerCase())),
		contentTypeMatchers: matchers.map((matcher, index) =>
			readStringMatcher(matcher, scope.at("content_type_matcher", index)),
		),
	};
}

export function readFlag(message: RuntimeFeatureFlag | undefined): FeatureFlag {
	return { runtimeKey: message?.runtimeKey ?? "", defaultValue: message?.defaultValue ?? true };
}

const strategies = (): Readonly<Record<number, number>> => ({
	[Gzip_CompressionStrategy.FILTERED]: constants.Z_FILTERED,
	[Gzip_CompressionStrategy.HUFFMAN_ONLY]: constants.Z_HUFFMAN_ONLY,
	[Gzip_CompressionStrategy.RLE]: constants.Z_RLE,
	[Gzip_CompressionStrategy.FIXED]: constants.Z_FIXED,
});

const brotliModes = (): Readonly<Record<number, number>> => ({
	[Brotli_EncoderMode.TEXT]: constants.BROTLI_MODE_TEXT,
	[Brotli_EncoderMode.FONT]: constants.BROTLI_MODE_FONT,
});

function readEncoder(message: TypedExtensionConfig | undefined, scope: Scope): CompressionLibrary {
	const at = scope.at("typed_config");
	const name = message?.name ?? "";
	const config = unpackExtension(message?.typedConfig, at);
	switch (config?.$typeName) {
		case "envoy.extensions.compression.gzip.compressor.v3.Gzip": {
			const gzip = config as GzipEncoder;
			const options = {
				level: gzip.compressionLevel === 0 ? constants.Z_DEFAULT_COMPRESSION : gzip.compressionLevel,
				memLevel: gzip.memoryLevel ?? 5,
				strategy: strategies()[gzip.compressionStrategy] ?? constants.Z_DEFAULT_STRATEGY,
				windowBits: gzip.windowBits ?? 12,
			};
			return { name, kind: "gzip", options, maxRatio: defaultMaxRatio };
		}
		case "envoy.extensions.compression.brotli.compressor.v3.Brotli": {
			const brotli = config as BrotliEncoder;
			const params = {
				[constants.BROTLI_PARAM_QUALITY]: brotli.quality ?? 3,
				[constants.BROTLI_PARAM_MODE]: brotliModes()[brotli.encoderMode] ?? constants.BROTLI_MODE_GENERIC,
				[constants.BROTLI_PARAM_LGWIN]: brotli.windowBits ?? 18,
				[constants.BROTLI_PARAM_LGBLOCK]: brotli.inputBlockBits ?? 24,
				[constants.BROTLI_PARAM_DISABLE_LITERAL_CONTEXT_MODELING]: brotli.disableLiteralContextModeling ? 1 : 0,
			};
			return { name, kind: "brotli", options: { params }, maxRatio: defaultMaxRatio };
		}
		case "envoy.extensions.compression.zstd.compressor.v3.Zstd": {
			const zstd = config as ZstdEncoder;
			const params = {
				[constants.ZSTD_c_compressionLevel]: zstd.compressionLevel ?? constants.ZSTD_CLEVEL_DEFAULT,
				[constants.ZSTD_c_checksumFlag]: zstd.enableChecksum ? 1 : 0,
				...(zstd.strategy === 0 ? {} : { [constants.ZSTD_c_strategy]: zstd.strategy }),
			};
			return { name, kind: "zstd", options: { params }, maxRatio: defaultMaxRatio };
		}
		default:
			if (config !== undefined) at.report(`compression library ${config.$typeName} is not supported`);
			return { name, kind: "gzip", options: {}, maxRatio: defaultMaxRatio };
	}
}

function readDecoder(message: TypedExtensionConfig | undefined, scope: Scope): CompressionLibrary {
	const at = scope.at("typed_config");
	const name = message?.name ?? "";
	const config = unpackExtension(message?.typedConfig, at);
	switch (config?.$typeName) {
		case "envoy.extensions.compression.gzip.decompressor.v3.Gzip":
			return {
				name,
				kind: "gzip",
				options: { windowBits: (config as GzipDecoder).windowBits ?? 15 },
				maxRatio: (config as GzipDecoder).maxInflateRatio ?? defaultMaxRatio,
			};
		case "envoy.extensions.compression.brotli.decompressor.v3.Brotli":
			return { name, kind: "brotli", options: {}, maxRatio: defaultMaxRatio };
		case "envoy.extensions.compression.zstd.decompressor.v3.Zstd":
			return { name, kind: "zstd", options: {}, maxRatio: defaultMaxRatio };
		default:
			if (config !== undefined) at.report(`compression library ${config.$typeName} is not supported`);
			return { name, kind: "gzip", options: {}, maxRatio: defaultMaxRatio };
	}
}
