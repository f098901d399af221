/** Servers of our own TLS against clients that misbehave: each gets its alert, or its end, and nothing of it reaches the application. */
import assert from "node:assert/strict";
import { createPrivateKey, randomBytes, X509Certificate } from "node:crypto";
import { test } from "node:test";
import { createTestPki } from "../../test/support/pki.ts";
import { frame, Tls13Client, type Tls13ClientOptions } from "../../test/support/tls13-client.ts";
import { startTls13Server } from "../../test/support/tls13-server.ts";
import { alerts } from "./alert.ts";
import { encodeMessage, messageType } from "./messages.ts";
import { contentType } from "./record.ts";

const pki = createTestPki();
const identity = pki.issue(pki.idOf("server"));
const own = { cert: identity.certificateChainPem, key: identity.privateKeyPem, ca: pki.bundlePem };
const mutual = { ...own, requestsCertificate: true, refusesUnauthorized: true };
const issued = pki.issue(pki.idOf("client"));
const chain = (issued.certificateChainPem.match(/-----BEGIN[\s\S]+?-----END CERTIFICATE-----/g) ?? []).map(
	(pem) => new X509Certificate(pem).raw,
);
const good: Tls13ClientOptions = { chain, key: createPrivateKey(issued.privateKeyPem) };

const isFinished = (event: { readonly kind: string; readonly type?: number }): boolean =>
	event.kind === "message" && event.type === messageType.finished;

test("the test's client is a good one when it wants to be", async (t) => {
	const server = await startTls13Server(t, mutual);
	const client = Tls13Client.open(server.port, good);
	await client.until(isFinished);
	client.send(contentType.data, Buffer.from("hello"), 100);
	assert.deepEqual(await client.until(({ kind }) => kind === "data"), { kind: "data", text: "hello" });
	assert.equal(server.facts[0]?.peer?.toString(), issued.certificatePem);
	client.send(contentType.alert, Buffer.of(1, 0));
	assert.equal(await client.alert(), alerts.closeNotify);
	client.end();
});

const swap = (messages: Buffer[], index: number, change: (message: Buffer) => Buffer | undefined): Buffer[] =>
	messages.flatMap((message, at) => (at === index ? (change(message) ?? []) : message));
const flip = (message: Buffer): Buffer => {
	const changed = Buffer.from(message);
	changed[changed.length - 1]! ^= 1;
	return changed;
};

/** Handshakes that must fail, with the alert that says so. */
const brokenHandshakes: [string, Tls13ClientOptions, number][] = [
	["a signature of something else", { ...good, signedInstead: randomBytes(32) }, alerts.decryptError],
	["a signature of another key", { ...good, key: createPrivateKey(identity.privateKeyPem) }, alerts.decryptError],
	["a damaged signature", { ...good, bend: (all) => swap(all, 1, flip) }, alerts.decryptError],
	[
		"a certificate without a signature",
		{ ...good, bend: (all) => swap(all, 1, () => undefined) },
		alerts.unexpectedMessage,
	],
	["a wrong Finished", { ...good, bend: (all) => swap(all, 2, flip) }, alerts.decryptError],
	["an empty Finished", { ...good, bend: (all) => swap(all, 2, () => encodeMessage(20)) }, alerts.decryptError],
	["a Finished at once", { ...good, bend: (all) => all.slice(2) }, alerts.unexpectedMessage],
	["no certificate", { chain: [] }, alerts.certificateRequired],
	["a certificate that is none", { ...good, chain: [randomBytes(300)] }, alerts.badCertificate],
	["two certificates messages", { ...good, bend: (all) => [all[0]!, all[0]!] }, alerts.unexpectedMessage],
	[
		"a chain whose lengths lie",
		{ ...good, bend: (all) => swap(all, 0, (message) => encodeMessage(11, message.subarray(4, -3))) },
		alerts.decodeError,
	],
	[
		"messages behind the Finished in its record",
		{ ...good, bend: (all) => [Buffer.concat([...all, encodeMessage(24, Buffer.of(0))])] },
		alerts.unexpectedMessage,
	],
	["a message that never ends", { ...good, bend: () => [Buffer.of(11, 0xff, 0xff, 0xff)] }, alerts.illegalParameter],
];

for (const [what, options, alert] of brokenHandshakes)
	test(`${what} ends the handshake`, async (t) => {
		const server = await startTls13Server(t, mutual);
		const client = Tls13Client.open(server.port, options);
		assert.equal(await client.alert(), alert);
		assert.equal(server.facts.length, 0);
		assert.match(server.faults[0] ?? "", /^ERR_SSL_/);
	});

test("a chain in pieces, a message a record or all in one, is one chain", async (t) => {
	const server = await startTls13Server(t, mutual);
	const cut = (all: Buffer[]): Buffer[] => {
		const whole = Buffer.concat(all);
		return Array.from({ length: Math.ceil(whole.length / 100) }, (_, index) =>
			whole.subarray(index * 100, index * 100 + 100),
		);
	};
	for (const bend of [cut, (all: Buffer[]) => [Buffer.concat(all)]]) {
		const client = Tls13Client.open(server.port, { ...good, bend });
		await client.until(isFinished);
		client.send(contentType.data, Buffer.from("hello"));
		assert.equal((await client.until(({ kind }) => kind === "data")).kind, "data");
		client.end();
	}
});

