/** Connections of an amime proxy end with what vouches for their peer, where filter chain and cluster ask for it; else they stay open, as
 *  in Envoy. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { renameSync, writeFileSync } from "node:fs";
import { connect } from "node:http2";
import { type AddressInfo, connect as connectTcp, type Socket } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { connect as connectTls, createServer as createTlsServer } from "node:tls";
import { managerFilter, typed } from "../support/bootstraps.ts";
import { eventually } from "../support/eventually.ts";
import { openEcho } from "../support/open-echo.ts";
import { createTestPki, type TestCertificate, type TestPki } from "../support/pki.ts";
import { ok, openClient, startRawServer } from "../support/raw-client.ts";
import { address, cluster, route, startProxyOn } from "../support/running-proxy.ts";
import { makeTemporaryFolder } from "../support/temporary-folder.ts";

const own = createTestPki({ trustDomain: "one.test" });
const other = createTestPki({ trustDomain: "two.test" });
const server = own.issue(own.idOf("reviews"));
const marked = { filter_metadata: { amime: { ends_with_peer_certificate: true, untrusted_grace_seconds: 0.2 } } };
const get = "GET / HTTP/1.1\r\nhost: reviews\r\n\r\n";

/** The roots as a file of SDS, which a test replaces. */
function openRoots(t: TestContext): { readonly path: string; trust(...pkis: readonly TestPki[]): void } {
	const path = join(makeTemporaryFolder(t), "roots.json");
	const trust = (...pkis: readonly TestPki[]): void => {
		const inline_string = pkis.map(({ bundlePem }) => bundlePem).join("");
		const secret = { ...typed("transport_sockets.tls.v3.Secret"), name: "ROOTCA" };
		const resources = [{ ...secret, validation_context: { trusted_ca: { inline_string } } }];
		writeFileSync(`${path}.next`, JSON.stringify({ resources }));
		renameSync(`${path}.next`, path);
	};
	trust(own, other);
	return { path, trust };
}

function commonTls(shown: TestCertificate, roots: string, alpn: readonly string[]): object {
	return {
		tls_certificates: [
			{
				certificate_chain: { inline_string: shown.certificateChainPem },
				private_key: { inline_string: shown.privateKeyPem },
			},
		],
		validation_context_sds_secret_config: {
			name: "ROOTCA",
			sds_config: { resource_api_version: "V3", path_config_source: { path: roots } },
		},
		alpn_protocols: alpn,
	};
}

/** A proxy before a backend that answers when it is told to: listener `bound` ends connections, `open` does not. */
async function startInbound(t: TestContext) {
	const waiting: Socket[] = [];
	const backend = await startRawServer(t, (socket) => {
		socket.on("data", (data: Buffer) => {
			if (data.toString().startsWith("GET /slow")) waiting.push(socket);
			else socket.write(ok("fine"));
		});
	});
	const roots = openRoots(t);
	const chain = {
		filters: [
			managerFilter({
				route_config: { virtual_hosts: [{ name: "v", domains: ["*"], routes: [route("/", "b")] }] },
				drain_timeout: "0.2s",
			}),
		],
		transport_socket: {
			name: "tls",
			typed_config: typed("transport_sockets.tls.v3.DownstreamTlsContext", {
				require_client_certificate: true,
				common_tls_context: commonTls(server, roots.path, ["h2", "http/1.1"]),
			}),
		},
	};
	const proxy = await startProxyOn(t, {
		node: { id: "n", cluster: "c" },
		admin: { address: address(0) },
		static_resources: {
			listeners: [
				{ name: "bound", address: address(0), filter_chains: [{ ...chain, metadata: marked }] },
				{ name: "open", address: address(0), filter_chains: [chain] },
			],
			clusters: [cluster("b", [backend.port])],
		},
	});
	const tlsOf = ({ certificateChainPem, privateKeyPem }: TestCertificate) => ({
		cert: certificateChainPem,
		key: privateKeyPem,
	});
	return { proxy, roots, waiting, tlsOf };
}

