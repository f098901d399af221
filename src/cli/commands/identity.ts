import type { Command } from "commander";
import { MeshError, systemClock } from "../../core/index.ts";
import {
	type CliContext,
	type MeshOptions,
	openMesh,
	print,
	withExamples,
	withMeshOptions,
	withState,
} from "../context.ts";
import type { EntryStatus } from "../mesh/admin-api.ts";
import { formatTable } from "../output/table.ts";
import { collectText, parseLifetime } from "../parse-arguments.ts";
import { addAgentsCommand, addEvictCommand } from "./agents.ts";

/** `amime identity …`: who gets which identity, and which nodes may give it out. */
export function addIdentityCommand(program: Command, context: CliContext): void {
	const command = program
		.command("identity")
		.description("registration entries (which workloads get which SPIFFE ID) and the agents that give them out");
	addCreateCommand(command, context);
	addListCommand(command, context);
	addShowCommand(command, context);
	addEntryDeleteCommand(command, context);
	addTokenCommand(command, context);
	addAgentsCommand(command, context, "agents");
	addEvictCommand(command, context);
	addBundleCommand(command, context);
	withExamples(command, [
		["amime identity token --spiffe-id /node/one", "a join token for the agent of a node"],
		[
			"amime identity create --spiffe-id /ns/shop/sa/web --parent /node/one --selector unix:uid:1000",
			"who is web there",
		],
		["amime identity list", "every entry"],
	]);
}

interface CreateOptions extends MeshOptions {
	readonly spiffeId: string;
	readonly parent: string;
	readonly selector: readonly string[];
	readonly id?: string;
	readonly ttl?: number;
	readonly jwtTtl?: number;
	readonly dns: readonly string[];
	readonly hint?: string;
	readonly federatesWith: readonly string[];
	readonly admin?: boolean;
	readonly downstream?: boolean;
	readonly expiresIn?: number;
	readonly expiresAt?: string;
}

function addCreateCommand(parent: Command, context: CliContext): void {
	const command = parent
		.command("create")
		.description("make an entry: workloads with these selectors get this SPIFFE ID from agents below the parent")
		.requiredOption("--spiffe-id <id>", "the identity, spiffe://… or a path of the mesh's trust domain")
		.requiredOption("--parent <id>", "the agent, or the ID of a group of agents, that gives it out")
		.requiredOption("--selector <type:value>", "such as unix:uid:1000; all that are given must match", collectText, [])
		.option("--id <id>", "name of the entry (default: a random one)")
		.option("--ttl <duration>", "life of its certificates, such as 1h (default: the mesh's)", parseLifetime)
		.option("--jwt-ttl <duration>", "life of its tokens (default: 5m)", parseLifetime)
		.option("--dns <name>", "name besides the ID in its certificate; may be given several times", collectText, [])
		.option("--hint <text>", "tells identities of one workload apart")
		.option(
			"--federates-with <domain>",
			"trust domain whose bundle it gets; may be given several times",
			collectText,
			[],
		)
		.option("--admin", "its holders may use the admin API")
		.option("--downstream", "its holders are authorities of the trust domain")
		.option("--expires-in <duration>", "the entry ends by itself after this time", parseLifetime)
		.option("--expires-at <time>", "the entry ends by itself at this time, such as 2027-01-31T12:00:00Z")
		.action(async (options: CreateOptions) => {
			const mesh = openMesh(context, options);
			const entry = (await mesh.request("POST", "/v1/identity/entries", toBody(options))) as EntryStatus;
			await print(context, options.output, entry, () => `entry ${entry.id} created: ${entry.spiffeId}\n`);
		});
	withExamples(withMeshOptions(command), [
		[
			"amime identity create --spiffe-id /ns/shop/sa/web --parent /node/one --selector unix:user:web --dns web.shop",
			"processes of the user web",
		],
		[
			"amime identity create --spiffe-id /ns/ci/sa/job --parent /node/one --selector unix:path:/usr/bin/job --expires-in 8h",
			"for one shift",
		],
	]);
}

function toBody(options: CreateOptions): Record<string, unknown> {
	const { spiffeId, parent, selector, id, ttl, jwtTtl, dns, hint, federatesWith, admin, downstream } = options;
	if (options.expiresIn !== undefined && options.expiresAt !== undefined)
		throw new MeshError("ENTRY_INVALID", "--expires-in and --expires-at say the same: give one of them");
	const expiresAt =
		options.expiresIn === undefined
			? options.expiresAt
			: new Date(systemClock.wall() + options.expiresIn * 1000).toISOString();
	return {
		spiffeId,
		parentId: parent,
		selectors: selector,
		...(id === undefined ? {} : { id }),
		...(ttl === undefined ? {} : { x509TtlSeconds: ttl }),
		...(jwtTtl === undefined ? {} : { jwtTtlSeconds: jwtTtl }),
		dnsNames: dns,
		...(hint === undefined ? {} : { hint }),
		federatesWith,
		admin: admin === true,
		downstream: downstream === true,
		...(expiresAt === undefined ? {} : { expiresAt }),
	};
}

