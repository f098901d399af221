/** A gRPC server on the mesh's own HTTP/2 codec, for what thousands of streams are held open to: discovery. Takes services in the form of
 *  `@grpc/grpc-js` (unary and both-ways streaming ones) and hands out calls with its words, so that either server can carry them. In plain
 *  text; messages are not compressed. Knows no service. Spec: "gRPC over HTTP2". */
export { createGrpcServer, type GrpcServer, type GrpcServerOptions } from "./grpc-server.ts";
