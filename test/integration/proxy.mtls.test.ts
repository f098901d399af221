import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { connect } from "node:tls";
import { eventually } from "../support/eventually.ts";
import { createTestPki, type TestCertificate } from "../support/pki.ts";
import { answerRequests, ok, openClient, startRawServer } from "../support/raw-client.ts";
import { address, cluster, route, startProxyOn } from "../support/running-proxy.ts";

const extensions = "type.googleapis.com/envoy.extensions.";
const pki = createTestPki();
const server = pki.issue(pki.idOf("reviews"));
const webId = pki.idOf("web");

const inline = (text: string): object => ({ inline_string: text });

function commonTls(own: TestCertificate, accepted: string, alpn: readonly string[]): object {
	return {
		tls_params: { tls_minimum_protocol_version: "TLSv1_3" },
		tls_certificates: [{ certificate_chain: inline(own.certificateChainPem), private_key: inline(own.privateKeyPem) }],
		validation_context: {
			trusted_ca: inline(pki.bundlePem),
			match_typed_subject_alt_names: [{ san_type: "URI", matcher: { prefix: accepted } }],
		},
		alpn_protocols: alpn,
	};
}

function manager(routes: readonly object[], more: object = {}): object {
	return {
		name: "http",
		typed_config: {
			"@type": `${extensions}filters.network.http_connection_manager.v3.HttpConnectionManager`,
			stat_prefix: "in",
			route_config: { name: "r", virtual_hosts: [{ name: "v", domains: ["*"], routes }] },
			http_filters: [{ name: "router", typed_config: { "@type": `${extensions}filters.http.router.v3.Router` } }],
			...more,
		},
	};
}

/** An inbound listener with mutual TLS before a plain backend, and an outbound one that connects to it as `client`. */
async function startPair(t: Parameters<typeof startRawServer>[0], client: TestCertificate, accepted = "spiffe://") {
	const backend = await startRawServer(
		t,
		answerRequests((head) => ok(head)),
	);
	const inbound = await startProxyOn(t, {
		admin: { address: address(0) },
		static_resources: {
			listeners: [
				{
					name: "l1",
					address: address(0),
					filter_chains: [
						{
							filters: [
								manager([route("/", "backend")], {
									forward_client_cert_details: "SANITIZE_SET",
									set_current_client_cert_details: { uri: true },
								}),
							],
							transport_socket: {
								name: "tls",
								typed_config: {
									"@type": `${extensions}transport_sockets.tls.v3.DownstreamTlsContext`,
									require_client_certificate: true,
									common_tls_context: commonTls(server, accepted, ["h2", "http/1.1"]),
								},
							},
						},
					],
				},
			],
			clusters: [cluster("backend", [backend.port])],
		},
	});
	const outbound = await startProxyOn(t, {
		admin: { address: address(0) },
		static_resources: {
			listeners: [{ name: "l1", address: address(0), filter_chains: [{ filters: [manager([route("/", "peer")])] }] }],
			clusters: [
				cluster("peer", [inbound.port()], {
					transport_socket: {
						name: "tls",
						typed_config: {
							"@type": `${extensions}transport_sockets.tls.v3.UpstreamTlsContext`,
							common_tls_context: commonTls(client, pki.idOf("reviews"), ["http/1.1"]),
						},
					},
				}),
			],
		},
	});
	return { inbound, outbound, backend };
}

test("two proxies with identities of one authority talk, and the application learns who calls", async (t) => {
	const { outbound } = await startPair(t, pki.issue(webId), webId);
	const client = await openClient(t, outbound.port());
	for (let index = 0; index < 3; index++) {
		client.send("GET /x HTTP/1.1\r\nhost: reviews\r\nx-forwarded-client-cert: forged\r\n\r\n");
		const { status, body } = await client.response();
		assert.equal(status, 200);
		assert.match(body, new RegExp(`x-forwarded-client-cert: By=${pki.idOf("reviews")};Hash=[0-9a-f]{64};URI=${webId}`));
		assert.doesNotMatch(body, /forged/);
	}
});

test("an expired, a foreign and a misnamed certificate are refused before the application sees anything", async (t) => {
	const refused: readonly (readonly [what: string, certificate: TestCertificate, accepted: string])[] = [
		["expired", pki.issue(webId, { notBefore: Date.now() - 7_200_000, notAfter: Date.now() - 3_600_000 }), "spiffe://"],
		["foreign", createTestPki().issue(webId), "spiffe://"],
		["misnamed", pki.issue(pki.idOf("mallory")), webId],
	];
	for (const [what, certificate, accepted] of refused) {
		const { outbound, inbound, backend } = await startPair(t, certificate, accepted);
		const client = await openClient(t, outbound.port());
		client.send("GET / HTTP/1.1\r\nhost: reviews\r\n\r\n");
		assert.equal((await client.response()).status, 503, what);
		assert.equal(backend.accepted, 0, what);
		assert.equal(await inbound.stat("http.in.downstream_rq_total"), 0, what);
	}
});