async function askOver(client: Awaited<ReturnType<typeof openClient>>): Promise<number> {
	client.send(get);
	return (await client.response()).status;
}

test("when a client's certificate ends, its connection does behind the request under way", async (t) => {
	const { proxy, tlsOf, waiting } = await startInbound(t);
	const notAfter = Date.now() + 4_000;
	const short = tlsOf(own.issue(own.idOf("web"), { notAfter }));
	const long = tlsOf(own.issue(own.idOf("web")));
	const [busy, idle, renewed] = await Promise.all(
		[short, short, long].map((tls) => openClient(t, proxy.port("bound"), tls)),
	);
	const unbound = await openClient(t, proxy.port("open"), short);
	const h2 = connect("https://127.0.0.1", {
		port: proxy.port("bound"),
		...short,
		rejectUnauthorized: false,
		ALPNProtocols: ["h2"],
	});
	t.after(() => h2.destroy());
	const goAway = once(h2, "goaway");
	const stream = h2.request({ ":path": "/slow" });
	for (const client of [busy!, idle!, renewed!, unbound]) assert.equal(await askOver(client), 200);
	busy!.send("GET /slow HTTP/1.1\r\nhost: reviews\r\n\r\n");
	await eventually(() => assert.equal(waiting.length, 2));
	assert.ok(Date.now() < notAfter, "the certificates have not ended yet");
	const idleGone = idle!.closed();
	await goAway;
	await idleGone;
	assert.ok(Date.now() >= Math.floor(notAfter / 1000) * 1000);
	for (const socket of waiting.splice(0)) socket.write(ok("late"));
	const [headers] = (await once(stream, "response")) as [Record<string, unknown>];
	assert.equal(headers[":status"], 200);
	stream.resume();
	const last = await busy!.response();
	assert.equal(last.status, 200);
	assert.equal(last.headers.get("connection"), "close");
	await busy!.closed();
	assert.equal(await askOver(renewed!), 200, "who has a good certificate goes on");
	assert.equal(await askOver(unbound), 200, "where nobody asked for it connections stay open, as in Envoy");
});

test("when a root goes, the connections of its clients end, and others stay", async (t) => {
	const { proxy, roots, tlsOf } = await startInbound(t);
	const leaves = await openClient(t, proxy.port("bound"), tlsOf(other.issue(other.idOf("web"))));
	const stays = await openClient(t, proxy.port("bound"), tlsOf(own.issue(own.idOf("web"))));
	for (const client of [leaves, stays]) assert.equal(await askOver(client), 200);
	const gone = leaves.closed();
	roots.trust(own);
	await gone;
	assert.equal(await askOver(stays), 200);
	roots.trust(own, other);
	await eventually(async () => {
		const again = await openClient(t, proxy.port("bound"), tlsOf(other.issue(other.idOf("web"))));
		assert.equal(await askOver(again), 200);
	});
	assert.equal(await askOver(stays), 200, "a root that comes ends nothing");
});

for (const protocol of ["http/1.1", "h2"])
	test(`when a server's root goes, connections to it end (${protocol})`, async (t) => {
		const { proxy: inbound } = await startInbound(t);
		const roots = openRoots(t);
		const outbound = await startProxyOn(t, {
			node: { id: "n", cluster: "c" },
			admin: { address: address(0) },
			static_resources: {
				listeners: [
					{
						name: "l1",
						address: address(0),
						filter_chains: [
							{
								filters: [
									managerFilter({
										route_config: { virtual_hosts: [{ name: "v", domains: ["*"], routes: [route("/", "peer")] }] },
									}),
								],
							},
						],
					},
				],
				clusters: [
					cluster("peer", [inbound.port("open")], {
						metadata: marked,
						typed_extension_protocol_options: {
							"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
								"@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
								explicit_http_config:
									protocol === "h2" ? { http2_protocol_options: {} } : { http_protocol_options: {} },
							},
						},
						transport_socket: {
							name: "tls",
							typed_config: typed("transport_sockets.tls.v3.UpstreamTlsContext", {
								common_tls_context: commonTls(own.issue(own.idOf("web")), roots.path, [protocol]),
							}),
						},
					}),
				],
			},
		});
		const client = await openClient(t, outbound.port());
		assert.equal(await askOver(client), 200);
		assert.equal(await outbound.stat("cluster.peer.upstream_cx_active"), 1);
		roots.trust(own);
		assert.equal(await askOver(client), 200);
		assert.equal(await outbound.stat("cluster.peer.upstream_cx_total"), 1, "its root is trusted still");
		roots.trust(other);
		await eventually(async () => assert.equal(await outbound.stat("cluster.peer.upstream_cx_active"), 0));
		assert.equal(await askOver(client), 503, "and nobody vouches for the next one");
	});

