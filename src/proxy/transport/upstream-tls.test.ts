import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { createTestPki, type TestCertificate, type TestPki } from "../../../test/support/pki.ts";
import { createMetricsRegistry } from "../../telemetry/index.ts";
import type { CommonTlsConfig, UpstreamTlsConfig } from "../runtime-config/index.ts";
import type { CertificateSecret, SecretSource, ValidationSecret } from "../secret/index.ts";
import { createTlsStats } from "../stats/index.ts";
import { createDownstreamTls, createUpstreamTls, type UpstreamTls } from "./index.ts";

const common: CommonTlsConfig = {
	minimumVersion: undefined,
	maximumVersion: undefined,
	cipherSuites: [],
	ecdhCurves: [],
	signatureAlgorithms: [],
	ticketKeys: { kind: "none" },
	certificates: [{ kind: "secret", name: "default", source: undefined }],
	validation: { kind: "secret", name: "ROOTCA", source: undefined, defaults: undefined },
	alpnProtocols: [],
};

const upstreamConfig: UpstreamTlsConfig = {
	...common,
	sni: "server.shop",
	autoHostSni: false,
	certifiesServerName: false,
	autoSniSanValidation: false,
	allowRenegotiation: false,
	maxSessionKeys: 1,
};

function createSecrets(certificate: TestCertificate, peer: string): SecretSource {
	const secret: CertificateSecret = {
		kind: "certificate",
		name: "default",
		version: "1",
		cert: Buffer.from(certificate.certificateChainPem),
		key: Buffer.from(certificate.privateKeyPem),
		pfx: undefined,
		passphrase: undefined,
	};
	const validation: ValidationSecret = {
		kind: "validation",
		name: "ROOTCA",
		version: "1",
		ca: Buffer.from(certificate.bundlePem),
		systemRoots: false,
		crl: undefined,
		subjectAltNames: [{ type: "uri", matcher: { kind: "exact", value: peer, ignoreCase: false } }],
		spkiHashes: [],
		certificateHashes: [],
		allowExpired: false,
		acceptUntrusted: false,
		trustDomains: undefined,
		chainRules: undefined,
	};
	return {
		get: () => undefined,
		certificate: () => secret,
		validation: () => validation,
		ticketKeys: () => "none",
		onChange: () => () => undefined,
	};
}

/** A server that greets whom it accepts, with the identity it saw. */
async function startServer(t: TestContext, certificate: TestCertificate, client: string): Promise<number> {
	const stats = createTlsStats(createMetricsRegistry().root, "server");
	const tls = createDownstreamTls(
		{
			...common,
			requireClientCertificate: true,
			requireSni: false,
			disableStatelessResumption: false,
			disableStatefulResumption: false,
			sessionTimeoutMs: undefined,
			preferClientCiphers: false,
			fullScanOnSniMismatch: false,
		},
		createSecrets(certificate, client),
		stats,
	);
	const server = createServer((socket) =>
		tls.accept(socket, {
			onSecure: (secured, session) =>
				secured.write(`${session.peer?.uriSans[0]} resumed=${stats.ssl.session_reused.value > 0}`, "latin1"),
			onRefused: () => undefined,
		}),
	);
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	t.after(() => server.close());
	return (server.address() as AddressInfo).port;
}

interface Call {
	readonly greeting: string;
	readonly peer: string | undefined;
	readonly error: string;
}

function call(tls: UpstreamTls, port: number): Promise<Call> {
	return new Promise((resolve) => {
		const socket: Socket = tls.connect({ host: "127.0.0.1", port }, undefined);
		let greeting = "";
		let error = "";
		let peer: string | undefined;
		tls.onReady(socket, () => {
			peer = tls.sessionOf(socket)?.peer?.uriSans[0];
		});
		socket.on("data", (bytes: Buffer) => {
			greeting += bytes.toString();
			setImmediate(() => socket.destroy());
		});
		socket.on("error", (failure) => {
			error = failure.message;
		});
		socket.on("close", () => resolve({ greeting, peer, error }));
	});
}

function createClient(
	pki: TestPki,
	expectedPeer: string,
	certifiesServerName = false,
	config = upstreamConfig,
): UpstreamTls {
	const secrets = createSecrets(pki.issue(pki.idOf("web")), expectedPeer);
	const stats = createTlsStats(createMetricsRegistry().root, "client");
	return createUpstreamTls(config, secrets, stats, certifiesServerName);
}

test("a resumed session keeps the identity of the peer it was made with, on both sides", async (t) => {
	const pki = createTestPki();
	const server = pki.idOf("server");
	const port = await startServer(t, pki.issue(server), pki.idOf("web"));
	const tls = createClient(pki, server);
	const first = await call(tls, port);
	assert.deepEqual(first, { greeting: `${pki.idOf("web")} resumed=false`, peer: server, error: "" });
	const second = await call(tls, port);
	assert.deepEqual(second, { greeting: `${pki.idOf("web")} resumed=true`, peer: server, error: "" });
});

test("a certificate that is not for the server name is refused where that is asked", async (t) => {
	const pki = createTestPki();
	const server = pki.idOf("server");
	const port = await startServer(t, pki.issue(server), pki.idOf("web"));
	const { peer, error } = await call(createClient(pki, server, true), port);
	assert.equal(peer, undefined);
	assert.match(error, /verify SAN list/);
});

test("the server name takes the place of the names of the rules where that is asked", async (t) => {
	const pki = createTestPki();
	const config = { ...upstreamConfig, certifiesServerName: true };
	const named = pki.issue(pki.idOf("server"), { dnsNames: [upstreamConfig.sni] });
	const accepted = await call(
		createClient(pki, pki.idOf("nobody"), false, config),
		await startServer(t, named, pki.idOf("web")),
	);
	assert.equal(accepted.peer, pki.idOf("server"));
	const other = await startServer(t, pki.issue(pki.idOf("server")), pki.idOf("web"));
	const { peer, error } = await call(createClient(pki, pki.idOf("server"), false, config), other);
	assert.equal(peer, undefined);
	assert.match(error, /SAN matcher, certificate SANs are \[/);
});

test("a peer of another identity, another authority or another time is refused with the reason", async (t) => {
	const pki = createTestPki();
	const server = pki.idOf("server");
	for (const [certificate, reason] of [
		[pki.issue(pki.idOf("impostor")), /SAN matcher, certificate SANs are \[/],
		[pki.foreign(server), /CERTIFICATE_VERIFY_FAILED/],
		[pki.expired(server), /certificate has expired/],
	] as const) {
		const port = await startServer(t, { ...certificate, bundlePem: pki.bundlePem }, pki.idOf("web"));
		const { peer, error } = await call(createClient(pki, server), port);
		assert.equal(peer, undefined);
		assert.match(error, reason);
	}
});
