import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { type TestContext, test } from "node:test";
import { connect, createSecureContext, type SecureContext, TLSSocket } from "node:tls";
import { createTestPki, type TestCertificate } from "../../../test/support/pki.ts";
import { canTuneContexts, tuneContext } from "./tune-context.ts";

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
