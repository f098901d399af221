import { type Problem, suggestNearest, type Validated } from "../../core/index.ts";
import { isSpiffeId, parseSpiffeId, type RegistrationEntry, type SpiffeId } from "../../model/index.ts";

/** What an entry is made in. */
export interface EntryContext {
	readonly trustDomain: string;
	/** Milliseconds since the epoch. */
	readonly now: number;
	/** For an entry that gives none. */
	readonly newId: string;
}

/** The kinds of selectors there are, each with the names that may follow; none means that any text may. */
const selectorNames: Readonly<Record<string, readonly string[]>> = {
	unix: ["uid", "user", "gid", "group", "supplementary_gid", "supplementary_group", "path", "sha256"],
	systemd: ["id", "fragment_path"],
	container: ["id"],
	cgroup: ["path"],
	k8s: [
		"ns",
		"sa",
		"pod-name",
		"pod-uid",
		"pod-label",
		"pod-owner",
		"pod-image",
		"pod-image-count",
		"container-name",
		"container-image",
		"node-name",
	],
	spiffe_id: [],
	x509pop: ["subject", "ca", "san"],
	k8s_psat: ["cluster", "agent_ns", "agent_sa", "agent_pod_name", "agent_pod_uid", "agent_node_name", "agent_node_uid"],
};

