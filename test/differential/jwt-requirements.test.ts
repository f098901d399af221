/** What jwt_authn asks of requests: tokens that are looked at and never demanded. */
import { generateKeyPairSync, sign } from "node:crypto";
import { typed } from "../support/bootstraps.ts";
import { compareWithEnvoy } from "../support/differential.ts";
import { type FilterWorld, startFilterWorld } from "../support/filter-world.ts";

const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const jwks = JSON.stringify({ keys: [{ ...publicKey.export({ format: "jwk" }), kid: "k", alg: "ES256" }] });
const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");

function makeToken(claims: object): string {
	const text = `${encode({ alg: "ES256", kid: "k" })}.${encode(claims)}`;
	const signature = sign("sha256", Buffer.from(text), { key: privateKey, dsaEncoding: "ieee-p1363" });
	return `${text}.${signature.toString("base64url")}`;
}

const provider = (issuer: string, header: string) => ({
	issuer,
	local_jwks: { inline_string: jwks },
	from_headers: [{ name: header }],
	claim_to_headers: [{ header_name: "x-sub", claim_name: "sub" }],
});
const looking = { extract_only_without_validation: {} };
const chain = (requires: object) => ({
	filters: [
		{
			name: "jwt",
			typed_config: typed("filters.http.jwt_authn.v3.JwtAuthentication", {
				providers: { own: provider("own", "x-own"), other: provider("other", "x-other") },
				rules: [{ match: { prefix: "/" }, requires }],
			}),
		},
	],
});

async function ask(world: FilterWorld, listener: string, headers: Record<string, string>) {
	const { status, echo } = await world.call(listener, { headers });
	const seen = echo?.headers ?? {};
	return { status, sub: seen["x-sub"], mark: seen["x-jwt-signature-verified"], own: seen["x-own"] !== undefined };
}

const good = { "x-own": makeToken({ iss: "own", sub: "ada" }) };
const expired = { "x-own": makeToken({ iss: "own", sub: "ada", exp: 5 }) };

compareWithEnvoy("tokens that are looked at only", {
	start: (side) =>
		startFilterWorld(side, {
			alone: chain(looking),
			last: chain({ requires_any: { requirements: [{ provider_name: "other" }, looking] } }),
		}),
	cases: {
		"a good one": { want: { status: 200, sub: "ada" }, see: (world) => ask(world, "alone", good) },
		"a bad one is marked": {
			want: { status: 200, mark: "false", own: true },
			see: (world) => ask(world, "alone", { ...expired, "x-jwt-signature-verified": "true" }),
		},
		none: { want: { status: 200 }, see: (world) => ask(world, "alone", {}) },
		"after another requirement": { want: { status: 200, sub: "ada" }, see: (world) => ask(world, "last", good) },
		"a bad one after another requirement": {
			want: { status: 200, mark: "false" },
			see: (world) => ask(world, "last", expired),
		},
	},
});
