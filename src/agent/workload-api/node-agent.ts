import { type Clock, type Log, type Random, systemClock, systemRandom } from "../../core/index.ts";
import type { WorkloadAttestor } from "../attest-workload/index.ts";
import {
	createAgentClient,
	createNodeSession,
	type NodeEvidence,
	type NodeSession,
	type SavedIdentity,
} from "../node-identity/index.ts";
import { createIdentities } from "./identities.ts";
import { createProxyBoard } from "./proxy-board.ts";
import { createWorkloadServer } from "./workload-server.ts";

export interface NodeAgentOptions {
	/** `host:port` of the agent addresses of control planes. */
	readonly servers: readonly string[];
	readonly trustDomain: string;
	/** PEM of the trust domain's roots. */
	readonly bundle: string;
	/** Undefined for one with a saved identity alone. */
	readonly evidence: NodeEvidence | undefined;
	/** Where it keeps its own identity over restarts; nowhere by default. */
	readonly saved?: SavedIdentity;
	readonly attestors: readonly WorkloadAttestor[];
	/** The socket of the Workload API and SDS. */
	readonly socketPath: string;
	/** See WorkloadServerOptions. */
	readonly maxConnectionsPerUser?: number;
	readonly log: Log;
	readonly clock?: Clock;
	readonly random?: Random;
}

/** The agent of a node: attested to the control plane, it gives identities to the workloads of its machine. Private keys are in its
 *  memory only. */
export interface NodeAgent {
	/** Attests, then serves. Workloads that come before the control plane has answered are told to come again.
	 *  @throws MeshError when the node is refused, or the socket cannot be opened */
	start(): Promise<void>;
	readonly session: NodeSession;
	readonly socketPath: string;
	close(): Promise<void>;
}

export function createNodeAgent(options: NodeAgentOptions): NodeAgent {
	const { servers, trustDomain, bundle, evidence, attestors, log } = options;
	const clock = options.clock ?? systemClock;
	const random = options.random ?? systemRandom;
	const client = createAgentClient({ servers, trustDomain, bundle });
	const session = createNodeSession({
		client,
		evidence,
		...(options.saved !== undefined && { saved: options.saved }),
		clock,
		random,
		log,
	});
	const identities = createIdentities({ session, clock, random, log });
	const proxies = createProxyBoard({ tell: (reports) => session.reportProxies(reports), clock, log });
	const server = createWorkloadServer({
		...{ socketPath: options.socketPath, identities, attestors, proxies, clock, log },
		...(options.maxConnectionsPerUser !== undefined && { maxConnectionsPerUser: options.maxConnectionsPerUser }),
	});
	return {
		async start() {
			await session.start();
			await server.start();
		},
		session,
		socketPath: server.socketPath,
		async close() {
			await server.close();
			proxies.close();
			identities.close();
			session.close();
		},
	};
}
