import { generateKeyPairSync, sign } from "node:crypto";
import { type Check, divide, type Outcome, type ScenarioContext } from "../scenario.ts";
import { compareThroughput, pair, single } from "./throughput.ts";

const extensions = "type.googleapis.com/envoy.extensions.filters.http.";
const issuer = "https://bench.example";
const policies = 1_000;
const peers = ["amime", "envoy"] as const;

/** A sidecar pair whose inner side judges each request by a thousand ALLOW policies of callers, of which the last matches, beside one without
 *  policies. */
export async function runPolicies(context: ScenarioContext): Promise<Outcome> {
	const variants = peers.flatMap((peer) => [
		pair(peer, { outer: { http2Upstream: true }, inner: {} }, `${peer} none`),
		pair(peer, { outer: { http2Upstream: true }, inner: { filters: [createPolicies()] } }, `${peer} ${policies}`),
	]);
	const outcome = await compareThroughput(context, variants, { connections: 32 }, { mustRatio: 1 });
	const value = divide(costOf(outcome, `amime ${policies}`), costOf(outcome, "amime none"));
	const check: Check = { what: "processor time with policies / without", value, bound: 1.1, kind: "at-most" };
	return { ...outcome, checks: [...outcome.checks, check] };
}

/** A proxy that checks the same token again and again, as clients send them, beside one that checks none. */
export async function runTokens(context: ScenarioContext): Promise<Outcome> {
	const { filter, token } = createTokens();
	const variants = peers.flatMap((peer) => [
		single(peer, {}, `${peer} none`),
		single(peer, { filters: [filter] }, `${peer} jwt`),
	]);
	const load = { connections: 32, headers: { authorization: `Bearer ${token}` } };
	const outcome = await compareThroughput(context, variants, load, { mustRatio: 1 });
	const [without, checked] = [costOf(outcome, "amime none"), costOf(outcome, "amime jwt")];
	// What the check adds to a request's microseconds; not less than a tenth, whatever the noise.
	const perSecond = without === undefined || checked === undefined ? undefined : 1e6 / Math.max(0.1, checked - without);
	return {
		...outcome,
		checks: [
			...outcome.checks,
			{ what: "checks a second of one core", value: perSecond, bound: 20_000, kind: "at-least" },
		],
	};
}

function costOf({ rows }: Outcome, label: string): number | undefined {
	return rows.find(({ name }) => name === label)?.values["CPU µs/req"];
}

function createPolicies(): object {
	const entries = Array.from({ length: policies }, (_, index) => {
		const account = index === policies - 1 ? "client" : `client-${index}`;
		const exact = `spiffe://bench.local/ns/bench/sa/${account}`;
		return [
			`policy-${String(index).padStart(4, "0")}`,
			{
				permissions: [{ url_path: { path: { prefix: "/" } } }],
				principals: [{ authenticated: { principal_name: { exact } } }],
			},
		];
	});
	return {
		name: "envoy.filters.http.rbac",
		typed_config: {
			"@type": `${extensions}rbac.v3.RBAC`,
			rules: { action: "ALLOW", policies: Object.fromEntries(entries) },
		},
	};
}

function createTokens(): { readonly filter: object; readonly token: string } {
	const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
	const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
	const claims = { iss: issuer, sub: "ada", aud: "bench", exp: Math.floor(Date.now() / 1000) + 86_400 };
	const text = `${encode({ alg: "ES256", kid: "k" })}.${encode(claims)}`;
	const signature = sign("SHA256", Buffer.from(text), { key: privateKey, dsaEncoding: "ieee-p1363" });
	const jwks = JSON.stringify({ keys: [{ ...publicKey.export({ format: "jwk" }), kid: "k", alg: "ES256" }] });
	return {
		token: `${text}.${signature.toString("base64url")}`,
		filter: {
			name: "envoy.filters.http.jwt_authn",
			typed_config: {
				"@type": `${extensions}jwt_authn.v3.JwtAuthentication`,
				providers: { bench: { issuer, audiences: ["bench"], local_jwks: { inline_string: jwks } } },
				rules: [{ match: { prefix: "/" }, requires: { provider_name: "bench" } }],
			},
		},
	};
}
