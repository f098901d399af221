import assert from "node:assert/strict";
import { once } from "node:events";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { connect, type TLSSocket } from "node:tls";
import { eventually } from "../../../test/support/eventually.ts";
import { findEnvoy, skipWithout } from "../../../test/support/peers.ts";
import { createTestPki, type TestCertificate } from "../../../test/support/pki.ts";
import { startEnvoy } from "../../../test/support/running-envoy.ts";
import { openSvidSource } from "../../../test/support/svid-source.ts";
import { makeTemporaryFolder } from "../../../test/support/temporary-folder.ts";
import { createSecretServer } from "./index.ts";

const skip = skipWithout("envoy", findEnvoy());

/** An Envoy that answers `hello` over mutual TLS on `inbound`, with the secrets of a socket. */
function createBootstrap(socketPath: string, apiType: "GRPC" | "DELTA_GRPC", trust: "ROOTCA" | "ALL") {
	const sdsConfig = {
		resource_api_version: "V3",
		api_config_source: {
			api_type: apiType,
			transport_api_version: "V3",
			grpc_services: [{ envoy_grpc: { cluster_name: "sds" } }],
		},
	};
	const commonTls = {
		tls_certificate_sds_secret_configs: [{ name: "default", sds_config: sdsConfig }],
		validation_context_sds_secret_config: { name: trust, sds_config: sdsConfig },
	};
	const tlsType = (name: string) => `type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.${name}TlsContext`;
	const listenOnAnyPort = { socket_address: { address: "127.0.0.1", port_value: 0 } };
	const createHttpFilter = (statPrefix: string, route: Record<string, unknown>) => ({
		name: "http",
		typed_config: {
			"@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
			stat_prefix: statPrefix,
			route_config: {
				virtual_hosts: [{ name: "all", domains: ["*"], routes: [{ match: { prefix: "/" }, ...route }] }],
			},
			http_filters: [
				{
					name: "router",
					typed_config: { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
				},
			],
		},
	});
	return {
		node: { id: "sidecar~127.0.0.1~web-0.shop~shop.svc.cluster.local", cluster: "web.shop" },
		static_resources: {
			clusters: [
				{
					name: "sds",
					type: "STATIC",
					typed_extension_protocol_options: {
						"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
							"@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
							explicit_http_config: { http2_protocol_options: {} },
						},
					},
					load_assignment: {
						cluster_name: "sds",
						endpoints: [{ lb_endpoints: [{ endpoint: { address: { pipe: { path: socketPath } } } }] }],
					},
				},
			],
			listeners: [
				{
					name: "inbound",
					address: listenOnAnyPort,
					filter_chains: [
						{
							filters: [
								createHttpFilter("inbound", { direct_response: { status: 200, body: { inline_string: "hello" } } }),
							],
							transport_socket: {
								name: "tls",
								typed_config: {
									"@type": tlsType("Downstream"),
									common_tls_context: commonTls,
									require_client_certificate: true,
								},
							},
						},
					],
				},
			],
		},
	};
}

async function setUp(t: TestContext, apiType: "GRPC" | "DELTA_GRPC", trust: "ROOTCA" | "ALL" = "ROOTCA") {
	const pki = createTestPki();
	const source = openSvidSource(t, pki, pki.idOf("web"));
	const server = createSecretServer({ socketPath: join(makeTemporaryFolder(t), "sds.sock"), svid: source });
	await server.start();
	t.after(() => server.close());
	const envoy = await startEnvoy(t, createBootstrap(server.socketPath, apiType, trust));
	return { pki, source, server, envoy, port: await envoy.portOf("inbound") };
}

/** A connection to Envoy with a certificate; rejects when either side refuses the other. */
async function openTls(t: TestContext, port: number, certificate: TestCertificate): Promise<TLSSocket> {
	const socket = connect({
		port,
		host: "127.0.0.1",
		cert: certificate.certificateChainPem,
		key: certificate.privateKeyPem,
		ca: certificate.bundlePem,
		checkServerIdentity: () => undefined,
	});
	t.after(() => socket.destroy());
	await once(socket, "secureConnect");
	return socket;
}

/** The answer to one request on a connection that stays open. */
async function ask(socket: TLSSocket): Promise<string> {
	const answer = new Promise<string>((resolve, reject) => {
		let text = "";
		const onEnd = () => reject(new Error("connection ended"));
		socket.once("close", onEnd).once("error", reject);
		socket.on("data", function onData(part: Buffer) {
			text += part.toString("latin1");
			if (!text.endsWith("hello")) return;
			socket.off("data", onData).off("close", onEnd).off("error", reject);
			resolve(text.split("\r\n", 1)[0] as string);
		});
	});
	socket.write("GET / HTTP/1.1\r\nhost: web\r\n\r\n");
	return answer;
}

function serialOf(socket: TLSSocket): string {
	return (socket.getPeerX509Certificate()?.serialNumber ?? "").toLowerCase();
}

for (const apiType of ["GRPC", "DELTA_GRPC"] as const) {
	test(`a stock Envoy takes certificate and trust bundle over ${apiType}, and a renewal without losing a connection`, {
		skip,
	}, async (t) => {
		const { pki, source, server, envoy, port } = await setUp(t, apiType);
		const orders = pki.issue(pki.idOf("orders"));
		const first = await source.ready();
		const kept = await openTls(t, port, orders);
		assert.equal(await ask(kept), "HTTP/1.1 200 OK");
		assert.equal(serialOf(kept), first.serial);

		const renewed = await source.renewNow();
		await eventually(async () => {
			const fresh = await openTls(t, port, orders);
			assert.equal(await ask(fresh), "HTTP/1.1 200 OK");
			assert.equal(serialOf(fresh), renewed.serial);
		});
		assert.equal(await ask(kept), "HTTP/1.1 200 OK");
		await eventually(() => {
			const types = server.statuses().flatMap(({ types }) => types);
			assert.ok(types.length > 0 && types.every(({ state }) => state === "SYNCED"));
		});
		assert.match(await envoy.admin("/certs"), new RegExp(renewed.serial));
	});
}

test("an Envoy that got its trust bundle from us refuses foreign, expired and absent certificates", {
	skip,
}, async (t) => {
	const { pki, port } = await setUp(t, "DELTA_GRPC");
	const orders = pki.idOf("orders");
	assert.equal(await ask(await openTls(t, port, pki.issue(orders))), "HTTP/1.1 200 OK");
	const withoutCertificate = { ...pki.issue(orders), certificateChainPem: "", privateKeyPem: "" };
	for (const bad of [pki.expired(orders), { ...pki.foreign(orders), bundlePem: pki.bundlePem }, withoutCertificate]) {
		await assert.rejects(async () => ask(await openTls(t, port, { ...bad, bundlePem: pki.bundlePem })));
	}
});

test("the bundle ALL makes Envoy check SPIFFE IDs by trust domain", { skip }, async (t) => {
	const { pki, port } = await setUp(t, "GRPC", "ALL");
	assert.equal(await ask(await openTls(t, port, pki.issue(pki.idOf("orders")))), "HTTP/1.1 200 OK");
	const stranger = pki.issue("spiffe://other.example/ns/shop/sa/orders");
	await assert.rejects(async () => ask(await openTls(t, port, stranger)));
});
