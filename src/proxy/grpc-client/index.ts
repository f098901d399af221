/** Calls of the proxy's own to gRPC services behind its clusters: unary and streaming, messages already packed.
 *  Hosts, TLS, circuit breakers and statistics are the cluster's; knows no service. Spec: "gRPC over HTTP2". */
export type {
	GrpcCall,
	GrpcCallOptions,
	GrpcClient,
	GrpcResponse,
	GrpcStatus,
	GrpcStream,
	GrpcStreamHandlers,
	GrpcStreamOptions,
} from "./grpc-client.ts";
export { createGrpcClients, type GrpcClients, type GrpcContext } from "./grpc-clients.ts";
