/** Routes by what a token says: chosen again when the token was found to be good. */
import assert from "node:assert/strict";
import { createHmac, randomBytes } from "node:crypto";
import { test } from "node:test";
import { cluster, route, startProxy } from "../support/running-proxy.ts";

const key = randomBytes(32);
const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");

function sign(claims: object): string {
	const signed = `${encode({ alg: "HS256", typ: "JWT", kid: "k" })}.${encode({ iss: "issuer", exp: 4_102_444_800, ...claims })}`;
	return `${signed}.${createHmac("sha256", key).update(signed).digest("base64url")}`;
}

const extensions = "type.googleapis.com/envoy.extensions.filters.http";
const keys = { keys: [{ kty: "oct", kid: "k", alg: "HS256", k: key.toString("base64url") }] };

/** What a route says of itself in its answers. */
const marked = (name: string, more: object = {}): object => ({
	...route("/", "nobody"),
	response_headers_to_add: [{ header: { key: "x-rule", value: name } }],
	...more,
});

test("a claim in metadata chooses the route, and a bad token is answered as one of the route before", async (t) => {
	const proxy = await startProxy(t, {
		clusters: [cluster("nobody", [])],
		routes: [
			marked("bob", {
				match: {
					prefix: "/",
					dynamic_metadata: [
						{
							filter: "envoy.filters.http.jwt_authn",
							path: [{ key: "payload" }, { key: "sub" }],
							value: { string_match: { exact: "bob" } },
						},
					],
				},
			}),
			marked("else"),
		],
		manager: {
			http_filters: [
				{
					name: "envoy.filters.http.jwt_authn",
					typed_config: {
						"@type": `${extensions}.jwt_authn.v3.JwtAuthentication`,
						providers: {
							one: {
								issuer: "issuer",
								local_jwks: { inline_string: JSON.stringify(keys) },
								payload_in_metadata: "payload",
								clear_route_cache: true,
							},
						},
						rules: [{ match: { prefix: "/" }, requires: { provider_name: "one" } }],
					},
				},
				{ name: "envoy.filters.http.router", typed_config: { "@type": `${extensions}.router.v3.Router` } },
			],
		},
	});
	const send = async (token: string): Promise<[number, string | null]> => {
		const answer = await fetch(`http://127.0.0.1:${proxy.port()}/`, { headers: { authorization: `Bearer ${token}` } });
		await answer.arrayBuffer();
		return [answer.status, answer.headers.get("x-rule")];
	};
	assert.deepEqual(await send(sign({ sub: "bob" })), [503, "bob"]);
	assert.deepEqual(await send(sign({ sub: "alice" })), [503, "else"]);
	assert.deepEqual(await send("bad"), [401, "else"]);
});
