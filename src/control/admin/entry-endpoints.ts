import { randomUUID } from "node:crypto";
import { type Clock, type Log, type Problem, suggestNearest } from "../../core/index.ts";
import { type AttestedAgent, parseSpiffeId, type RegistrationEntry, type SpiffeId } from "../../model/index.ts";
import { type IdentityRegistry, joinTokenPurpose } from "../../registry/index.ts";
import { describeEntry, parseEntry, readId } from "./parse-entry.ts";
import { parseJson } from "./parse-json.ts";
import { AdminError, type AdminRequest, type AdminResponse, type Endpoint } from "./router.ts";

export interface EntryEndpointsOptions {
	readonly identity: IdentityRegistry;
	/** An agent that was taken out is waited for no more. */
	readonly onAgentOut: (agent: SpiffeId) => Promise<void>;
	readonly trustDomain: string;
	readonly clock: Clock;
	readonly log: Log;
}

const maxEntryBytes = 256 * 1024;
const maxEntries = 100_000;
const defaultTokenTtlSeconds = 600;
const maxTokenTtlSeconds = 7 * 86_400;

/** Registration entries, agents and their join tokens. Whoever makes entries decides who is who, so changes take admins. */
export function createEntryEndpoints(options: EntryEndpointsOptions): Endpoint[] {
	const { identity } = options;
	const { entries, agents } = identity;
	return [
		{ method: "GET", path: "/v1/identity/entries", answer: ({ query }) => listEntries(entries.list(), query) },
		{
			method: "POST",
			path: "/v1/identity/entries",
			role: "admin",
			maxBodyBytes: maxEntryBytes,
			answer: (request) => createEntry(options, request),
		},
		{
			method: "GET",
			path: "/v1/identity/entries/{id}",
			answer: ({ params }) => ({ body: describeEntry(findEntry(options, params["id"]!)) }),
		},
		{
			method: "PUT",
			path: "/v1/identity/entries/{id}",
			role: "admin",
			maxBodyBytes: maxEntryBytes,
			answer: (request) => replaceEntry(options, request),
		},
		{
			method: "DELETE",
			path: "/v1/identity/entries/{id}",
			role: "admin",
			async answer({ params, principal }) {
				const { id, spiffeId } = findEntry(options, params["id"]!);
				await entries.remove(id);
				options.log.info("audit: entry deleted", { who: principal.name, id, spiffeId });
				return { body: { id, spiffeId, result: "deleted" } };
			},
		},
		{
			method: "POST",
			path: "/v1/identity/join-tokens",
			role: "admin",
			maxBodyBytes: maxEntryBytes,
			answer: (request) => createToken(options, request),
		},
		{
			method: "GET",
			path: "/v1/identity/agents",
			answer: () => ({ body: { items: agents.list().map(describeAgent) } }),
		},
		{
			method: "DELETE",
			path: "/v1/identity/agents",
			role: "admin",
			answer: (request) => changeAgent(options, request, "evicted"),
		},
		{
			method: "POST",
			path: "/v1/identity/agents/ban",
			role: "admin",
			answer: (request) => changeAgent(options, request, "banned"),
		},
	];
}

function listEntries(entries: readonly RegistrationEntry[], query: URLSearchParams): AdminResponse {
	const spiffeId = query.get("spiffeId");
	const parentId = query.get("parentId");
	const selectors = query.getAll("selector");
	const items = entries.filter(
		(entry) =>
			(spiffeId === null || entry.spiffeId === spiffeId) &&
			(parentId === null || entry.parentId === parentId) &&
			selectors.every((selector) => entry.selectors.includes(selector)),
	);
	return { body: { items: items.map(describeEntry) } };
}

async function createEntry(
	{ identity: { entries }, trustDomain, clock, log }: EntryEndpointsOptions,
	{ body, principal }: AdminRequest,
): Promise<AdminResponse> {
	const parsed = parseEntry(parseJson(body), { trustDomain, now: clock.wall(), newId: randomUUID() });
	if (!parsed.ok) throw invalid(parsed.problems);
	const entry = parsed.value;
	if (entries.size >= maxEntries)
		throw new AdminError(409, "ENTRY_LIMIT", `there are ${maxEntries} entries already: delete some first`);
	const same = entries.findSame(entry);
	if (same !== undefined)
		throw new AdminError(
			409,
			"ENTRY_EXISTS",
			`${entry.spiffeId} has these selectors and this parent already: ${same.id}`,
		);
	if (!(await entries.create(entry)))
		throw new AdminError(409, "ENTRY_EXISTS", `there is an entry '${entry.id}' already: give another id`);
	log.info("audit: entry created", { who: principal.name, id: entry.id, spiffeId: entry.spiffeId });
	return { status: 201, body: { ...describeEntry(entry), result: "created" } };
}

