/** HTTP/1.1 as bytes: parsers of requests and responses, and the texts to write. Incremental, bounded, without I/O.
 *  Knows nothing about routes or proxies. Specs: RFC 9110, RFC 9112; where they leave a choice, what Envoy chooses. */
export {
	chunkEnd,
	formatChunkSize,
	formatFields,
	formatLastChunk,
	formatProperCaseFields,
	formatStatusLine,
	lastChunk,
	reasonOf,
} from "./encoder.ts";
export type { Http1Fault } from "./errors.ts";
export { HeaderBlock, isGrpcType } from "./header-block.ts";
export { type Http1BodySink, type Http1ParserConfig, ParserState } from "./message-parser.ts";
export {
	Http1RequestParser,
	type Http1RequestParserConfig,
	type Http1RequestSink,
	hasToken,
	parseContentLength,
} from "./request-parser.ts";
export { splitAbsoluteTarget } from "./request-target.ts";
export { Http1ResponseParser, type Http1ResponseSink } from "./response-parser.ts";
