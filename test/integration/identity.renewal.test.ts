/** Two sidecars with certificates from our secret servers talk mutual TLS; certificates are renewed while requests flow. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createSecretServer } from "../../src/agent/secret-server/index.ts";
import { createAuthority, createSvidSource, parseSigningRequest, type SvidSource } from "../../src/identity/index.ts";
import { formatSpiffeId } from "../../src/model/index.ts";
import { eventually } from "../support/eventually.ts";
import { sendRequest } from "../support/http-call.ts";
import { findEnvoy, skipWithout } from "../support/peers.ts";
import { startEnvoy } from "../support/running-envoy.ts";
import { startSteadyLoad } from "../support/steady-load.ts";
import { makeTemporaryFolder } from "../support/temporary-folder.ts";

const tls = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3";
const http = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
const router = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router";
const httpOptions = "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

test("stock Envoys: renewals on both sides at 200 requests a second fail none", {
	skip: skipWithout("envoy", findEnvoy()),
}, async (t) => {
	const mesh = await setUp(t);
	const web = await mesh.open("web");
	const orders = await mesh.open("orders");
	const callee = await startEnvoy(t, createBootstrap("orders", orders.socketPath, createCallee()));
	const calleePort = await callee.portOf("entry");
	const caller = await startEnvoy(t, createBootstrap("web", web.socketPath, createCaller(calleePort, orders.spiffeId)));
	const port = await caller.portOf("entry");
	const call = { port, path: "/" };
	await eventually(async () => assert.equal((await sendRequest(call)).status, 200));

	const load = startSteadyLoad(call, { perSecond: 200, isExpected: (answer) => answer.status === 200 });
	t.after(() => load.stop());
	for (let round = 0; round < 5; round++) {
		const [newWeb] = await Promise.all([web.source.renewNow(), orders.source.renewNow()]);
		await eventually(async () => {
			const { headers } = await sendRequest(call);
			assert.equal(headers["x-peer-id"], web.spiffeId);
			assert.equal(String(headers["x-peer-serial"]).padStart(32, "0"), newWeb.serial);
		});
	}
	await load.stop();
	assert.ok(load.sent > 0);
	assert.deepEqual(load.failures, []);
});

test("stock Envoys: a callee that is somebody else is not called", {
	skip: skipWithout("envoy", findEnvoy()),
}, async (t) => {
	const mesh = await setUp(t);
	const web = await mesh.open("web");
	const catalog = await mesh.open("catalog");
	const callee = await startEnvoy(t, createBootstrap("catalog", catalog.socketPath, createCallee()));
	const expected = formatSpiffeId({ trustDomain: "cluster.local", namespace: "shop", serviceAccount: "orders" });
	const caller = await startEnvoy(
		t,
		createBootstrap("web", web.socketPath, createCaller(await callee.portOf("entry"), expected)),
	);
	const answer = await sendRequest({ port: await caller.portOf("entry"), path: "/" });
	assert.equal(answer.status, 503);
	// Envoy tells callers nothing of certificates; its statistics say that the name was the reason.
	assert.match(await caller.admin("/stats?filter=fail_verify_san"), /cluster\.callee\.ssl\.fail_verify_san: [1-9]/);
});

interface Workload {
	readonly spiffeId: string;
	readonly source: SvidSource;
	readonly socketPath: string;
}

/** An authority, and workloads of it that are served over SDS. */
async function setUp(t: TestContext): Promise<{ open(serviceAccount: string): Promise<Workload> }> {
	const folder = makeTemporaryFolder(t);
	const authority = await createAuthority({ folder: join(folder, "ca"), trustDomain: "cluster.local" });
	return {
		async open(serviceAccount) {
			const spiffeId = formatSpiffeId({ trustDomain: "cluster.local", namespace: "shop", serviceAccount });
			const source = createSvidSource({
				spiffeId,
				sign: (csr) => authority.sign({ csr: parseSigningRequest(csr), spiffeId, ttlMs: 3_600_000 }),
			});
			const socketPath = join(folder, "run", `sds-${serviceAccount}.sock`);
			const server = createSecretServer({ socketPath, svid: source });
			await server.start();
			t.after(async () => {
				await server.close();
				source.close();
			});
			return { spiffeId, source, socketPath };
		},
	};
}

