import assert from "node:assert/strict";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { connect, createServer, type Server } from "node:tls";
import { createTestPki, type TestCertificate } from "../../test/support/pki.ts";
import { makeTemporaryFolder } from "../../test/support/temporary-folder.ts";
import { parseSpiffeId } from "../model/index.ts";
import { createAuthority, createSvidSource, type X509Svid } from "./index.ts";
import { parseSigningRequest } from "./x509/index.ts";

type Holder = Pick<X509Svid, "certificateChainPem" | "privateKeyPem" | "bundlePem">;

/** A server that greets whoever comes with a certificate of its authority. */
async function serve(t: TestContext, holder: Holder): Promise<Server> {
	const server = createServer(
		{ cert: holder.certificateChainPem, key: holder.privateKeyPem, ca: holder.bundlePem, requestCert: true },
		(socket) => socket.on("error", () => socket.destroy()).end(socket.getPeerX509Certificate()?.subjectAltName ?? ""),
	);
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	t.after(() => server.close());
	return server;
}

/** What the server greets the holder with; rejects when either side refuses the other. */
async function greet(server: Server, holder: Holder | undefined, bundlePem: string): Promise<string> {
	const socket = connect({
		port: (server.address() as AddressInfo).port,
		host: "127.0.0.1",
		ca: bundlePem,
		checkServerIdentity: () => undefined,
		...(holder === undefined ? {} : { cert: holder.certificateChainPem, key: holder.privateKeyPem }),
	});
	let words = "";
	socket.setEncoding("utf8").on("data", (part: string) => {
		words += part;
	});
	await once(socket, "close");
	if (words === "") throw new Error("closed without a word");
	return words;
}

test("two workloads with SVIDs of one authority trust each other", async (t) => {
	const authority = await createAuthority({ folder: join(makeTemporaryFolder(t), "ca"), trustDomain: "cluster.local" });
	const open = async (name: string) => {
		const spiffeId = parseSpiffeId(`spiffe://cluster.local/ns/shop/sa/${name}`);
		const source = createSvidSource({
			spiffeId,
			sign: (csr) => authority.sign({ csr: parseSigningRequest(csr), spiffeId, ttlMs: 3_600_000 }),
		});
		t.after(() => source.close());
		return source.ready();
	};
	const [web, orders] = await Promise.all([open("web"), open("orders")]);
	const server = await serve(t, orders);
	assert.equal(await greet(server, web, web.bundlePem), "URI:spiffe://cluster.local/ns/shop/sa/web");
});

test("an expired, early, foreign, self-signed or absent certificate is refused", async (t) => {
	const pki = createTestPki();
	const web = pki.idOf("web");
	const server = await serve(t, pki.issue(pki.idOf("orders")));
	assert.equal(await greet(server, pki.issue(web), pki.bundlePem), `URI:${web}`);
	const bad: Record<string, TestCertificate | undefined> = {
		expired: pki.expired(web),
		early: pki.notYetValid(web),
		foreign: pki.foreign(web),
		selfSigned: pki.selfSigned(web),
		wrongKeyUsage: pki.withWrongKeyUsage(web),
		serversOnly: pki.forServersOnly(web),
		absent: undefined,
	};
	for (const [name, certificate] of Object.entries(bad)) {
		await assert.rejects(greet(server, certificate, pki.bundlePem), name);
	}
});

test("a server whose certificate is not of the trust bundle is refused", async (t) => {
	const pki = createTestPki();
	const web = pki.issue(pki.idOf("web"));
	for (const certificate of [pki.foreign(pki.idOf("orders")), pki.expired(pki.idOf("orders"))]) {
		await assert.rejects(greet(await serve(t, certificate), web, pki.bundlePem));
	}
});