test("when a root goes, TCP connections of its clients are cut behind their grace, and others stay", async (t) => {
	const backend = await startRawServer(t, (socket) => void socket.pipe(socket));
	const roots = openRoots(t);
	const proxy = await startProxyOn(t, {
		node: { id: "n", cluster: "c" },
		admin: { address: address(0) },
		static_resources: {
			listeners: [
				{
					name: "l1",
					address: address(0),
					filter_chains: [
						{
							filters: [tcpFilter("b")],
							metadata: marked,
							transport_socket: {
								name: "tls",
								typed_config: typed("transport_sockets.tls.v3.DownstreamTlsContext", {
									require_client_certificate: true,
									common_tls_context: commonTls(server, roots.path, []),
								}),
							},
						},
					],
				},
			],
			clusters: [cluster("b", [backend.port])],
		},
	});
	const open = (pki: TestPki) => {
		const { certificateChainPem: cert, privateKeyPem: key } = pki.issue(pki.idOf("web"));
		return openEcho(t, connectTls({ port: proxy.port(), cert, key, rejectUnauthorized: false }));
	};
	const leaves = await open(other);
	const stays = await open(own);
	roots.trust(own);
	await leaves.closed;
	await stays.echo();
});

test("when a server's root goes, TCP connections to it are cut behind their grace, and others stay", async (t) => {
	const roots = openRoots(t);
	const startServer = async (pki: TestPki): Promise<number> => {
		const { certificateChainPem: cert, privateKeyPem: key } = pki.issue(pki.idOf("db"));
		const listening = createTlsServer({ cert, key }, (socket) => {
			socket.on("error", () => socket.destroy());
			socket.pipe(socket);
		}).listen(0, "127.0.0.1");
		t.after(() => void listening.close());
		await once(listening, "listening");
		return (listening.address() as AddressInfo).port;
	};
	const names = ["leaves", "stays"] as const;
	const ports = { leaves: await startServer(other), stays: await startServer(own) };
	const proxy = await startProxyOn(t, {
		node: { id: "n", cluster: "c" },
		admin: { address: address(0) },
		static_resources: {
			listeners: names.map((name) => ({ name, address: address(0), filter_chains: [{ filters: [tcpFilter(name)] }] })),
			clusters: names.map((name) =>
				cluster(name, [ports[name]], {
					metadata: marked,
					transport_socket: {
						name: "tls",
						typed_config: typed("transport_sockets.tls.v3.UpstreamTlsContext", {
							common_tls_context: commonTls(own.issue(own.idOf("web")), roots.path, []),
						}),
					},
				}),
			),
		},
	});
	const leaves = await openEcho(t, connectTcp(proxy.port("leaves"), "127.0.0.1"));
	const stays = await openEcho(t, connectTcp(proxy.port("stays"), "127.0.0.1"));
	roots.trust(own);
	await leaves.closed;
	await stays.echo();
});

function tcpFilter(to: string): object {
	return {
		name: "tcp",
		typed_config: typed("filters.network.tcp_proxy.v3.TcpProxy", { stat_prefix: "t", cluster: to }),
	};
}
