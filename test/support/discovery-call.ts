import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { type ChannelCredentials, Client, credentials, type ServiceError } from "@grpc/grpc-js";
import { NodeSchema } from "../../src/api/gen/envoy/config/core/v3/base_pb.js";
import {
	type DiscoveryRequest,
	DiscoveryRequestSchema,
	type DiscoveryResponse,
	DiscoveryResponseSchema,
} from "../../src/api/gen/envoy/service/discovery/v3/discovery_pb.js";
import {
	ClientStatusRequestSchema,
	ClientStatusResponseSchema,
} from "../../src/api/gen/envoy/service/status/v3/csds_pb.js";
import type { TestCertificate } from "./pki.ts";

/** Credentials of a client with a certificate; the server's is not looked at closer than its chain. */
export function mutualTls(certificate: TestCertificate | undefined, roots: string): ChannelCredentials {
	const [key, cert] =
		certificate === undefined
			? [null, null]
			: [Buffer.from(certificate.privateKeyPem), Buffer.from(certificate.certificateChainPem)];
	return credentials.createSsl(Buffer.from(roots), key, cert, { checkServerIdentity: () => undefined });
}

export interface DiscoveryCallOptions {
	readonly port: number;
	readonly credentials: ChannelCredentials;
	readonly node: { readonly id: string; readonly metadata?: Record<string, string | Record<string, string>> };
	readonly typeUrl: string;
	/** All without names. */
	readonly names?: readonly string[];
	/** How long an answer is waited for; 5000 by default. */
	readonly timeoutMs?: number;
}

/** Asks an aggregated stream for resources of one type; `refused` says how the stream ended without any.
 *  @returns what the first answer held, by name; `nothing` when none came in time */
export async function discover(
	options: DiscoveryCallOptions,
): Promise<{ readonly names: readonly string[] } | { readonly refused: string } | "nothing"> {
	const client = new Client(`127.0.0.1:${options.port}`, options.credentials, {
		"grpc.ssl_target_name_override": "localhost",
		"grpc.enable_retries": 0,
	});
	const call = client.makeBidiStreamRequest<DiscoveryRequest, DiscoveryResponse>(
		"/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources",
		(request) => Buffer.from(toBinary(DiscoveryRequestSchema, request)),
		(bytes) => fromBinary(DiscoveryResponseSchema, bytes),
	);
	const { promise, resolve } = Promise.withResolvers<Awaited<ReturnType<typeof discover>>>();
	const timer = setTimeout(() => resolve("nothing"), options.timeoutMs ?? 5_000);
	call.on("data", (response: DiscoveryResponse) =>
		resolve({ names: response.resources.map(({ value }) => Buffer.from(value).toString("latin1")) }),
	);
	call.on("error", (error: ServiceError) => resolve({ refused: error.details }));
	call.on("end", () => resolve({ refused: "ended" }));
	const { typeUrl, names = [] } = options;
	const node = create(NodeSchema, { userAgentName: "envoy", ...options.node });
	call.write(create(DiscoveryRequestSchema, { node, typeUrl, resourceNames: [...names] }));
	const result = await promise;
	clearTimeout(timer);
	call.cancel();
	client.close();
	return result;
}

/** Asks for the state of all nodes; the node ids, or why not. */
export async function fetchStatus(port: number, channel: ChannelCredentials): Promise<readonly string[] | string> {
	const client = new Client(`127.0.0.1:${port}`, channel, { "grpc.ssl_target_name_override": "localhost" });
	const { promise, resolve } = Promise.withResolvers<readonly string[] | string>();
	client.makeUnaryRequest(
		"/envoy.service.status.v3.ClientStatusDiscoveryService/FetchClientStatus",
		(request) => Buffer.from(toBinary(ClientStatusRequestSchema, request)),
		(bytes) => fromBinary(ClientStatusResponseSchema, bytes),
		create(ClientStatusRequestSchema, {}),
		(error, response) => resolve(error?.details ?? response!.config.map(({ node }) => node?.id ?? "")),
	);
	const result = await promise;
	client.close();
	return result;
}

/** An aggregated stream that is held open until the test ends, and answers as a client does. */
export interface HeldStream {
	/** Asks for a type, acknowledges or refuses what comes of it, and resolves with the first answer's count of resources. */
	subscribe(typeUrl: string, names?: readonly string[], options?: { readonly refusing?: string }): Promise<number>;
	/** Leaves what comes without an answer from now on. */
	stall(): void;
}

/** Opens an aggregated stream, state of the world. */
export function holdStream(
	t: { after(close: () => void): void },
	options: Pick<DiscoveryCallOptions, "port" | "credentials" | "node">,
): HeldStream {
	const client = new Client(`127.0.0.1:${options.port}`, options.credentials, {
		"grpc.ssl_target_name_override": "localhost",
	});
	const call = client.makeBidiStreamRequest<DiscoveryRequest, DiscoveryResponse>(
		"/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources",
		(request) => Buffer.from(toBinary(DiscoveryRequestSchema, request)),
		(bytes) => fromBinary(DiscoveryResponseSchema, bytes),
	);
	t.after(() => {
		call.cancel();
		client.close();
	});
	const subscriptions = new Map<string, { names: string[]; refusing?: string; done: (count: number) => void }>();
	let isStalled = false;
	call.on("error", () => undefined);
	call.on("data", ({ typeUrl, nonce, versionInfo, resources }: DiscoveryResponse) => {
		const subscription = subscriptions.get(typeUrl);
		if (subscription === undefined || isStalled) return;
		const { names: resourceNames, refusing, done } = subscription;
		const base = { typeUrl, responseNonce: nonce, resourceNames };
		const errorDetail = { code: 3, message: refusing ?? "" };
		call.write(
			create(DiscoveryRequestSchema, refusing === undefined ? { ...base, versionInfo } : { ...base, errorDetail }),
		);
		done(resources.length);
	});
	const node = create(NodeSchema, { userAgentName: "envoy", ...options.node });
	return {
		subscribe(typeUrl, names = [], { refusing } = {}) {
			const { promise, resolve } = Promise.withResolvers<number>();
			subscriptions.set(typeUrl, { names: [...names], ...(refusing !== undefined && { refusing }), done: resolve });
			call.write(create(DiscoveryRequestSchema, { node, typeUrl, resourceNames: [...names] }));
			return promise;
		},
		stall() {
			isStalled = true;
		},
	};
}
