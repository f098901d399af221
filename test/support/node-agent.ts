import { join } from "node:path";
import type { TestContext } from "node:test";
import {
	createContainerAttestor,
	createUnixAttestor,
	type WorkloadAttestor,
} from "../../src/agent/attest-workload/index.ts";
import type { NodeEvidence, SavedIdentity } from "../../src/agent/node-identity/index.ts";
import { createNodeAgent, type NodeAgent } from "../../src/agent/workload-api/index.ts";
import type { ControlPlaneOptions } from "../../src/control/index.ts";
import { createLog } from "../../src/core/index.ts";
import { startControlPlane, type TestControlPlane } from "./control-plane.ts";
import { makeTemporaryFolder } from "./temporary-folder.ts";

/** A control plane that serves agents, and what tests ask of it. */
export interface NodeWorld extends TestControlPlane {
	/** Makes a registration entry below `/node/one` for this process's user, bent by the change; answers with its id. */
	createEntry(change?: Readonly<Record<string, unknown>>): Promise<string>;
	deleteEntry(id: string): Promise<void>;
	/** A join token whose node is `/node/one`. */
	createToken(ttlSeconds?: number): Promise<string>;
	/** An agent that is not started. */
	createAgent(t: TestContext, evidence: NodeEvidence | undefined, change?: AgentChange): Promise<TestAgent>;
	/** One that attested with a join token and serves. */
	startAgent(t: TestContext, change?: AgentChange): Promise<TestAgent>;
}

export interface AgentChange {
	readonly attestors?: readonly WorkloadAttestor[];
	readonly socketPath?: string;
	readonly saved?: SavedIdentity;
	readonly maxConnectionsPerUser?: number;
}

export interface TestAgent extends NodeAgent {
	/** What it logged, one JSON object each. */
	readonly lines: readonly string[];
}

export async function startNodeWorld(t: TestContext, change: Partial<ControlPlaneOptions> = {}): Promise<NodeWorld> {
	const control = await startControlPlane(t, "", { agentAddress: "127.0.0.1:0", ...change });
	const { plane, admin } = control;
	const post = async (path: string, body: unknown): Promise<Record<string, string>> => {
		const answer = await admin("POST", path, JSON.stringify(body));
		if (answer.status !== 201) throw new Error(answer.body);
		return JSON.parse(answer.body) as Record<string, string>;
	};
	const world: NodeWorld = {
		...control,
		async createEntry(bend = {}) {
			const entry = {
				spiffeId: "/ns/shop/sa/web",
				parentId: "/node/one",
				selectors: [`unix:uid:${process.getuid!()}`],
				...bend,
			};
			return (await post("/v1/identity/entries", entry))["id"]!;
		},
		async deleteEntry(id) {
			const { status, body } = await admin("DELETE", `/v1/identity/entries/${id}`);
			if (status !== 200) throw new Error(body);
		},
		async createToken(ttlSeconds = 600) {
			return (await post("/v1/identity/join-tokens", { spiffeId: "/node/one", ttlSeconds }))["token"]!;
		},
		async createAgent(context, evidence, options = {}) {
			const bundle = (JSON.parse((await admin("GET", "/v1/identity/bundle")).body) as { bundle: string }).bundle;
			const lines: string[] = [];
			const agent = createNodeAgent({
				servers: [`127.0.0.1:${plane.agentPort}`],
				trustDomain: change.settings?.trustDomain ?? "cluster.local",
				bundle,
				evidence,
				...(options.saved !== undefined && { saved: options.saved }),
				...(options.maxConnectionsPerUser !== undefined && { maxConnectionsPerUser: options.maxConnectionsPerUser }),
				attestors: options.attestors ?? [createUnixAttestor(), createContainerAttestor()],
				socketPath: options.socketPath ?? join(makeTemporaryFolder(context), "api.sock"),
				log: createLog({ level: "debug", format: "json", write: (line) => lines.push(line) }),
			});
			context.after(() => agent.close());
			return Object.assign(agent, { lines });
		},
		async startAgent(context, options) {
			const token = await world.createToken();
			const agent = await world.createAgent(context, { kind: "join_token", token }, options);
			await agent.start();
			return agent;
		},
	};
	return world;
}
