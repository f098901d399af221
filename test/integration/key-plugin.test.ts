/** A control plane whose keys are on a PKCS #11 token (SoftHSM), as an operator starts it: where keys live, the token away and back. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import type { AuthorityStatus } from "../../src/cli/mesh/admin-api.ts";
import { formatAuthority } from "../../src/cli/output/authority-table.ts";
import {
	createSigningRequest,
	formatSigningRequest,
	parseTrustBundle,
	verifySvidPem,
} from "../../src/identity/index.ts";
import { openTokenDevice } from "../../src/os/pkcs11/index.ts";
import { startControlPlaneProcess } from "../support/control-plane-process.ts";
import { eventually } from "../support/eventually.ts";
import { findSoftToken, skipWithout } from "../support/peers.ts";
import { createSoftToken, type SoftToken } from "../support/soft-token.ts";
import { makeTemporaryFolder } from "../support/temporary-folder.ts";

const skip = skipWithout("softhsm", findSoftToken());
const amime = resolve(import.meta.dirname, "../../src/main/amime.ts");
const config = `apiVersion: amime.dev/v1alpha1
kind: Workload
metadata: {name: web, namespace: shop}
spec: {command: [none], serviceAccount: web, ports: [{name: http, protocol: http}]}
`;

const pluginOf = ({ env, module, label, pinFile }: SoftToken): string => {
	const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
	const options = ["--module", module, "--token", label, "--pin-file", pinFile];
	return ["env", ...variables, process.execPath, amime, "key-plugin", "pkcs11", ...options]
		.map((word) => `'${word}'`)
		.join(" ");
};

test("root and issuer are made on the token and stay there; without it nothing is signed and everything else goes on", {
	skip,
}, async (t) => {
	const token = createSoftToken(t);
	const folder = makeTemporaryFolder(t);
	const [mesh, state] = [join(folder, "mesh.yaml"), join(folder, "state")];
	writeFileSync(mesh, config);
	const args = ["--config", folder, "--key-plugin", pluginOf(token)];
	const plane = await startControlPlaneProcess(t, state, args);
	const csrOf = (): string =>
		formatSigningRequest(createSigningRequest(generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey, {}));
	const sign = () =>
		plane.admin(
			"POST",
			"/v1/identity/sign",
			JSON.stringify({ namespace: "shop", serviceAccount: "web", csr: csrOf(), holder: "shop/web-0" }),
		);
	const first = await sign();
	assert.equal(first.status, 200, first.body);
	const { chain, bundle } = JSON.parse(first.body) as { chain: string; bundle: string };
	assert.ok(verifySvidPem(chain, parseTrustBundle("cluster.local", bundle), Date.now()).ok);

	const held = readdirSync(join(state, "ca")).filter((name) => name.endsWith(".key"));
	assert.deepEqual(held, [], "no key in a file");
	const status = JSON.parse((await plane.admin("GET", "/v1/identity/authority")).body) as AuthorityStatus;
	const shown = formatAuthority(status);
	assert.match(shown, /new keys go to PKCS #11 token mesh \(SoftHSM/);
	assert.match(shown, /root .*plugin +own/);

	renameSync(token.tokenFolder, `${token.tokenFolder}.out`);
	const device = await eventually(
		async () => {
			const answer = await sign();
			assert.equal(answer.status, 503, answer.body);
			return JSON.parse(answer.body) as { error: { code: string; message: string } };
		},
		{ deadlineMs: 30_000 },
	);
	assert.equal(device.error.code, "KEY_PLUGIN_UNAVAILABLE");
	const answer = await plane.admin("GET", "/v1/identity/bundle");
	assert.equal((JSON.parse(answer.body) as { bundle: string }).bundle, bundle);
	renameSync(`${token.tokenFolder}.out`, token.tokenFolder);
	await eventually(async () => assert.equal((await sign()).status, 200), { deadlineMs: 60_000 });
	assert.ok(!readFileSync(join(state, "ca/authority.json"), "utf8").includes(token.pin));
	assert.ok(!plane.output().includes(token.pin), "the PIN is nobody's business");
});

test("a token's keys cannot be taken out, and a wrong PIN is tried once", { skip }, async (t) => {
	const token = createSoftToken(t);
	Object.assign(process.env, token.env);
	t.after(() => delete process.env["SOFTHSM2_CONF"]);
	const open = (pin: string, label = token.label) => {
		const device = openTokenDevice({ module: token.module, token: label, pin, prefix: "test/" });
		t.after(() => device.close());
		return device;
	};
	const device = open(token.pin);
	assert.equal((await device.create("root")).length, 65);
	assert.deepEqual(await device.list(), ["root"]);
	await assert.rejects(device.create("root"), { code: "PKCS11_UNAVAILABLE", message: /there is a key 'root' already/ });
	assert.equal((await device.sign("root", Buffer.alloc(32, 7)))?.length, 64);
	assert.equal(await device.sign("other", Buffer.alloc(32, 7)), undefined);
	await device.remove("root");
	assert.deepEqual(await device.list(), []);
	const wrong = open("0000");
	for (let round = 0; round < 3; round++)
		await assert.rejects(wrong.list(), {
			code: "PKCS11_REFUSED",
			message: /CKR_PIN_INCORRECT: the token does not take the PIN; correct it/,
		});
	assert.deepEqual(await open(token.pin).list(), [], "the token is not locked");
	await assert.rejects(open(token.pin, "other").list(), { message: /has no token 'other': it has 'mesh'/ });
	await assert.rejects(openTokenDevice({ ...token, module: "/nowhere.so", token: "x", prefix: "" }).list(), {
		message: /\/nowhere\.so cannot be loaded/,
	});
});
