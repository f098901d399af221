import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { startEtcd, untilEtcdAnswers } from "../../../../test/support/etcd.ts";
import { eventually } from "../../../../test/support/eventually.ts";
import { findEtcd, skipWithout } from "../../../../test/support/peers.ts";
import { createTestPki } from "../../../../test/support/pki.ts";
import { makeTemporaryFolder } from "../../../../test/support/temporary-folder.ts";
import { MeshError } from "../../../core/index.ts";
import { parseEtcdAddress } from "./etcd-address.ts";
import { openEtcdStore } from "./etcd-store.ts";

const options = { skip: skipWithout("etcd", findEtcd()) };
const hasCode = (code: string) => (error: unknown) => error instanceof MeshError && error.code === code;
const put = { success: [{ kind: "put", key: "key", value: "" }] } as const;

test("addresses name members, TLS, user and prefix", () => {
	assert.deepEqual(parseEtcdAddress("etcd://a"), { members: ["a:2379"], isTls: false, prefix: "" });
	assert.deepEqual(parseEtcdAddress("etcds://us%40er:p%3Aw@10.0.0.1:1,[::1]:2,c.d/mesh/"), {
		members: ["10.0.0.1:1", "[::1]:2", "c.d:2379"],
		isTls: true,
		prefix: "/mesh/",
		user: "us@er",
		password: "p:w",
	});
	for (const bad of [
		"",
		"http://a",
		"etcd://",
		"etcd://a:0",
		"etcd://a:70000",
		"etcd://a,,b",
		"etcd://a b",
		"etcd://%zz@a",
	])
		assert.throws(() => parseEtcdAddress(bad), hasCode("STORE_ADDRESS"), bad);
});

test("no message about an address shows its password", () => {
	for (const bad of ["etcd://user:secret@", "etcd://user:secret%zz@host", "etcd://user:secret@host:0"])
		assert.throws(
			() => parseEtcdAddress(bad),
			(error) => error instanceof MeshError && !error.message.includes("secret"),
			bad,
		);
});

test("a user with a password is let in, others are told so", options, async (t) => {
	const etcd = await startEtcd(t);
	await untilEtcdAnswers(etcd.address);
	const ask = async (path: string, body: unknown): Promise<void> => {
		const response = await fetch(`http://${etcd.address}/v3/auth/${path}`, {
			method: "POST",
			body: JSON.stringify(body),
		});
		assert.equal(response.status, 200, await response.text());
	};
	for (const [name, password] of [
		["root", "r"],
		["mesh", "p@ss"],
	])
		await ask("user/add", { name, password });
	for (const name of ["root", "mesh"]) await ask("role/add", { name });
	const [key, end] = ["/mesh/", "/mesh0"].map((text) => Buffer.from(text).toString("base64"));
	await ask("role/grant", { name: "mesh", perm: { permType: "READWRITE", key, range_end: end } });
	for (const user of ["root", "mesh"]) await ask("user/grant", { user, role: user });
	await ask("enable", {});

	const open = (account: string, prefix = "/mesh/") => {
		const store = openEtcdStore(`etcd://${account}${etcd.address}${prefix}`);
		t.after(() => store.close());
		return store;
	};
	const allowed = open("mesh:p%40ss@");
	await allowed.txn(put);
	assert.equal((await allowed.range({ prefix: "" })).items.length, 1);
	for (const store of [open(""), open("mesh:wrong@"), open("nobody:x@"), open("mesh:p%40ss@", "/other/")])
		await assert.rejects(store.txn(put), hasCode("STORE_FORBIDDEN"));
	// A restart makes every token void.
	await etcd.restart();
	await eventually(() => allowed.txn(put), { deadlineMs: 20_000 });
});

test("TLS: the server's certificate is checked, and the client's is shown", options, async (t) => {
	const folder = makeTemporaryFolder(t);
	const pki = createTestPki();
	const write = (name: string, text: string): string => {
		writeFileSync(join(folder, name), text, { mode: 0o600 });
		return join(folder, name);
	};
	const server = pki.issue(pki.idOf("etcd"), { dnsNames: ["localhost"] });
	const client = pki.issue(pki.idOf("control-plane"));
	const etcd = await startEtcd(t, {
		tls: {
			cert: write("cert.pem", server.certificateChainPem),
			key: write("key.pem", server.privateKeyPem),
			clientCa: write("ca.pem", pki.bundlePem),
		},
	});
	const ca = Buffer.from(pki.bundlePem);
	const cert = Buffer.from(client.certificateChainPem);
	const key = Buffer.from(client.privateKeyPem);
	const address = `etcds://${etcd.address.replace("127.0.0.1", "localhost")}`;
	const open = (tls: { ca?: Buffer; cert?: Buffer; key?: Buffer }) => {
		const store = openEtcdStore(address, { tls });
		t.after(() => store.close());
		return store;
	};
	await eventually(() => open({ ca, cert, key }).txn(put), { deadlineMs: 20_000 });
	await assert.rejects(open({ cert, key }).txn(put), hasCode("STORE_UNAVAILABLE"));
	await assert.rejects(open({ ca }).txn(put), hasCode("STORE_UNAVAILABLE"));
});
