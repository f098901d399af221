/** Sessions that are resumed under Envoy's SPIFFE validator, as every proxy of a mesh with related trust domains has it. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type TestContext, test } from "node:test";
import { managerFilter, oneHost, typed } from "../support/bootstraps.ts";
import { createTestPki, type TestCertificate } from "../support/pki.ts";
import { answerRequests, ok, openClient, type RawClient, startRawServer } from "../support/raw-client.ts";
import { address, cluster, startProxyOn } from "../support/running-proxy.ts";

const one = createTestPki({ trustDomain: "one.test" });
const two = createTestPki({ trustDomain: "two.test" });
const get = "GET / HTTP/1.1\r\nhost: reviews\r\n\r\n";

function commonTls({ certificateChainPem, privateKeyPem }: TestCertificate): object {
	return {
		tls_certificates: [
			{ certificate_chain: { inline_string: certificateChainPem }, private_key: { inline_string: privateKeyPem } },
		],
		validation_context: {
			custom_validator_config: {
				name: "envoy.tls.cert_validator.spiffe",
				typed_config: typed("transport_sockets.tls.v3.SPIFFECertValidatorConfig", {
					trust_domains: [one, two].map(({ trustDomain, bundlePem }) => ({
						name: trustDomain,
						trust_bundle: { inline_string: bundlePem },
					})),
				}),
			},
		},
		alpn_protocols: ["http/1.1"],
	};
}

const managerTo = (name: string): object =>
	managerFilter({ route_config: oneHost([{ match: { prefix: "/" }, route: { cluster: name } }]) });

async function startInbound(t: TestContext) {
	const backend = await startRawServer(
		t,
		answerRequests((head) => ok(head)),
	);
	const transport_socket = {
		name: "tls",
		typed_config: typed("transport_sockets.tls.v3.DownstreamTlsContext", {
			require_client_certificate: true,
			common_tls_context: commonTls(one.issue(one.idOf("reviews"))),
		}),
	};
	return await startProxyOn(t, {
		admin: { address: address(0) },
		static_resources: {
			listeners: [
				{ name: "l1", address: address(0), filter_chains: [{ filters: [managerTo("b")], transport_socket }] },
			],
			clusters: [cluster("b", [backend.port])],
		},
	});
}

async function ask(client: RawClient): Promise<number> {
	client.send(get);
	return (await client.response()).status;
}

const shown = ({ certificateChainPem, privateKeyPem }: TestCertificate) => ({
	cert: certificateChainPem,
	key: privateKeyPem,
});

test("peers of every trust domain resume their sessions, though a resumed one shows no issuer", async (t) => {
	const inbound = await startInbound(t);
	for (const [index, pki] of [one, two].entries()) {
		const own = shown(pki.issue(pki.idOf("web")));
		const first = await openClient(t, inbound.port(), own);
		const ticket = once(first.socket, "session");
		assert.equal(await ask(first), 200);
		const [session] = (await ticket) as [Buffer];
		assert.equal(await ask(await openClient(t, inbound.port(), { ...own, session })), 200, pki.trustDomain);
		assert.equal(await inbound.stat("listener.127.0.0.1_0.ssl.session_reused"), index + 1);
	}
});

test("a session that was refused is refused again when it is resumed", async (t) => {
	const inbound = await startInbound(t);
	for (const pki of [one, two])
		assert.equal(await ask(await openClient(t, inbound.port(), shown(pki.issue(pki.idOf("web"))))), 200);
	const forged = shown(two.issue(one.idOf("web")));
	const first = await openClient(t, inbound.port(), forged);
	let session: Buffer | undefined;
	first.socket.on("session", (ticket: Buffer) => {
		session = ticket;
	});
	await assert.rejects(ask(first));
	// The library may have given a ticket before the peer was judged.
	const again = await openClient(t, inbound.port(), { ...forged, ...(session !== undefined && { session }) });
	await assert.rejects(ask(again));
});

test("a cluster resumes its sessions", async (t) => {
	const inbound = await startInbound(t);
	const transport_socket = {
		name: "tls",
		typed_config: typed("transport_sockets.tls.v3.UpstreamTlsContext", {
			common_tls_context: commonTls(two.issue(two.idOf("web"))),
		}),
	};
	const outbound = await startProxyOn(t, {
		admin: { address: address(0) },
		static_resources: {
			listeners: [{ name: "l1", address: address(0), filter_chains: [{ filters: [managerTo("peer")] }] }],
			clusters: [cluster("peer", [inbound.port()], { max_requests_per_connection: 1, transport_socket })],
		},
	});
	for (let count = 0; count < 4; count++) assert.equal(await ask(await openClient(t, outbound.port())), 200);
	assert.ok((await outbound.stat("cluster.peer.ssl.session_reused")) > 0);
});
