import type { Command } from "commander";
import {
	type CliContext,
	type MeshOptions,
	openMesh,
	print,
	withExamples,
	withMeshOptions,
	withState,
} from "../context.ts";
import type { AgentStatus } from "../mesh/admin-api.ts";
import { formatTable } from "../output/table.ts";

const example = "spiffe://cluster.local/amime/agent/join_token/4b1c…";

/** `amime agent list`, and `amime identity agents`. */
export function addAgentsCommand(parent: Command, context: CliContext, name: "list" | "agents"): void {
	const command = parent
		.command(name)
		.description("list the nodes that showed who they are")
		.action(async (options: MeshOptions) => {
			const agents = (await openMesh(context, options).list("/v1/identity/agents")) as AgentStatus[];
			await print(context, options.output, agents, () => formatAgents(agents));
		});
	withExamples(withMeshOptions(command), [[`amime ${parent.name()} ${name}`, "every agent and how it attested"]]);
}

/** `amime agent evict`, and `amime identity evict`. */
export function addEvictCommand(parent: Command, context: CliContext): void {
	const command = parent
		.command("evict")
		.description("take a node out: its agent gets nothing more until it attests again")
		.argument("<id>", "SPIFFE ID of the agent")
		.option("--ban", "it may not attest again")
		.action((id: string, options: EvictOptions) => takeOut(context, id, options));
	withExamples(withState(command), [[`amime ${parent.name()} evict ${example} --ban`, "a machine that was lost"]]);
}

/** `amime agent ban`. */
export function addBanCommand(parent: Command, context: CliContext): void {
	const command = parent
		.command("ban")
		.description("take a node out for good: its agent gets nothing more and may not attest again")
		.argument("<id>", "SPIFFE ID of the agent")
		.action((id: string, options: EvictOptions) => takeOut(context, id, { ...options, ban: true }));
	withExamples(withState(command), [[`amime agent ban ${example}`, "a machine that was lost"]]);
}

interface EvictOptions {
	readonly state?: string;
	readonly ban?: boolean;
}

async function takeOut(context: CliContext, id: string, options: EvictOptions): Promise<void> {
	const query = new URLSearchParams({ spiffeId: id });
	const mesh = openMesh(context, options);
	if (options.ban === true) await mesh.request("POST", `/v1/identity/agents/ban?${query}`);
	else await mesh.request("DELETE", `/v1/identity/agents?${query}`);
	context.host.out.write(`agent ${id} ${options.ban === true ? "banned" : "evicted"}\n`);
}

function formatAgents(agents: readonly AgentStatus[]): string {
	if (agents.length === 0) return "no agent has attested\n";
	const rows = agents.map(({ spiffeId, attestor, expiresAt, isBanned }) => [
		spiffeId,
		attestor,
		isBanned ? "banned" : expiresAt,
	]);
	return formatTable(["AGENT", "BY", "UNTIL"], rows);
}
