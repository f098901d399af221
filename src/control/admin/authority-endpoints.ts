import { createHash } from "node:crypto";
import { type Clock, MeshError } from "../../core/index.ts";
import type { Authority } from "../../identity/index.ts";
import { type Holders, renewWithin } from "../authority/index.ts";
import { parseJson } from "./parse-json.ts";
import { AdminError, type AdminRequest, type AdminResponse, type Endpoint } from "./router.ts";

export interface AuthorityEndpointsOptions {
	readonly authority: Authority;
	readonly holders: Holders;
	readonly clock: Clock;
}

const maxBytes = 1024 * 1024;
const maxWaitSeconds = 60;
const maxWaiting = 10_000;

/** The authority's slots, its bundle for agents that wait for the next one, and what agents say of their proxies. */
export function createAuthorityEndpoints(options: AuthorityEndpointsOptions): Endpoint[] {
	const { authority, holders } = options;
	const path = "/v1/identity/authority";
	return [
		{ method: "GET", path, answer: () => ({ body: authority.status() }) },
		{ method: "POST", path: `${path}/rotate`, maxBodyBytes: 1024, answer: (request) => rotate(authority, request) },
		{
			method: "POST",
			path: `${path}/request`,
			answer: async ({ principal }) => ({ body: { csr: await authority.requestIssuer(principal.name) } }),
		},
		{
			method: "POST",
			path: `${path}/install`,
			maxBodyBytes: maxBytes,
			answer: (request) => install(authority, request),
		},
		{ method: "GET", path: "/v1/identity/bundle", answer: createBundleFeed(options) },
		{
			method: "PUT",
			path: "/v1/identity/holders",
			maxBodyBytes: maxBytes,
			answer: async ({ body }) => {
				const reports = parseReports(body);
				for (const report of reports) await holders.onReport(report);
				return { body: { holders: reports.length } };
			},
		},
		{
			method: "DELETE",
			path: "/v1/identity/holders/{name}",
			answer: async ({ params }) => {
				const name = params["name"]!;
				if (await holders.remove(name)) return { body: { name, result: "removed" } };
				throw new AdminError(404, "HOLDER_UNKNOWN", `nobody called ${name} holds a certificate`);
			},
		},
	];
}

async function rotate(authority: Authority, { body, principal }: AdminRequest): Promise<AdminResponse> {
	const { what, force, dryRun } = (parseJson(body) ?? {}) as Record<string, unknown>;
	if (what !== "issuer" && what !== "root" && what !== "jwt")
		throw new AdminError(400, "ROTATION_INVALID", "'what' must be issuer, root or jwt");
	if (dryRun !== true) await refuse(authority.rotate(what, { by: principal.name, force: force === true }));
	return { body: authority.status() };
}

async function install(authority: Authority, { body, principal }: AdminRequest): Promise<AdminResponse> {
	const { chain, roots } = (parseJson(body) ?? {}) as Record<string, unknown>;
	if (typeof chain !== "string" || typeof roots !== "string")
		throw new AdminError(400, "ROTATION_INVALID", "'chain' and 'roots' expected, each PEM");
	await refuse(authority.installIssuer({ chain, roots }, principal.name));
	return { body: authority.status() };
}

/** What does not fit is the asker's fault. */
async function refuse(work: Promise<void>): Promise<void> {
	try {
		await work;
	} catch (error) {
		if (!(error instanceof MeshError)) throw error;
		const isAsked = ["AUTHORITY_ROTATING", "AUTHORITY_UPSTREAM", "TRUST_BUNDLE_INVALID"].includes(error.code);
		if (isAsked) throw new AdminError(409, error.code, error.message);
		throw error;
	}
}

/** Answers `GET /v1/identity/bundle?after=<revision>&wait=<seconds>`: at once when the revision is another one, else when it changes. */
function createBundleFeed({ authority, holders, clock }: AuthorityEndpointsOptions): Endpoint["answer"] {
	const waiting = new Set<() => void>();
	authority.onChange(() => {
		for (const wake of [...waiting]) wake();
	});

	function describe() {
		const { trustDomain } = authority;
		const bundle = authority.bundle();
		const root = authority.status().roots.find(({ phase }) => phase === "active")?.name ?? "";
		const feed = {
			trustDomain,
			bundle: bundle.pem,
			roots: bundle.authorities.map(({ id }) => id),
			sequence: authority.sequence(),
			/** Certificates under another root are to be renewed. */
			activeRoot: root,
			jwtKeys: authority.jwtKeys(),
			federated: authority.federatedBundles().filter(({ pem }) => pem !== ""),
		};
		const revision = createHash("sha256").update(JSON.stringify(feed)).digest("base64url").slice(0, 22);
		return { ...feed, revision, renewWithinMs: renewWithin(holders.count()) };
	}

	return async ({ query }) => {
		const waitSeconds = Math.min(Number(query.get("wait") ?? "0") || 0, maxWaitSeconds);
		const body = describe();
		if (body.revision !== query.get("after") || waitSeconds <= 0 || waiting.size >= maxWaiting) return { body };
		await new Promise<void>((resolve) => {
			const timer = clock.setTimer(waitSeconds * 1000, () => wake(), { unref: true });
			const wake = (): void => {
				timer.cancel();
				waiting.delete(wake);
				resolve();
			};
			waiting.add(wake);
		});
		return { body: describe() };
	};
}

function parseReports(body: string) {
	const { holders } = (parseJson(body) ?? {}) as { readonly holders?: unknown };
	if (!Array.isArray(holders)) throw new AdminError(400, "HOLDERS_INVALID", "'holders' must be a list");
	return holders.map((report: Record<string, unknown> | null) => {
		const { name, acknowledged, serial } = report ?? {};
		const isList =
			Array.isArray(acknowledged) && acknowledged.length <= 64 && acknowledged.every((id) => typeof id === "string");
		if (typeof name !== "string" || name === "" || name.length > 512 || !isList)
			throw new AdminError(400, "HOLDERS_INVALID", "each holder needs 'name' and 'acknowledged', a list of root ids");
		return { name, acknowledged: acknowledged as string[], ...(typeof serial === "string" && { serial }) };
	});
}
