import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import {
	JWTBundlesRequestSchema,
	JWTBundlesResponseSchema,
	JWTSVIDRequestSchema,
	JWTSVIDResponseSchema,
	ValidateJWTSVIDRequestSchema,
	ValidateJWTSVIDResponseSchema,
	X509BundlesRequestSchema,
	X509BundlesResponseSchema,
	X509SVIDRequestSchema,
	X509SVIDResponseSchema,
} from "../../src/api/gen/spiffe/workload_pb.js";

/** The methods of the Workload API, those that stream first. */
const methods = {
	FetchX509SVID: [X509SVIDRequestSchema, X509SVIDResponseSchema],
	FetchX509Bundles: [X509BundlesRequestSchema, X509BundlesResponseSchema],
	FetchJWTBundles: [JWTBundlesRequestSchema, JWTBundlesResponseSchema],
	FetchJWTSVID: [JWTSVIDRequestSchema, JWTSVIDResponseSchema],
	ValidateJWTSVID: [ValidateJWTSVIDRequestSchema, ValidateJWTSVIDResponseSchema],
} as const satisfies Record<string, readonly [DescMessage, DescMessage]>;

export type WorkloadMethod = keyof typeof methods;
export const workloadMethods = Object.keys(methods) as WorkloadMethod[];

/** A Workload API client that may leave out or bend the security header. */
export interface WorkloadClient {
	/** The first answer of a method. Rejects with the gRPC error. */
	ask<M extends WorkloadMethod>(
		method: M,
		request?: Readonly<Record<string, unknown>>,
		headers?: Readonly<Record<string, string>>,
	): Promise<MessageShape<(typeof methods)[M][1]>>;
	close(): void;
}

export function createWorkloadClient(socketPath: string): WorkloadClient {
	// A connection of its own: who asks is who connects.
	const options = { "grpc.use_local_subchannel_pool": 1 };
	const client = new Client(`unix:${socketPath}`, credentials.createInsecure(), options);
	return {
		ask(method, request = {}, headers = { "workload.spiffe.io": "true" }) {
			type Answer = MessageShape<(typeof methods)[typeof method][1]>;
			const [requestSchema, responseSchema] = methods[method];
			const { promise, resolve, reject } = Promise.withResolvers<Answer>();
			const path = `/SpiffeWorkloadAPI/${method}`;
			const bytes = Buffer.from(toBinary(requestSchema as DescMessage, create(requestSchema as DescMessage, request)));
			const metadata = new Metadata();
			for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
			const encode = (): Buffer => bytes;
			const decode = (text: Buffer): Answer => fromBinary(responseSchema as DescMessage, text) as Answer;
			const done = (error: ServiceError | null, answer?: Answer): void =>
				error === null ? resolve(answer as Answer) : reject(error);
			if (method === "FetchJWTSVID" || method === "ValidateJWTSVID") {
				client.makeUnaryRequest(path, encode, decode, {}, metadata, done);
				return promise;
			}
			const call = client.makeServerStreamRequest(path, encode, decode, {}, metadata);
			call.on("error", reject);
			call.once("data", (answer: Answer) => {
				resolve(answer);
				call.cancel();
			});
			return promise;
		},
		close: () => client.close(),
	};
}
