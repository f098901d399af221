/** Servers of our own TLS against the clients that there are: Node's library. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect as connectPlain } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import { eventually } from "../../test/support/eventually.ts";
import { createTestPki } from "../../test/support/pki.ts";
import { makeTemporaryFolder } from "../../test/support/temporary-folder.ts";
import { startTls13Server } from "../../test/support/tls13-server.ts";

const pki = createTestPki();
const identity = pki.issue(pki.idOf("server"));
const client = pki.issue(pki.idOf("client"));
const own = { cert: identity.certificateChainPem, key: identity.privateKeyPem, ca: pki.bundlePem };
const shown = { cert: client.certificateChainPem, key: client.privateKeyPem };
const mutual = { ...own, requestsCertificate: true, refusesUnauthorized: true };

async function open(port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
	const socket = connect({
		port,
		host: "127.0.0.1",
		ca: pki.bundlePem,
		checkServerIdentity: () => undefined,
		...options,
	});
	socket.on("error", () => undefined);
	await once(socket, "secureConnect");
	return socket;
}

async function talk(socket: TLSSocket, words: string): Promise<string> {
	socket.end(words);
	return await text(socket);
}

for (const suite of ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"]) {
	test(`both sides know each other with ${suite}`, async (t) => {
		const server = await startTls13Server(t, { ...mutual, protocols: ["h2"] });
		const socket = await open(server.port, {
			...shown,
			ciphers: suite,
			ALPNProtocols: ["http/1.1", "h2"],
			servername: "Server.test",
		});
		assert.equal(socket.authorized, true);
		assert.equal(socket.alpnProtocol, "h2");
		assert.equal(await talk(socket, "hello"), "hello");
		const [facts] = server.facts;
		assert.equal(facts?.version, "TLSv1.3");
		assert.equal(facts?.suite, suite);
		assert.equal(facts?.serverName, "Server.test");
		assert.equal(facts?.protocol, "h2");
		assert.equal(facts?.fault, undefined);
		assert.equal(facts?.peer?.toString(), client.certificatePem);
		assert.equal(facts?.own, identity.certificatePem);
		assert.equal(facts?.isResumed, false);
	});
}

test("clients of older versions and with other curves are served by the library", async (t) => {
	const server = await startTls13Server(t, mutual);
	for (const options of [{ maxVersion: "TLSv1.2" }, { ecdhCurve: "P-256" }] as const)
		assert.equal(await talk(await open(server.port, { ...shown, ...options }), "hello"), "hello");
	assert.deepEqual(
		server.facts.map((facts) => facts.version),
		["TLSv1.2", "TLSv1.3"],
	);
});

test("what is no hello of TLS is a fault of its code", async (t) => {
	const server = await startTls13Server(t, own);
	const plain = connectPlain(server.port, "127.0.0.1");
	plain.on("error", () => undefined);
	plain.write("GET / HTTP/1.1\r\n\r\n");
	await once(plain.resume(), "close");
	assert.deepEqual(server.faults, ["ERR_SSL_HTTP_REQUEST"]);
});

test("large bodies go both ways unharmed, in pieces and in one", async (t) => {
	const server = await startTls13Server(t, own);
	const socket = await open(server.port);
	const body = randomBytes(5_000_000);
	const received = createHash("sha256");
	let length = 0;
	socket.on("data", (bytes: Buffer) => {
		received.update(bytes);
		length += bytes.length;
	});
	for (let at = 0, step = 1; at < body.length; at += step, step = (step * 7 + 13) % 200_000)
		if (!socket.write(body.subarray(at, at + step))) await once(socket, "drain");
	socket.end();
	await once(socket, "end");
	assert.equal(length, body.length);
	assert.equal(received.digest("hex"), createHash("sha256").update(body).digest("hex"));
});

test("text longer than a record, and corked pieces, arrive in their order", async (t) => {
	const words = "0123456789".repeat(5000);
	const server = await startTls13Server(t, {
		...own,
		onSocket(socket) {
			socket.cork();
			socket.write("first", "latin1");
			socket.write(Buffer.from("second"));
			socket.write(words, "latin1");
			socket.uncork();
			socket.write(words, "latin1");
			socket.end();
		},
	});
	assert.equal(await text(await open(server.port)), `firstsecond${words}${words}`);
});

test("what comes with the end of the handshake waits for its reader", async (t) => {
	let seen = "";
	const server = await startTls13Server(t, {
		...own,
		onSocket(socket) {
			socket.on("data", (bytes) => {
				seen += bytes.toString("latin1");
			});
			socket.on("end", () => socket.end());
			setImmediate(() => socket.resume());
		},
	});
	const socket = connect({
		port: server.port,
		host: "127.0.0.1",
		ca: pki.bundlePem,
		checkServerIdentity: () => undefined,
	});
	socket.end("early words");
	await once(socket.resume(), "close");
	assert.equal(seen, "early words");
});

test("a session is resumed with its certificate, and its ticket is good for this server only", async (t) => {
	const server = await startTls13Server(t, mutual);
	const stranger = await startTls13Server(t, mutual);
	const first = await open(server.port, shown);
	const [session] = (await once(first, "session")) as [Buffer];
	assert.equal(await talk(first, "one"), "one");
	for (const { port } of [server, stranger])
		assert.equal(await talk(await open(port, { ...shown, session }), "two"), "two");
	const second = server.facts[1];
	assert.equal(second?.isResumed, true);
	assert.equal(second?.peer?.toString(), client.certificatePem);
	assert.equal(second?.fault, undefined);
	assert.equal(stranger.facts[0]?.isResumed, false);
});

test("a session of another server name is not resumed", async (t) => {
	const server = await startTls13Server(t, own);
	const first = await open(server.port, { servername: "one.test" });
	const [session] = (await once(first, "session")) as [Buffer];
	await talk(first, "one");
	await talk(await open(server.port, { session, servername: "two.test" }), "two");
	await talk(await open(server.port, { session, servername: "one.test" }), "three");
	assert.deepEqual(
		server.facts.map((facts) => facts.isResumed),
		[false, false, true],
	);
});

test("without tickets nobody gets one", async (t) => {
	const server = await startTls13Server(t, { ...own, usesTickets: false });
	const socket = await open(server.port);
	socket.on("session", () => assert.fail("a ticket came"));
	assert.equal(await talk(socket, "hello"), "hello");
});

test("a client without a certificate is served where none is needed, and refused where one is", async (t) => {
	const lenient = await startTls13Server(t, { ...own, requestsCertificate: true });
	assert.equal(await talk(await open(lenient.port), "hello"), "hello");
	assert.equal(lenient.facts[0]?.peer, undefined);
	const strict = await startTls13Server(t, mutual);
	const socket = await open(strict.port);
	const [error] = (await once(socket.resume(), "error")) as [NodeJS.ErrnoException];
	assert.equal(error.code, "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED");
	assert.deepEqual(strict.faults, ["ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE"]);
});

test("chains are judged as the library judges them", async (t) => {
	const server = await startTls13Server(t, mutual);
	const id = pki.idOf("client");
	const judged: [string, ReturnType<typeof pki.issue>, string | undefined][] = [
		["good", pki.issue(id), undefined],
		["expired", pki.expired(id), "CERT_HAS_EXPIRED"],
		["not yet valid", pki.notYetValid(id), "CERT_NOT_YET_VALID"],
		["signed by itself", pki.selfSigned(id), "DEPTH_ZERO_SELF_SIGNED_CERT"],
		["of another authority", pki.foreign(id), "UNABLE_TO_GET_ISSUER_CERT_LOCALLY"],
		["for servers only", pki.forServersOnly(id), "INVALID_PURPOSE"],
		["the leaf alone", { ...client, certificateChainPem: client.certificatePem }, "UNABLE_TO_GET_ISSUER_CERT_LOCALLY"],
	];
	for (const [what, certificate, code] of judged) {
		// With TLS 1.2 it is the library's own handshake; the third one finds what the first one left.
		for (const maxVersion of ["TLSv1.3", "TLSv1.2", "TLSv1.3"] as const) {
			const socket = await open(server.port, {
				maxVersion,
				cert: certificate.certificateChainPem,
				key: certificate.privateKeyPem,
			});
			await talk(socket, "x");
			assert.equal(server.facts.at(-1)?.fault, code, `${what}, ${maxVersion}`);
		}
	}
});

test("clients with keys of every kind are known", async (t) => {
	const server = await startTls13Server(t, { ...mutual, refusesUnauthorized: false });
	const folder = makeTemporaryFolder(t);
	const kinds = [
		["ec", "-pkeyopt", "ec_paramgen_curve:P-384"],
		["ec", "-pkeyopt", "ec_paramgen_curve:P-521"],
		["ed25519"],
		["rsa:2048"],
		["rsa-pss", "-pkeyopt", "rsa_keygen_bits:2048"],
	];
	for (const kind of kinds) {
		const files = ["-keyout", join(folder, "key.pem"), "-out", join(folder, "cert.pem")];
		await run("openssl", ["req", "-x509", "-nodes", "-subj", "/CN=x", "-newkey", ...kind, ...files]);
		const socket = await open(server.port, {
			cert: readFileSync(join(folder, "cert.pem")),
			key: readFileSync(join(folder, "key.pem")),
		});
		assert.equal(await talk(socket, "hello"), "hello", kind.join(" "));
		assert.equal(server.facts.at(-1)?.peer?.subject, "CN=x");
	}
});

test("a server with an RSA key serves as well", async (t) => {
	const folder = makeTemporaryFolder(t);
	const files = ["-keyout", join(folder, "key.pem"), "-out", join(folder, "cert.pem")];
	await run("openssl", ["req", "-x509", "-nodes", "-subj", "/CN=server", "-newkey", "rsa:2048", ...files]);
	const cert = readFileSync(join(folder, "cert.pem"), "latin1");
	const server = await startTls13Server(t, { cert, key: readFileSync(join(folder, "key.pem"), "latin1") });
	assert.equal(await talk(await open(server.port, { ca: cert }), "hello"), "hello");
});

test("a client that leaves within the handshake is forgotten", async (t) => {
	const server = await startTls13Server(t, own);
	const socket = connectPlain(server.port, "127.0.0.1");
	socket.on("error", () => undefined);
	socket.end(Buffer.from("160301", "hex"));
	await once(socket.resume(), "close");
	await eventually(() => assert.deepEqual(server.faults, ["gone"]));
});

async function run(program: string, args: readonly string[]): Promise<void> {
	const child = spawn(program, args, { stdio: "ignore" });
	const [code] = (await once(child, "close")) as [number];
	assert.equal(code, 0, `${program} ${args.join(" ")}`);
}
