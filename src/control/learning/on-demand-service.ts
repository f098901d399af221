import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { handleUnaryCall, Server } from "@grpc/grpc-js";
import { HeaderValueOption_HeaderAppendAction as AppendAction } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import {
	type CheckRequest,
	CheckRequestSchema,
	type CheckResponse,
	CheckResponseSchema,
} from "../../api/gen/envoy/service/auth/v3/external_auth_pb.js";
import { type Clock, describeError, type Log } from "../../core/index.ts";
import { clusterType, endpointType, type StreamPeer, streamPeerOf, type XdsServer } from "../../xds/server/index.ts";
import type { SnapshotStore } from "../snapshot/index.ts";
import { connectClusterName, onDemandContext, onDemandEgressHeader, onDemandHeader } from "../translate/index.ts";
import type { LearnedHosts } from "./learned-hosts.ts";

export interface OnDemandServiceOptions {
	readonly snapshots: Pick<SnapshotStore, "findOnDemandClient" | "nodesOf">;
	readonly learned: Pick<LearnedHosts, "of" | "learn">;
	readonly xds: Pick<XdsServer, "hasAccepted">;
	/** Why a peer may not ask for the proxies of a workload. */
	readonly refuse: (peer: StreamPeer, workload: string) => string | undefined;
	readonly clock: Clock;
	readonly log: Log;
	/** A host was learned. */
	readonly onLearned: () => void;
}

/** How long the proxies of a workload may take to accept a new cluster before the request goes on all the same. */
const acceptMs = 2_000;
const pollMs = 4;
/** How long a client that is not known yet is waited for: after a restart, requests may come before the proxies' streams. */
const findMs = 1_000;

/** Answers proxies that have no route for a host: learns the host for the workload, waits until its proxies have the cluster, and names
 *  it. A host that nobody knows is answered without a name. Spec: `envoy.service.auth.v3.Authorization`. */
export function createOnDemandService(options: OnDemandServiceOptions): {
	addTo(server: Pick<Server, "addService">): void;
} {
	const { snapshots, learned, xds, clock, log } = options;
	const pause = (): Promise<void> => {
		const { promise, resolve } = Promise.withResolvers<void>();
		clock.setTimer(pollMs, resolve, { unref: true });
		return promise;
	};
	const until = async (limitMs: number, isSo: () => boolean): Promise<void> => {
		const end = clock.now() + limitMs;
		while (!isSo() && clock.now() < end) await pause();
	};
	const answer = async ({ attributes }: CheckRequest, peer: StreamPeer): Promise<Destination | undefined> => {
		const context = attributes?.contextExtensions ?? {};
		const http = attributes?.request?.http;
		const key = context[onDemandContext.key];
		if (http === undefined || key === undefined) return undefined;
		await until(findMs, () => snapshots.findOnDemandClient(key) !== undefined);
		const port = context[onDemandContext.port];
		const client = snapshots.findOnDemandClient(key);
		const resolved = client?.resolve(http.host, port === undefined ? undefined : Number(port));
		if (client === undefined || resolved === undefined) return undefined;
		const { workload } = client;
		const refusal = options.refuse(peer, workload);
		if (refusal !== undefined) {
			log.warn("audit: refused", { what: "on-demand", workload, host: http.host, reason: refusal });
			return undefined;
		}
		const { host, cluster, isHttp, isOutside } = resolved;
		if (!learned.of(workload).has(host)) {
			await learned.learn(workload, host);
			options.onLearned();
			log.info("host learned", { workload, host });
		}
		const nodes = snapshots.nodesOf(workload);
		await until(acceptMs, () => [clusterType, endpointType].every((type) => xds.hasAccepted(nodes, type, cluster)));
		// What is tunnelled to an HTTP service through the forward proxy is routed there like any request.
		const isTunnel = http.method === "CONNECT" && isHttp && isForwardProxy(context);
		return { cluster: isTunnel ? connectClusterName : cluster, isOutside };
	};
	const check: handleUnaryCall<CheckRequest, CheckResponse> = (call, done) => {
		answer(call.request, streamPeerOf(call)).then(
			(destination) => done(null, toResponse(destination)),
			(error: unknown) => {
				log.warn("a proxy's question cannot be answered", { problem: describeError(error) });
				done(null, toResponse(undefined));
			},
		);
	};
	return {
		addTo(server) {
			server.addService(
				{
					check: {
						path: "/envoy.service.auth.v3.Authorization/Check",
						requestStream: false,
						responseStream: false,
						requestSerialize: (message: CheckRequest) => Buffer.from(toBinary(CheckRequestSchema, message)),
						requestDeserialize: (bytes: Buffer) => fromBinary(CheckRequestSchema, bytes),
						responseSerialize: (message: CheckResponse) => Buffer.from(toBinary(CheckResponseSchema, message)),
						responseDeserialize: (bytes: Buffer) => fromBinary(CheckResponseSchema, bytes),
					},
				},
				{ check },
			);
		},
	};
}

/** Tunnels of captured connections say an address, and bytes are bytes. */
function isForwardProxy(context: Readonly<Record<string, string>>): boolean {
	return context[onDemandContext.tunnel] === undefined;
}

/** Where a host is. */
interface Destination {
	readonly cluster: string;
	readonly isOutside: boolean;
}

/** Always consent; a client's own header never counts. */
function toResponse(destination: Destination | undefined): CheckResponse {
	const set = (key: string, value: string) => ({
		header: { key, value },
		appendAction: AppendAction.OVERWRITE_IF_EXISTS_OR_ADD,
	});
	return create(CheckResponseSchema, {
		status: { code: 0 },
		httpResponse: {
			case: "okResponse",
			value:
				destination === undefined
					? { headersToRemove: [onDemandHeader, onDemandEgressHeader] }
					: {
							headers: [
								set(onDemandHeader, destination.cluster),
								...(destination.isOutside ? [set(onDemandEgressHeader, "true")] : []),
							],
						},
		},
	});
}
