import assert from "node:assert/strict";
import { constants } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { type TestContext, test } from "node:test";
import { connect, createSecureContext, type SecureContext, type SecureVersion, TLSSocket } from "node:tls";
import { createTestPki, type TestCertificate } from "../../../test/support/pki.ts";
import { canTuneContexts, type SessionRules, tuneContext } from "./tune-context.ts";

const pki = createTestPki();
const web = pki.idOf("web");
const own = pki.issue(pki.idOf("server"));
const long = Date.now() - 7_200_000;
const ended = { notBefore: long, notAfter: long + 3_600_000 };

test("a good chain is good, once and again", async (t) => {
	const server = await startServer(t);
	const good = pki.issue(web);
	for (let time = 0; time < 3; time++) assert.equal(await server.judge(good), "good");
});

test("of several faults it is not the harmless one that is told", async (t) => {
	const server = await startServer(t);
	assert.equal(await server.judge(pki.issue(web, ended)), "CERT_HAS_EXPIRED");
	assert.equal(await server.judge(pki.notYetValid(web)), "CERT_NOT_YET_VALID");
	assert.equal(await server.judge(pki.issue(web, { ...ended, selfSigned: true })), "DEPTH_ZERO_SELF_SIGNED_CERT");
	const foreign = await server.judge(createTestPki().issue(web, ended));
	assert.match(foreign, /UNABLE_TO_GET_ISSUER_CERT_LOCALLY|CERT_SIGNATURE_FAILURE|SELF_SIGNED_CERT_IN_CHAIN/);
	assert.equal(
		await server.judge(pki.issue(web, { ...ended, extendedKeyUsages: ["1.3.6.1.5.5.7.3.1"] })),
		"INVALID_PURPOSE",
	);
});

test("a chain that was good and has ended is not remembered", async (t) => {
	const server = await startServer(t);
	const end = Math.ceil(Date.now() / 1000) * 1000 + 1000;
	const brief = pki.issue(web, { notAfter: end });
	assert.equal(await server.judge(brief), "good");
	await new Promise((resolve) => setTimeout(resolve, end + 1000 - Date.now()));
	assert.equal(await server.judge(brief), "CERT_HAS_EXPIRED");
});

test("what is good for one context is nothing to another", async (t) => {
	const first = await startServer(t);
	const foreign = createTestPki();
	const second = await startServer(t, foreign.bundlePem);
	const good = pki.issue(web);
	assert.equal(await first.judge(good), "good");
	assert.notEqual(await second.judge(good), "good");
	assert.equal(await second.judge(foreign.issue(web)), "good");
});

test("only the certificates that were given are sent", async (t) => {
	const server = await startServer(t, pki.bundlePem + pki.issuerPem, own.certificatePem);
	const socket = connect({ port: server.port, host: "127.0.0.1", rejectUnauthorized: false });
	await once(socket, "secureConnect");
	const certificate = socket.getPeerX509Certificate();
	socket.destroy();
	assert.equal(certificate?.issuerCertificate, undefined);
});

test("a kept session comes back, each handshake brings one ticket, and only so many are kept", async (t) => {
	const server = await startResuming(t, { tickets: 1, kept: 3 });
	const first = await server.visit();
	assert.equal(first.tickets.length, 1);
	assert.equal(first.isReused, false);
	const again = await server.visit(first.tickets[0]!);
	assert.equal(again.isReused, true);
	assert.equal(again.tickets.length, 1);
	// The certificate of the client is the session's.
	assert.equal(again.peer, first.peer);
	for (let time = 0; time < 3; time++) await server.visit();
	assert.equal((await server.visit(again.tickets[0])).isReused, false);
});

test("TLS 1.2 sessions that are kept come back by their number", async (t) => {
	const server = await startResuming(t, { tickets: 1, kept: 3 }, "TLSv1.2");
	const first = await server.visit();
	assert.equal((await server.visit(first.tickets[0])).isReused, true);
});

test("without tickets nobody gets one, and nobody comes back", async (t) => {
	const server = await startResuming(t, { tickets: 0, kept: 0 });
	assert.equal((await server.visit()).tickets.length, 0);
});

test("a session is nothing to another context", async (t) => {
	const one = await startResuming(t, { tickets: 1, kept: 3 });
	const other = await startResuming(t, { tickets: 1, kept: 3 });
	const { tickets } = await one.visit();
	assert.equal((await other.visit(tickets[0])).isReused, false);
});

/** A server that keeps sessions, and clients that come back with one. */
async function startResuming(t: TestContext, rules: SessionRules, maxVersion: SecureVersion = "TLSv1.3") {
	const secureContext = createSecureContext({
		...{ cert: own.certificateChainPem, key: own.privateKeyPem, ca: pki.bundlePem, maxVersion },
		...{ allowPartialTrustChain: true, secureOptions: constants.SSL_OP_NO_TICKET, sessionIdContext: "test" },
	});
	tuneContext(secureContext, rules);
	const server = createServer((below) => {
		const socket = new TLSSocket(below, { isServer: true, secureContext, requestCert: true, rejectUnauthorized: true });
		socket.on("error", () => undefined);
		socket.on("secure", () => socket.end(socket.getPeerX509Certificate()?.fingerprint256 ?? ""));
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	t.after(() => server.close());
	const { port } = server.address() as AddressInfo;
	const { certificateChainPem: cert, privateKeyPem: key } = pki.issue(web);
	return {
		async visit(session?: Buffer | undefined) {
			const socket = connect({
				port,
				host: "127.0.0.1",
				rejectUnauthorized: false,
				cert,
				key,
				...(session && { session }),
			});
			const tickets: Buffer[] = [];
			socket.on("session", (ticket) => tickets.push(ticket));
			let isReused = false;
			socket.once("secureConnect", () => {
				isReused = socket.isSessionReused();
			});
			let peer = "";
			socket.setEncoding("latin1").on("data", (text) => {
				peer += text;
			});
			await once(socket, "close");
			return { tickets, peer, isReused };
		},
	};
}

function tune(authorities = pki.bundlePem, cert = own.certificateChainPem): SecureContext {
	const context = createSecureContext({
		...{ cert, key: own.privateKeyPem, ca: authorities },
		// A chain may end in an issuer; Node's types do not know it yet.
		...{ allowPartialTrustChain: true },
	});
	assert.equal(canTuneContexts(), true);
	tuneContext(context);
	return context;
}

/** A server with one tuned context, which tells how it judged the chain of a client. */
async function startServer(t: TestContext, authorities?: string, cert?: string) {
	const secureContext = tune(authorities, cert);
	let judged: PromiseWithResolvers<string> | undefined;
	const server = createServer((below) => {
		const socket = new TLSSocket(below, {
			isServer: true,
			secureContext,
			requestCert: true,
			rejectUnauthorized: false,
		});
		socket.on("error", () => undefined);
		socket.on("secure", () => {
			const { ssl } = socket as unknown as { readonly ssl: { verifyError(): { readonly code: string } | null } };
			judged?.resolve(ssl.verifyError()?.code ?? "good");
			socket.end();
		});
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	t.after(() => server.close());
	const { port } = server.address() as AddressInfo;
	return {
		port,
		async judge({ certificateChainPem, privateKeyPem }: TestCertificate): Promise<string> {
			judged = Promise.withResolvers<string>();
			const identity = { cert: certificateChainPem, key: privateKeyPem };
			const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false, ...identity });
			socket.on("error", () => undefined);
			const verdict = await judged.promise;
			socket.destroy();
			return verdict;
		},
	};
}