test("a client without certificate and a client without TLS are refused", async (t) => {
	const { inbound, backend } = await startPair(t, pki.issue(webId));
	const plain = await openClient(t, inbound.port());
	plain.send("GET / HTTP/1.1\r\nhost: reviews\r\n\r\n");
	await plain.closed();
	assert.equal(plain.buffered, "");
	await assert.rejects(async () => {
		const bare = await openClient(t, inbound.port(), {});
		bare.send("GET / HTTP/1.1\r\nhost: reviews\r\n\r\n");
		await bare.response();
	});
	assert.equal(backend.accepted, 0);
});

test("clients that leave within the handshake are forgotten", async (t) => {
	const { inbound } = await startPair(t, pki.issue(webId));
	const own = pki.issue(webId);
	const tls = { cert: own.certificateChainPem, key: own.privateKeyPem };
	const count = (): Promise<number> => inbound.stat(`listener.127.0.0.1_0.downstream_cx_active`);
	for (let index = 0; index < 10; index++) {
		const client = await openClient(t, inbound.port(), tls);
		client.socket.destroy();
	}
	const stays = await openClient(t, inbound.port(), tls);
	await eventually(async () => assert.equal(await count(), 1));
	stays.socket.destroy();
	await eventually(async () => assert.equal(await count(), 0));
});

test("a client that offers HTTP/2 and HTTP/1.1 is answered in HTTP/2", async (t) => {
	const own = pki.issue(webId);
	const { inbound } = await startPair(t, own);
	const socket = connect({
		port: inbound.port(),
		host: "127.0.0.1",
		cert: own.certificateChainPem,
		key: own.privateKeyPem,
		ca: pki.bundlePem,
		checkServerIdentity: () => undefined,
		ALPNProtocols: ["h2", "http/1.1"],
	});
	t.after(() => socket.destroy());
	await once(socket, "secureConnect");
	assert.equal(socket.alpnProtocol, "h2");
});

test("a session does not outlive the certificate it was made with", async (t) => {
	const { inbound } = await startPair(t, pki.issue(webId));
	const notAfter = Date.now() + 2_000;
	const short = pki.issue(webId, { notAfter });
	const own = { cert: short.certificateChainPem, key: short.privateKeyPem };
	const first = await openClient(t, inbound.port(), own);
	const ticket = once(first.socket, "session");
	first.send("GET / HTTP/1.1\r\nhost: reviews\r\n\r\n");
	assert.equal((await first.response()).status, 200);
	const [session] = (await ticket) as [Buffer];
	await eventually(() => assert.ok(Date.now() > notAfter + 1000));
	const again = await openClient(t, inbound.port(), { ...own, session });
	again.send("GET / HTTP/1.1\r\nhost: reviews\r\n\r\n");
	await assert.rejects(again.response());
	assert.match(await inbound.admin("/stats?filter=fail_verify_error"), /fail_verify_error: 1$/m);
});

test("short connections, many of them, are secured and judged as the first ones are", async (t) => {
	const { inbound } = await startPair(t, pki.issue(webId));
	const own = pki.issue(webId);
	const shown = { cert: own.certificateChainPem, key: own.privateKeyPem };
	const visit = async (options: object): Promise<Buffer | undefined> => {
		const client = await openClient(t, inbound.port(), options);
		let session: Buffer | undefined;
		client.socket.on("session", (ticket: Buffer) => {
			session = ticket;
		});
		client.send("GET / HTTP/1.1\r\nhost: reviews\r\nconnection: close\r\n\r\n");
		assert.equal((await client.response()).status, 200);
		await client.closed();
		return session;
	};
	for (let count = 0; count < 70; count++) await visit(shown);
	const session = await visit(shown);
	await visit({ ...shown, session });
	assert.match(await inbound.admin("/stats?filter=ssl.session_reused"), /session_reused: 1$/m);
	const stranger = pki.foreign(webId);
	const refused = await openClient(t, inbound.port(), {
		cert: stranger.certificateChainPem,
		key: stranger.privateKeyPem,
	});
	refused.send("GET / HTTP/1.1\r\nhost: reviews\r\n\r\n");
	await assert.rejects(refused.response());
	const nameless = await openClient(t, inbound.port(), {}).catch(() => undefined);
	await assert.rejects(async () => {
		nameless?.send("GET / HTTP/1.1\r\nhost: reviews\r\n\r\n");
		if (nameless === undefined) throw new Error("refused");
		await nameless.response();
	});
	const stats = await inbound.admin("/stats?filter=ssl");
	assert.match(stats, /fail_verify_error: 1$/m);
	assert.match(stats, /fail_verify_no_cert: 1$/m);
});
