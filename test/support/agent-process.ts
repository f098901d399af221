import { type ChildProcess, spawn } from "node:child_process";
import { resolve } from "node:path";
import type { TestContext } from "node:test";
import { eventually } from "./eventually.ts";
import { createWorkloadClient } from "./workload-client.ts";

const program = resolve(import.meta.dirname, "../../src/main/amime.ts");

/** `amime agent` in a process of its own. */
export interface AgentProcess {
	readonly child: ChildProcess;
	/** Its exit code; null when a signal ended it. */
	readonly exit: Promise<number | null>;
	output(): string;
}

/** Starts one; ended after the test. */
export function startAgentProcess(t: Pick<TestContext, "after">, args: readonly string[]): AgentProcess {
	const child = spawn(process.execPath, [program, "agent", ...args], { stdio: ["ignore", "pipe", "pipe"] });
	t.after(() => child.kill("SIGKILL"));
	let text = "";
	for (const stream of [child.stdout, child.stderr])
		stream.setEncoding("utf8").on("data", (part: string) => (text += part));
	return { child, exit: new Promise((done) => child.on("close", done)), output: () => text };
}

/** The SPIFFE IDs that this process gets at an agent's socket, once they are as wanted. */
export async function awaitIdentities(socketPath: string, wanted: readonly string[], agent: AgentProcess) {
	return await eventually(
		async () => {
			const client = createWorkloadClient(socketPath);
			const { svids } = await client.ask("FetchX509SVID").finally(() => client.close());
			const found = svids.map(({ spiffeId }) => spiffeId);
			if (found.join() !== wanted.join()) throw new Error(`${found.join()} in place of ${wanted.join()}`);
			return svids;
		},
		{ deadlineMs: 60_000, giveUp: () => agent.child.exitCode !== null },
	);
}
