/** What identity costs one core: `npm run bench -- identity`. Signatures of X.509-SVIDs, signatures and checks of JWT-SVIDs, decisions over
 *  many authorization policies. */
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay, performance } from "node:perf_hooks";
import { authorize, type RbacRules } from "../../src/engine/authorization/index.ts";
import { checkTimes, parseKeySet, parseToken, verifySignature } from "../../src/engine/jwt/index.ts";
import {
	createAuthority,
	createSigningRequest,
	createSvidSource,
	parseSigningRequest,
} from "../../src/identity/index.ts";
import { parseSpiffeId } from "../../src/model/index.ts";
import { makeCertificate, makeConnection, makeRequest, makeStream, makeTls } from "../../test/support/streams.ts";

/** One figure and the bound it must hold. */
export interface IdentityFigure {
	readonly what: string;
	readonly value: number;
	readonly unit: string;
	readonly bound?: { readonly kind: "at-least" | "at-most"; readonly value: number };
}

const svids = 10_000;
const renewals = 1_000;
const tokens = 2_000;
const checks = 200_000;
const decisions = 20_000;
const web = "spiffe://cluster.local/ns/shop/sa/web";

/** Measures everything once, on the core it runs on. */
export async function runIdentityBench(): Promise<IdentityFigure[]> {
	const folder = mkdtempSync(join(tmpdir(), "amime-bench-"));
	try {
		const authority = await createAuthority({ folder: join(folder, "ca"), trustDomain: "cluster.local" });
		const requests = Array.from({ length: 64 }, () =>
			createSigningRequest(generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey, {
				names: [{ kind: "uri", value: web }],
			}),
		);
		const signing = await time(async () => {
			for (let count = 0; count < svids; count++) {
				const csr = requests[count % requests.length]!;
				await authority.sign({ csr, spiffeId: web, ttlMs: 3_600_000, holder: "shop/web-0" });
			}
		});
		const renewing = await measureRenewals(authority);
		const issued: string[] = [];
		const tokenSigning = await time(async () => {
			for (let count = 0; count < tokens; count++)
				issued.push((await authority.signJwt({ spiffeId: web, audiences: ["a"], ttlMs: 600_000 })).token);
		});
		const jwks = { keys: authority.jwtKeys().map(({ keyId, publicJwk }) => ({ kid: keyId, ...publicJwk })) };
		authority.close();
		return [
			bounded(`${svids} SVIDs signed, request checked`, signing / 1000, "s", "at-most", 30),
			...renewing,
			figure("JWT-SVIDs signed", tokens / (tokenSigning / 1000), "a second"),
			...(await measureChecks(JSON.stringify(jwks), issued)),
			...[1, 1000].map(measureDecision),
		];
	} finally {
		rmSync(folder, { recursive: true, force: true });
	}
}

/** A thousand workloads of one agent and their authority in one process renew in ten seconds, six times as dense as in a minute: what that
 *  costs, and how late whoever shares the core is at worst. */
async function measureRenewals(authority: Awaited<ReturnType<typeof createAuthority>>): Promise<IdentityFigure[]> {
	const sources = Array.from({ length: renewals }, (_, number) => {
		const spiffeId = parseSpiffeId(`spiffe://cluster.local/ns/shop/sa/web-${number}`);
		const holder = `shop/web-${number}`;
		return createSvidSource({
			spiffeId,
			sign: (csr) => authority.sign({ csr: parseSigningRequest(csr), spiffeId, ttlMs: 3_600_000, holder }),
		});
	});
	await Promise.all(sources.map((source) => source.ready()));
	const [begin, delay] = [process.cpuUsage(), monitorEventLoopDelay({ resolution: 1 })];
	const renewed = sources.map((source) => new Promise<void>((resolve) => void source.onUpdate(() => resolve())));
	delay.enable();
	// The sources' own timers keep no process alive.
	const awake = setInterval(() => undefined, 1_000);
	for (const source of sources) source.renewWithin(10_000);
	await Promise.all(renewed).finally(() => clearInterval(awake));
	delay.disable();
	const { user, system } = process.cpuUsage(begin);
	for (const source of sources) source.close();
	return [
		// A tenth of one core over the minute that they have.
		bounded(`${renewals} renewals, key to check, in a minute`, (user + system) / 1e6, "s of a core", "at-most", 6),
		figure("p99 of the delay of others, 6 times as dense", delay.percentile(99) / 1e6, "ms"),
	];
}