interface Entry {
	readonly routeAction: Readonly<Record<string, unknown>>;
	readonly transportSocket?: Readonly<Record<string, unknown>>;
	readonly clusters: readonly unknown[];
}

/** Answers over mutual TLS, and tells the caller who it was taken for. */
function createCallee(): Entry {
	const tell = (key: string, value: string) => ({ header: { key, value } });
	return {
		clusters: [],
		routeAction: {
			direct_response: { status: 200, body: { inline_string: "hello" } },
			response_headers_to_add: [
				tell("x-peer-id", "%DOWNSTREAM_PEER_URI_SAN%"),
				tell("x-peer-serial", "%DOWNSTREAM_PEER_SERIAL%"),
			],
		},
		transportSocket: {
			name: "envoy.transport_sockets.tls",
			typed_config: {
				"@type": `${tls}.DownstreamTlsContext`,
				require_client_certificate: true,
				common_tls_context: createCommonTls({}),
			},
		},
	};
}

/** Takes plain requests and calls the callee, whose identity it checks; a connection carries 20 requests, so that new ones are made. */
function createCaller(calleePort: number, calleeId: string): Entry {
	return {
		routeAction: { route: { cluster: "callee" } },
		clusters: [
			{
				...createCluster("callee", { socket_address: { address: "127.0.0.1", port_value: calleePort } }),
				typed_extension_protocol_options: {
					"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
						"@type": httpOptions,
						common_http_protocol_options: { max_requests_per_connection: 20 },
						explicit_http_config: { http_protocol_options: {} },
					},
				},
				transport_socket: {
					name: "envoy.transport_sockets.tls",
					typed_config: {
						"@type": `${tls}.UpstreamTlsContext`,
						common_tls_context: createCommonTls({
							match_typed_subject_alt_names: [{ san_type: "URI", matcher: { exact: calleeId } }],
						}),
					},
				},
			},
		],
	};
}

function createCommonTls(validation: Readonly<Record<string, unknown>>) {
	const sdsConfig = {
		resource_api_version: "V3",
		api_config_source: {
			api_type: "DELTA_GRPC",
			transport_api_version: "V3",
			grpc_services: [{ envoy_grpc: { cluster_name: "sds" } }],
		},
	};
	return {
		tls_certificate_sds_secret_configs: [{ name: "default", sds_config: sdsConfig }],
		combined_validation_context: {
			default_validation_context: validation,
			validation_context_sds_secret_config: { name: "ROOTCA", sds_config: sdsConfig },
		},
	};
}

function createCluster(name: string, address: Readonly<Record<string, unknown>>) {
	return {
		name,
		type: "STATIC",
		connect_timeout: "5s",
		load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] },
	};
}

function createBootstrap(workload: string, socketPath: string, entry: Entry) {
	const filter = {
		"@type": http,
		stat_prefix: "entry",
		route_config: {
			name: "entry",
			virtual_hosts: [{ name: "all", domains: ["*"], routes: [{ match: { prefix: "/" }, ...entry.routeAction }] }],
		},
		http_filters: [{ name: "envoy.filters.http.router", typed_config: { "@type": router } }],
	};
	return {
		node: { id: `sidecar~127.0.0.1~${workload}-0.shop~shop.svc.cluster.local`, cluster: `${workload}.shop` },
		static_resources: {
			listeners: [
				{
					name: "entry",
					address: { socket_address: { address: "127.0.0.1", port_value: 0 } },
					filter_chains: [
						{
							filters: [{ name: "envoy.filters.network.http_connection_manager", typed_config: filter }],
							...(entry.transportSocket === undefined ? {} : { transport_socket: entry.transportSocket }),
						},
					],
				},
			],
			clusters: [
				...entry.clusters,
				{
					...createCluster("sds", { pipe: { path: socketPath } }),
					typed_extension_protocol_options: {
						"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
							"@type": httpOptions,
							explicit_http_config: { http2_protocol_options: {} },
						},
					},
				},
			],
		},
	};
}
