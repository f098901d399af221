/** gRPC over HTTP/2, the bytes: length-prefixed messages, timeouts and status messages as header values.
 *  Knows no services and no sockets. Spec: "gRPC over HTTP2". */
export { frameMessage, type GrpcFramingProblem, MessageReader } from "./message-framing.ts";
export { decodeStatusMessage, encodeStatusMessage } from "./status-message.ts";
export { formatGrpcTimeout, parseGrpcTimeout } from "./timeout.ts";
