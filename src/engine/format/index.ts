/** The facts of a stream (`StreamInfo`), response flags, and Envoy's substitution formats compiled once and run per stream.
 *  Access logs, header operations and local replies share them. Spec: Envoy "substitution formatting". */
export {
	type CompiledFormat,
	compileJsonFormat,
	compileTextFormat,
	type FormatOptions,
	type JsonFormat,
} from "./compile-format.ts";
export { defaultAccessLogFormat } from "./default-format.ts";
export { emptyFormatEnvironment, type FormatEnvironment, type Formatter } from "./formatter.ts";
export { grpcStatusOfHttp, grpcStatusText, httpStatusOfGrpc } from "./grpc-status.ts";
export { accessLogTypeOf } from "./operators.ts";
export {
	formatLongResponseFlags,
	formatResponseFlags,
	parseResponseFlag,
	ResponseFlag,
} from "./response-flags.ts";
export {
	type ConnectionFacts,
	createConnectionFacts,
	createStreamInfo,
	type RequestHead,
	type SocketAddress,
	type StreamInfo,
	type TlsCertificate,
	type TlsSession,
	type UpstreamHostFacts,
} from "./stream-info.ts";