/** What a client does behind a good handshake, and the alert for it. */
const brokenConnections: [string, (client: Tls13Client) => void, number][] = [
	[
		"a record that was changed on its way",
		(client) => client.sendRaw(flip(client.seal(23, Buffer.from("x")))),
		alerts.badRecordMac,
	],
	[
		"a record that comes twice",
		(client) => {
			const record = client.seal(contentType.data, Buffer.from("x"));
			client.sendRaw(Buffer.concat([record, record]));
		},
		alerts.badRecordMac,
	],
	["a record in the clear", (client) => client.sendRaw(frame(contentType.data, Buffer.alloc(40))), alerts.badRecordMac],
	[
		"handshake records in the clear",
		(client) => client.sendRaw(frame(contentType.handshake, Buffer.alloc(40))),
		alerts.unexpectedMessage,
	],
	[
		"an alert in the clear",
		(client) => client.sendRaw(frame(contentType.alert, Buffer.of(1, 0))),
		alerts.unexpectedMessage,
	],
	[
		"a change of ciphers",
		(client) => client.sendRaw(frame(contentType.changeCipherSpec, Buffer.of(1))),
		alerts.unexpectedMessage,
	],
	["a record too long", (client) => client.sendRaw(Buffer.from("1703037000", "hex")), alerts.recordOverflow],
	["content too long", (client) => client.send(contentType.data, Buffer.alloc(2 ** 14 + 1)), alerts.recordOverflow],
	["a record of padding", (client) => client.send(0, Buffer.alloc(0), 20), alerts.unexpectedMessage],
	["a type nobody knows", (client) => client.send(99, Buffer.from("x")), alerts.unexpectedMessage],
	[
		"a record too short for its tag",
		(client) => client.sendRaw(frame(contentType.data, Buffer.alloc(8))),
		alerts.badRecordMac,
	],
	[
		"a hello once more",
		(client) => client.send(contentType.handshake, encodeMessage(1, Buffer.alloc(40))),
		alerts.unexpectedMessage,
	],
	[
		"a ticket for us",
		(client) => client.send(contentType.handshake, encodeMessage(4, Buffer.alloc(40))),
		alerts.unexpectedMessage,
	],
	[
		"a certificate unasked",
		(client) => client.send(contentType.handshake, encodeMessage(11, Buffer.alloc(4))),
		alerts.unexpectedMessage,
	],
	[
		"a KeyUpdate of a third kind",
		(client) => client.send(contentType.handshake, encodeMessage(24, Buffer.of(2))),
		alerts.illegalParameter,
	],
	[
		"a KeyUpdate with more behind it",
		(client) => client.send(contentType.handshake, Buffer.concat([encodeMessage(24, Buffer.of(0)), Buffer.of(24)])),
		alerts.unexpectedMessage,
	],
	[
		"an empty handshake record",
		(client) => client.send(contentType.handshake, Buffer.alloc(0)),
		alerts.unexpectedMessage,
	],
	["an alert of three bytes", (client) => client.send(contentType.alert, Buffer.of(1, 0, 0)), alerts.decodeError],
	[
		"empty records without end",
		(client) => {
			for (let count = 0; count < 40; count++) client.send(contentType.data, Buffer.alloc(0));
		},
		alerts.unexpectedMessage,
	],
	[
		"KeyUpdates without end",
		(client) => {
			for (let count = 0; count < 40; count++) {
				client.send(contentType.handshake, encodeMessage(24, Buffer.of(0)));
				client.renew();
			}
		},
		alerts.unexpectedMessage,
	],
];

for (const [what, misbehave, alert] of brokenConnections)
	test(`${what} ends the connection`, async (t) => {
		const server = await startTls13Server(t, own);
		const client = Tls13Client.open(server.port);
		await client.until(isFinished);
		misbehave(client);
		assert.equal(await client.alert(), alert);
		assert.deepEqual(
			client.events.filter(({ kind }) => kind === "data"),
			[],
			"nothing of it is answered",
		);
	});

test("keys are renewed when the client says so, and ours when it asks", async (t) => {
	const server = await startTls13Server(t, own);
	const client = Tls13Client.open(server.port);
	await client.until(isFinished);
	client.send(contentType.handshake, encodeMessage(messageType.keyUpdate, Buffer.of(1)));
	client.renew();
	await client.until((event) => event.kind === "message" && event.type === messageType.keyUpdate);
	client.renewReader();
	client.send(contentType.data, Buffer.from("with new keys"));
	assert.deepEqual(await client.until(({ kind }) => kind === "data"), { kind: "data", text: "with new keys" });
	client.end();
});

test("alerts of the client end the connection without an answer", async (t) => {
	const server = await startTls13Server(t, own);
	const client = Tls13Client.open(server.port);
	await client.until(isFinished);
	client.send(contentType.alert, Buffer.of(2, 42));
	assert.equal(await client.alert(), undefined);
	assert.deepEqual(server.faults, ["ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE"]);
});

test("a public key of small order is refused", async (t) => {
	const server = await startTls13Server(t, own);
	const client = Tls13Client.open(server.port, {
		bendHello: (hello) => {
			const bent = Buffer.from(hello);
			bent.fill(0, bent.length - 32);
			return bent;
		},
	});
	assert.notEqual(await client.alert(), undefined);
	assert.equal(server.facts.length, 0);
});
