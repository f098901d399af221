/** jwt_authn with keys that are fetched: on demand and ahead, from services that change, fail or are silent. */
import { createSign, generateKeyPairSync, type KeyObject } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { managerFilter, routerFilter, socketAddress, typed } from "../support/bootstraps.ts";
import { plainCluster } from "../support/call-out-clusters.ts";
import { compareWithEnvoy, type Side } from "../support/differential.ts";
import { eventually } from "../support/eventually.ts";
import { sendRequest } from "../support/http-call.ts";
import type { ProxyProcess } from "../support/proxy-process.ts";
import { startSeenBackend } from "../support/seen-backend.ts";

interface Issuer {
	readonly id: string;
	readonly privateKey: KeyObject;
	readonly jwk: object;
}

function createIssuer(id: string): Issuer {
	const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
	return { id, privateKey, jwk: { ...publicKey.export({ format: "jwk" }), kid: id, alg: "ES256" } };
}

const first = createIssuer("first");
const second = createIssuer("second");

function sign(issuer: Issuer, claims: object): string {
	const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
	const text = `${encode({ alg: "ES256", kid: issuer.id })}.${encode(claims)}`;
	const signature = createSign("sha256").update(text).sign({ key: issuer.privateKey, dsaEncoding: "ieee-p1363" });
	return `${text}.${signature.toString("base64url")}`;
}

/** What the key service does, and what it was asked. */
class KeyService {
	keys: readonly Issuer[] = [first];
	mode: "keys" | "broken" | "empty" | "silent" | 503 = "keys";
	readonly asked: object[] = [];
	readonly #server: Server;

	constructor() {
		this.#server = createServer((request, response) => {
			const { method, url, headers } = request;
			this.asked.push({
				method,
				url,
				host: headers.host,
				internal: headers["x-envoy-internal"],
				agent: headers["user-agent"],
				timeout: headers["x-envoy-expected-rq-timeout-ms"],
				hasAddress: headers["x-forwarded-for"] !== undefined,
			});
			if (this.mode === "silent") return;
			response.statusCode = this.mode === 503 ? 503 : 200;
			const set = JSON.stringify({ keys: this.keys.map(({ jwk }) => jwk) });
			response.end(this.mode === "broken" ? "{" : this.mode === "empty" ? "" : set);
		});
	}

	async start(side: Side): Promise<number> {
		side.after(() => {
			this.#server.closeAllConnections();
			this.#server.close();
		});
		await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
		return (this.#server.address() as AddressInfo).port;
	}
}

interface World {
	readonly port: number;
	readonly proxy: ProxyProcess;
	readonly service: KeyService;
}

async function start(side: Side, remote: object): Promise<World> {
	const service = new KeyService();
	const keyPort = await service.start(side);
	const backend = await startSeenBackend(side);
	const filter = {
		name: "envoy.filters.http.jwt_authn",
		typed_config: typed("filters.http.jwt_authn.v3.JwtAuthentication", {
			providers: {
				p: {
					issuer: "me",
					forward: true,
					payload_in_metadata: "payload",
					remote_jwks: {
						http_uri: { uri: "http://keys.test/jwks?v=1", cluster: "keys", timeout: "0.4s" },
						...remote,
					},
				},
			},
			rules: [{ match: { prefix: "/" }, requires: { provider_name: "p" } }],
		}),
	};
	const proxy = await side.proxy({
		static_resources: {
			listeners: [
				{
					name: "l",
					address: socketAddress(0),
					filter_chains: [
						{
							filters: [
								managerFilter({
									http_filters: [filter, routerFilter],
									route_config: {
										name: "r",
										virtual_hosts: [
											{ name: "v", domains: ["*"], routes: [{ match: { prefix: "/" }, route: { cluster: "c" } }] },
										],
									},
								}),
							],
						},
					],
				},
			],
			clusters: [plainCluster("c", backend), plainCluster("keys", keyPort)],
		},
	});
	return { proxy, port: await proxy.port("l"), service };
}

async function ask({ port, service }: World, issuer: Issuer, claims: object = {}) {
	const before = service.asked.length;
	const token = sign(issuer, { iss: "me", ...claims });
	const { status, body, headers } = await sendRequest({
		port,
		path: "/x",
		headers: { authorization: `Bearer ${token}` },
	});
	return {
		status,
		body: status === 200 ? "" : body,
		challenge: headers["www-authenticate"]?.toString().replace(String(port), "PORT"),
		asked: service.asked.slice(before),
	};
}

const statistics = ({ proxy }: World) => proxy.stats("jwt_authn\\.|cluster\\.keys\\.upstream_rq_(\\d|total|timeout)");

compareWithEnvoy("jwt_authn with remote keys", {
	start: (side) => start(side, { cache_duration: "1s" }),
	cases: {
		"keys are fetched by the first request": { want: { status: 200 }, see: (world) => ask(world, first) },
		"and kept": { want: { status: 200, asked: [] }, see: (world) => ask(world, first) },
		"a key that is not there": { want: { status: 401, asked: [] }, see: (world) => ask(world, second) },
		"keys that changed are fetched when the old ones are too old": {
			want: { status: 200 },
			async see(world) {
				world.service.keys = [second];
				await eventually(async () => {
					if ((await ask(world, second)).status !== 200) throw new Error("the old keys are in use");
				});
				return { status: (await ask(world, second)).status, old: (await ask(world, first)).status };
			},
		},
		"an expired token needs no keys": { want: { status: 401 }, see: (world) => ask(world, second, { exp: 5 }) },
	},
});

for (const mode of ["broken", "empty", "silent", 503] as const) {
	compareWithEnvoy(`jwt_authn with a key service that is ${mode}`, {
		start: async (side) => {
			const world = await start(side, {});
			world.service.mode = mode;
			return world;
		},
		cases: {
			"a request fails": {
				want: { status: 401, body: "Jwks remote fetch is failed" },
				see: (world) => ask(world, first),
			},
			"the next one asks again": {
				want: { status: 200 },
				see: (world) => {
					world.service.mode = "keys";
					return ask(world, first);
				},
			},
			counters: { want: { "http.in.jwt_authn.jwks_fetch_failed": 1 }, see: statistics },
		},
	});
}

compareWithEnvoy("jwt_authn with keys fetched ahead", {
	start: (side) => start(side, { async_fetch: { fast_listener: true } }),
	cases: {
		"no request waits for them": {
			want: { status: 200, asked: [] },
			async see(world) {
				await eventually(async () => {
					if ((await world.proxy.stat("http.in.jwt_authn.jwks_fetch_success")) === 0) throw new Error("no keys so far");
				});
				return ask(world, first);
			},
		},
		counters: {
			want: { "http.in.jwt_authn.allowed": 1 },
			see: ({ proxy }) => proxy.stats("jwt_authn\\.(allowed|denied)"),
		},
	},
});