interface ListOptions extends MeshOptions {
	readonly spiffeId?: string;
	readonly parent?: string;
	readonly selector: readonly string[];
}

function addListCommand(parent: Command, context: CliContext): void {
	const command = parent
		.command("list")
		.description("list registration entries")
		.option("--spiffe-id <id>", "only those of this identity")
		.option("--parent <id>", "only those below this agent or group")
		.option("--selector <type:value>", "only those with this selector; may be given several times", collectText, [])
		.action(async (options: ListOptions) => {
			const query = new URLSearchParams(options.selector.map((selector) => ["selector", selector]));
			if (options.spiffeId !== undefined) query.set("spiffeId", options.spiffeId);
			if (options.parent !== undefined) query.set("parentId", options.parent);
			const path = `/v1/identity/entries${query.size === 0 ? "" : `?${query}`}`;
			const entries = (await openMesh(context, options).list(path)) as EntryStatus[];
			await print(context, options.output, entries, () => formatEntries(entries));
		});
	withExamples(withMeshOptions(command), [["amime identity list --selector unix:uid:1000", "what user 1000 gets"]]);
}

function addShowCommand(parent: Command, context: CliContext): void {
	const command = parent
		.command("show")
		.description("show everything about one entry")
		.argument("<id>", "name of the entry")
		.action(async (id: string, options: MeshOptions) => {
			const path = `/v1/identity/entries/${encodeURIComponent(id)}`;
			const entry = (await openMesh(context, options).request("GET", path)) as EntryStatus;
			await print(context, options.output, entry, () => formatEntry(entry));
		});
	withExamples(withMeshOptions(command), [["amime identity show web", "the entry named web"]]);
}

function addEntryDeleteCommand(parent: Command, context: CliContext): void {
	const command = parent
		.command("delete")
		.description("delete entries: no agent gives these identities out any more")
		.argument("<id...>", "names of entries")
		.action(async (ids: readonly string[], options: { readonly state?: string }) => {
			const mesh = openMesh(context, options);
			for (const id of ids) {
				await mesh.request("DELETE", `/v1/identity/entries/${encodeURIComponent(id)}`);
				context.host.out.write(`entry ${id} deleted\n`);
			}
		});
	withExamples(withState(command), [["amime identity delete web", "the entry named web"]]);
}

interface TokenAnswer {
	readonly token: string;
	readonly agentId: string;
	readonly spiffeId?: string;
	readonly expiresAt: string;
}

function addTokenCommand(parent: Command, context: CliContext): void {
	const command = parent
		.command("token")
		.description("make a join token: one agent can show it once to become a node of the mesh")
		.option("--spiffe-id <id>", "an ID that the agent gets besides its own, for entries to have as their parent")
		.option("--ttl <duration>", "how long it is good (default: 10m)", parseLifetime)
		.action(async (options: MeshOptions & { readonly spiffeId?: string; readonly ttl?: number }) => {
			const answer = (await openMesh(context, options).request("POST", "/v1/identity/join-tokens", {
				...(options.spiffeId === undefined ? {} : { spiffeId: options.spiffeId }),
				...(options.ttl === undefined ? {} : { ttlSeconds: options.ttl }),
			})) as TokenAnswer;
			await print(context, options.output, answer, () => `${answer.token}\n`);
		});
	withExamples(withMeshOptions(command), [["amime agent --join-token $TOKEN", "start the agent of a node with it"]]);
}

function addBundleCommand(parent: Command, context: CliContext): void {
	const command = parent
		.command("bundle")
		.description("print the roots of the trust domain as PEM: what an agent needs to know the control plane by")
		.action(async (options: { readonly state?: string }) => {
			const answer = (await openMesh(context, options).request("GET", "/v1/identity/bundle")) as { bundle: string };
			context.host.out.write(answer.bundle);
		});
	withExamples(withState(command), [["amime identity bundle > roots.pem", "for amime agent --trust-bundle roots.pem"]]);
}

function formatEntries(entries: readonly EntryStatus[]): string {
	if (entries.length === 0) return "no entries\n";
	const rows = entries.map(({ id, spiffeId, parentId, selectors }) => [id, spiffeId, parentId, selectors.join(" ")]);
	return formatTable(["ID", "IDENTITY", "PARENT", "SELECTORS"], rows);
}

function formatEntry(entry: EntryStatus): string {
	const rows = Object.entries(entry).map(([field, value]) => [
		field,
		Array.isArray(value) ? value.join(" ") : `${value}`,
	]);
	return formatTable(["FIELD", "VALUE"], rows);
}