const fields = [
	"id",
	"spiffeId",
	"parentId",
	"selectors",
	"x509TtlSeconds",
	"jwtTtlSeconds",
	"dnsNames",
	"hint",
	"federatesWith",
	"admin",
	"downstream",
	"expiresAt",
];
const idPattern = /^[A-Za-z0-9._-]{1,255}$/;
const dnsPattern = /^(\*\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.?$/i;
const trustDomainPattern = /^[a-z0-9._-]{1,255}$/;
const maxItems = 256;
const maxSelectorLength = 4096;
const maxHintLength = 1024;
const maxTtlSeconds = 10 * 365 * 86_400;

/** Reads an entry as the admin API takes it and reports every problem of it. IDs may be given as paths of the own trust domain. */
export function parseEntry(value: unknown, context: EntryContext): Validated<RegistrationEntry> {
	const problems: Problem[] = [];
	if (typeof value !== "object" || value === null || Array.isArray(value))
		return { ok: false, problems: [{ path: "", problem: "must be an object" }] };
	const given = value as Readonly<Record<string, unknown>>;
	for (const field of Object.keys(given))
		if (!fields.includes(field))
			problems.push({ path: field, problem: `there is no such field${suggestNearest(field, fields)}` });
	const { trustDomain } = context;
	const spiffeId = readId(given["spiffeId"], "spiffeId", trustDomain, problems);
	const parentId = readId(given["parentId"], "parentId", trustDomain, problems);
	if (spiffeId.startsWith(`spiffe://${trustDomain}/amime/`))
		problems.push({
			path: "spiffeId",
			problem: "paths that begin with '/amime/' are those of control planes and agents",
		});
	const id = given["id"] ?? context.newId;
	if (typeof id !== "string" || !idPattern.test(id))
		problems.push({ path: "id", problem: "takes 1 to 255 letters of A-Z a-z 0-9 . _ -" });
	const selectors = readList(given["selectors"], "selectors", findSelectorProblem, problems);
	if (given["selectors"] === undefined || selectors.length === 0)
		problems.push({ path: "selectors", problem: "needs at least one, such as 'unix:uid:1000'" });
	const x509Ttl = readTtl(given["x509TtlSeconds"], "x509TtlSeconds", problems);
	const jwtTtl = readTtl(given["jwtTtlSeconds"], "jwtTtlSeconds", problems);
	const hint = given["hint"] ?? "";
	if (typeof hint !== "string" || hint.length > maxHintLength)
		problems.push({ path: "hint", problem: `must be text of at most ${maxHintLength} letters` });
	const expiresAt = readTime(given["expiresAt"], context.now, problems);
	const entry = {
		id: id as string,
		spiffeId,
		parentId,
		selectors: [...new Set(selectors)].sort(),
		...(x509Ttl === undefined ? {} : { x509TtlMs: x509Ttl * 1000 }),
		...(jwtTtl === undefined ? {} : { jwtTtlMs: jwtTtl * 1000 }),
		dnsNames: readList(given["dnsNames"], "dnsNames", findDnsProblem, problems),
		hint: hint as string,
		federatesWith: readList(given["federatesWith"], "federatesWith", findDomainProblem, problems).map(stripScheme),
		admin: readFlag(given["admin"], "admin", problems),
		downstream: readFlag(given["downstream"], "downstream", problems),
		...(expiresAt === undefined ? {} : { expiresAt }),
		createdAt: context.now,
	};
	return problems.length === 0 ? { ok: true, value: entry } : { ok: false, problems };
}

/** An entry as the admin API tells it, with the fields that it takes. */
export function describeEntry(entry: RegistrationEntry): Record<string, unknown> {
	const { x509TtlMs, jwtTtlMs, expiresAt, createdAt, ...rest } = entry;
	return {
		...rest,
		...(x509TtlMs === undefined ? {} : { x509TtlSeconds: x509TtlMs / 1000 }),
		...(jwtTtlMs === undefined ? {} : { jwtTtlSeconds: jwtTtlMs / 1000 }),
		...(expiresAt === undefined ? {} : { expiresAt: new Date(expiresAt).toISOString() }),
		createdAt: new Date(createdAt).toISOString(),
	};
}

/** A SPIFFE ID with a path in the own trust domain. */
export function readId(value: unknown, path: string, trustDomain: string, problems: Problem[]): SpiffeId {
	const own = `spiffe://${trustDomain}/`;
	const text = typeof value === "string" && value.startsWith("/") ? own + value.slice(1) : value;
	if (typeof text !== "string" || !isSpiffeId(text))
		problems.push({
			path,
			problem: `must be a SPIFFE ID such as '${own}ns/shop/sa/web'${typeof value === "string" ? `, not '${value.slice(0, 100)}'` : ""}`,
		});
	else if (!text.startsWith(own))
		problems.push({ path, problem: `must be of the trust domain ${trustDomain}, with a path: '${own}…'` });
	else return text;
	return parseSpiffeId(`${own}invalid`);
}

function readList(
	value: unknown,
	path: string,
	find: (item: string) => string | undefined,
	problems: Problem[],
): string[] {
	if (value === undefined) return [];
	if (!Array.isArray(value) || value.length > maxItems) {
		problems.push({ path, problem: `must be a list of at most ${maxItems}` });
		return [];
	}
	for (const [position, item] of value.entries()) {
		const problem = typeof item === "string" ? find(item) : "must be text";
		if (problem !== undefined) problems.push({ path: `${path}[${position}]`, problem });
	}
	return value.filter((item) => typeof item === "string");
}

function findSelectorProblem(selector: string): string | undefined {
	if (selector.length > maxSelectorLength) return `longer than ${maxSelectorLength} letters`;
	const [kind = "", name = "", ...rest] = selector.split(":");
	const names = Object.hasOwn(selectorNames, kind) ? selectorNames[kind] : undefined;
	const kinds = Object.keys(selectorNames);
	if (names === undefined)
		return `'${kind}' is no kind of selector${suggestNearest(kind, kinds)}; there are ${kinds.join(", ")}`;
	if (names.length === 0) return name === "" ? `'${kind}:' needs a value` : undefined;
	if (!names.includes(name))
		return `'${kind}:${name}' is no selector${suggestNearest(name, names)}; of ${kind} there are ${names.join(", ")}`;
	return rest.join(":") === "" ? `'${kind}:${name}' needs a value: '${kind}:${name}:…'` : undefined;
}

function findDnsProblem(name: string): string | undefined {
	return name.length <= 253 && dnsPattern.test(name) ? undefined : `'${name.slice(0, 100)}' is no DNS name`;
}

function findDomainProblem(name: string): string | undefined {
	return trustDomainPattern.test(stripScheme(name)) ? undefined : `'${name.slice(0, 100)}' is no trust domain`;
}

function stripScheme(name: string): string {
	return name.replace(/^spiffe:\/\//, "");
}

function readTtl(value: unknown, path: string, problems: Problem[]): number | undefined {
	if (value === undefined || value === 0) return undefined;
	if (typeof value === "number" && Number.isInteger(value) && value > 0 && value <= maxTtlSeconds) return value;
	problems.push({ path, problem: `must be a whole number of seconds, 1 to ${maxTtlSeconds}` });
	return undefined;
}

function readFlag(value: unknown, path: string, problems: Problem[]): boolean {
	if (value !== undefined && typeof value !== "boolean") problems.push({ path, problem: "must be true or false" });
	return value === true;
}

function readTime(value: unknown, now: number, problems: Problem[]): number | undefined {
	if (value === undefined) return undefined;
	const time = typeof value === "string" ? Date.parse(value) : Number.NaN;
	if (Number.isNaN(time)) problems.push({ path: "expiresAt", problem: "must be a time such as 2027-01-31T12:00:00Z" });
	else if (time <= now) problems.push({ path: "expiresAt", problem: "is over already" });
	else return time;
	return undefined;
}