/** A check of a token for the first time, and of one that is remembered by its text until it ends. */
async function measureChecks(jwks: string, issued: readonly string[]): Promise<IdentityFigure[]> {
	const keys = parseKeySet(Buffer.from(jwks));
	if (typeof keys === "string") throw new Error(keys);
	const now = Date.now() / 1000;
	const known = new Map<string, Exclude<ReturnType<typeof parseToken>, string>>();
	const first = await time(async () => {
		for (const text of issued) {
			const jwt = parseToken(text);
			if (typeof jwt === "string" || verifySignature(jwt, keys) !== "OK") throw new Error(`not good: ${text}`);
			known.set(text, jwt);
		}
	});
	const again = await time(async () => {
		for (let count = 0; count < checks; count++) {
			const jwt = known.get(issued[count % issued.length]!);
			if (jwt === undefined || checkTimes(jwt, now, 60) !== "OK") throw new Error("forgotten");
		}
	});
	return [
		figure("tokens checked by a cached key", issued.length / (first / 1000), "a second"),
		bounded("tokens checked that are remembered", checks / (again / 1000), "a second", "at-least", 20_000),
	];
}

/** The last of so many ALLOW policies lets the request in. */
function measureDecision(policies: number): IdentityFigure {
	const rules: RbacRules = {
		action: "allow",
		policies: Array.from({ length: policies }, (_, number) => ({
			name: `p${number}`,
			permissions: [{ kind: "url-path", matcher: { kind: "prefix", value: "/", ignoreCase: false } }],
			principals: [
				{
					kind: "authenticated",
					matcher: { kind: "exact", value: `spiffe://cluster.local/ns/shop/sa/web-${number}`, ignoreCase: false },
				},
			],
		})),
	};
	const tls = makeTls("", { peer: makeCertificate([`spiffe://cluster.local/ns/shop/sa/web-${policies - 1}`]) });
	const stream = makeStream(makeRequest("GET /orders", "host: orders"), { connection: makeConnection({ tls }) });
	for (let count = 0; count < 500; count++) authorize(rules, stream);
	const begin = performance.now();
	for (let count = 0; count < decisions; count++) if (!authorize(rules, stream).allowed) throw new Error("denied");
	const value = ((performance.now() - begin) * 1000) / decisions;
	// A tenth of what a request costs the proxy otherwise, some 40 µs.
	return bounded(`a decision over ${policies} policies`, value, "µs", "at-most", 4);
}

async function time(work: () => Promise<void>): Promise<number> {
	const begin = performance.now();
	await work();
	return performance.now() - begin;
}

function figure(what: string, value: number, unit: string): IdentityFigure {
	return { what, value, unit };
}

function bounded(
	what: string,
	value: number,
	unit: string,
	kind: "at-least" | "at-most",
	bound: number,
): IdentityFigure {
	return { what, value, unit, bound: { kind, value: bound } };
}

/** The figures as text, and whether all bounds hold. */
export function formatIdentityBench(figures: readonly IdentityFigure[]): {
	readonly text: string;
	readonly holds: boolean;
} {
	let holds = true;
	const lines = figures.map(({ what, value, unit, bound }) => {
		const isGood = bound === undefined || (bound.kind === "at-least" ? value >= bound.value : value <= bound.value);
		holds &&= isGood;
		const words = bound === undefined ? "" : `  ${isGood ? "holds" : "FAILS"}: ${bound.kind} ${bound.value}`;
		return `${what.padEnd(40)}${value.toFixed(value < 100 ? 2 : 0).padStart(12)} ${unit}${words}\n`;
	});
	return { text: lines.join(""), holds };
}