async function replaceEntry(
	options: EntryEndpointsOptions,
	{ params, body, principal }: AdminRequest,
): Promise<AdminResponse> {
	const { trustDomain, clock, log, identity } = options;
	const { id, createdAt } = findEntry(options, params["id"]!);
	const value = parseJson(body);
	const parsed = parseEntry(value, { trustDomain, now: clock.wall(), newId: id });
	if (!parsed.ok) throw invalid(parsed.problems);
	if (parsed.value.id !== id) throw invalid([{ path: "id", problem: `must be '${id}', as in the path` }]);
	const entry = { ...parsed.value, createdAt };
	await identity.entries.put(entry);
	log.info("audit: entry changed", { who: principal.name, id, spiffeId: entry.spiffeId });
	return { body: { ...describeEntry(entry), result: "configured" } };
}

function findEntry({ identity }: EntryEndpointsOptions, id: string): RegistrationEntry {
	const entry = identity.entries.get(id);
	if (entry !== undefined) return entry;
	const ids = identity.entries.list().map((candidate) => candidate.id);
	throw new AdminError(404, "ENTRY_UNKNOWN", `there is no entry '${id}'${suggestNearest(id, ids)}`);
}

function invalid(problems: readonly Problem[]): AdminError {
	const first = problems[0]!;
	return new AdminError(422, "ENTRY_INVALID", `registration entry: ${first.path}: ${first.problem}`, { problems });
}

/** A join token, once; with `spiffeId`, the node that shows it has that identity too, so that entries can have it as their parent. */
async function createToken(
	{ identity, trustDomain, clock, log }: EntryEndpointsOptions,
	{ body, principal }: AdminRequest,
): Promise<AdminResponse> {
	const given = body === "" ? {} : (parseJson(body) as Readonly<Record<string, unknown>> | null);
	const problems: Problem[] = [];
	const ttl = given?.["ttlSeconds"] ?? defaultTokenTtlSeconds;
	if (typeof ttl !== "number" || !Number.isInteger(ttl) || ttl < 1 || ttl > maxTokenTtlSeconds)
		problems.push({ path: "ttlSeconds", problem: `must be a whole number of seconds, 1 to ${maxTokenTtlSeconds}` });
	const alias =
		given?.["spiffeId"] === undefined ? undefined : readId(given["spiffeId"], "spiffeId", trustDomain, problems);
	if (problems.length > 0) throw invalid(problems);
	const agentPath = `join_token/${randomUUID()}`;
	const token = await identity.secrets.issue(joinTokenPurpose, { agentPath }, (ttl as number) * 1000);
	const agentId = parseSpiffeId(`spiffe://${trustDomain}/amime/agent/${agentPath}`);
	if (alias !== undefined)
		await identity.entries.create({
			id: randomUUID(),
			spiffeId: alias,
			parentId: parseSpiffeId(`spiffe://${trustDomain}/amime/server`),
			selectors: [`spiffe_id:${agentId}`],
			dnsNames: [],
			hint: "",
			federatesWith: [],
			admin: false,
			downstream: false,
			createdAt: clock.wall(),
		});
	log.info("audit: join token made", { who: principal.name, agentId });
	const expiresAt = new Date(clock.wall() + (ttl as number) * 1000).toISOString();
	return { status: 201, body: { token, agentId, ...(alias === undefined ? {} : { spiffeId: alias }), expiresAt } };
}

function describeAgent({ expiresAt, attestedAt, joinToken: _, ...rest }: AttestedAgent): Record<string, unknown> {
	return {
		...rest,
		attestedAt: new Date(attestedAt).toISOString(),
		expiresAt: new Date(expiresAt).toISOString(),
	};
}

/** An evicted agent must attest again, a banned one may not even do that. */
async function changeAgent(
	{ identity: { agents, secrets }, onAgentOut, log }: EntryEndpointsOptions,
	{ query, principal }: AdminRequest,
	result: "evicted" | "banned",
): Promise<AdminResponse> {
	const spiffeId = query.get("spiffeId") ?? "";
	const agent = agents.get(spiffeId);
	if (agent === undefined) {
		const ids = agents.list().map((candidate) => candidate.spiffeId);
		throw new AdminError(404, "AGENT_UNKNOWN", `there is no agent '${spiffeId}'${suggestNearest(spiffeId, ids)}`);
	}
	// What it could still have come back with.
	if (agent.joinToken !== undefined) await secrets.forget(joinTokenPurpose, agent.joinToken);
	if (result === "evicted") await agents.remove(spiffeId);
	else await agents.update(spiffeId, (known) => ({ ...(known ?? agent), isBanned: true }));
	await onAgentOut(agent.spiffeId);
	log.info(`audit: agent ${result}`, { who: principal.name, spiffeId });
	return { body: { spiffeId, result } };
}
