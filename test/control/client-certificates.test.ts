/** The admin API over TLS: who a client certificate is, what it may do, and what gets nobody in. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createControlClient } from "../../src/agent/control-client/index.ts";
import { type ControlPlaneOptions, createControlPlane } from "../../src/control/index.ts";
import { createLog } from "../../src/core/index.ts";
import { createTestPki, type TestCertificate } from "../support/pki.ts";
import { makeTemporaryFolder } from "../support/temporary-folder.ts";

const pki = createTestPki();
const server = pki.issue(pki.idOf("server"), { dnsNames: ["localhost"] });
const files = { cert: server.certificateChainPem, key: server.privateKeyPem, clientCa: pki.bundlePem };

const people = `
- {name: vic, role: viewer, identity: "${pki.idOf("vic")}"}
- {name: ed, role: editor, subject: CN=ed}
- {name: ada, role: admin, identity: "${pki.idOf("ada")}"}
- {name: bot, role: viewer, token: viewer-token-0123}
`;

async function start(
	t: TestContext,
	adminTls: ControlPlaneOptions["adminTls"],
	change: Partial<ControlPlaneOptions> = {},
) {
	const folder = makeTemporaryFolder(t);
	const tokensFile = join(folder, "tokens.yaml");
	writeFileSync(tokensFile, people, { mode: 0o600 });
	const lines: string[] = [];
	const plane = createControlPlane({
		...{ stateFolder: join(folder, "state"), xdsAddress: "127.0.0.1:0", adminAddress: "127.0.0.1:0" },
		...{ token: "owner-token", tokensFile, log: createLog({ write: (line) => lines.push(line) }) },
		...(adminTls !== undefined && { adminTls }),
		...change,
	});
	t.after(() => plane.close());
	await plane.start();
	const ask = async (
		who: TestCertificate | string | undefined,
		method: "GET" | "PUT" | "POST",
		path: string,
		body?: string,
	) => {
		const client = createControlClient({
			adminUrl: `https://localhost:${plane.adminPort}`,
			token: typeof who === "string" ? who : "",
			tls: {
				ca: plane.adminRoots!,
				...(typeof who === "object" && { cert: who.certificateChainPem, key: who.privateKeyPem }),
			},
		});
		try {
			await client.request(method, path, body);
			return 200;
		} catch (error) {
			const refusal = error as { readonly status?: number; readonly code: string };
			return refusal.status ?? refusal.code;
		} finally {
			client.close();
		}
	};
	return { plane, ask, lines, stateFolder: join(folder, "state") };
}

const service =
	"{apiVersion: v1, kind: Service, metadata: {name: a, namespace: shop}, spec: {ports: [{name: http, port: 80}]}}";
const named = (commonName: string): TestCertificate => pki.issue("", { uris: [], commonName });

test("roles come with identities and subjects, beside tokens, and the history and the log name them", async (t) => {
	const { ask, lines } = await start(t, files);
	const may = async (who: TestCertificate | string | undefined) => [
		await ask(who, "GET", "/v1/config"),
		await ask(who, "PUT", "/v1/config", service),
		await ask(who, "POST", "/v1/identity/sign", "{}"),
	];
	assert.deepEqual(await may(pki.issue(pki.idOf("vic"))), [200, 403, 403]);
	assert.deepEqual(await may(named("ed")), [200, 200, 403]);
	assert.deepEqual(await may(pki.issue(pki.idOf("ada"))), [200, 200, 400]);
	assert.deepEqual(await may("viewer-token-0123"), [200, 403, 403]);
	assert.deepEqual(await may("owner-token"), [200, 200, 400]);
	assert.deepEqual(await may(undefined), [401, 401, 401]);
	assert.ok(lines.some((line) => line.includes("audit: refused") && line.includes('"vic"')));
	assert.ok(lines.some((line) => line.includes("audit: allowed") && line.includes('"ed"')));
});

test("certificates that are not good, or nobody's, get nobody in", async (t) => {
	const { ask, lines } = await start(t, files);
	const ada = pki.idOf("ada");
	const bad: Readonly<Record<string, TestCertificate>> = {
		foreign: pki.foreign(ada),
		expired: pki.expired(ada),
		"not yet valid": pki.notYetValid(ada),
		"for servers only": pki.forServersOnly(ada),
		"self-signed": pki.selfSigned(ada),
		"two identities": pki.withTwoIds(pki.idOf("vic"), ada),
		"an authority": pki.issuerAsLeaf(),
		unlisted: pki.issue(pki.idOf("eve")),
		"an identity as a subject": named(ada),
		"a subject that begins alike": named("ed, O=ops"),
		"another subject": named("ada"),
	};
	for (const [name, certificate] of Object.entries(bad))
		assert.equal(await ask(certificate, "GET", "/v1/config"), 401, name);
	assert.ok(lines.filter((line) => line.includes("audit: refused")).length >= Object.keys(bad).length);
});

test("without roots of clients no certificate says anything", async (t) => {
	const { ask } = await start(t, { cert: files.cert, key: files.key });
	assert.equal(await ask(pki.issue(pki.idOf("ada")), "GET", "/v1/config"), 401);
	assert.equal(await ask("owner-token", "GET", "/v1/config"), 200);
});

test("the mesh's own authority is that of clients too, and the admin flag of an entry is a role", async (t) => {
	const { ask, stateFolder, plane } = await start(t, "mesh");
	const mesh = createTestPki({ stateFolder });
	assert.equal(await ask(mesh.issue(mesh.idOf("vic")), "GET", "/v1/config"), 200);
	assert.equal(await ask(mesh.issue(mesh.idOf("vic")), "PUT", "/v1/config", service), 403);
	const ops = mesh.issue(mesh.idOf("ops"));
	assert.equal(await ask(ops, "PUT", "/v1/config", service), 401);
	const entry = {
		spiffeId: mesh.idOf("ops"),
		parentId: "spiffe://cluster.local/amime/server",
		selectors: ["unix:uid:0"],
		admin: true,
	};
	const owner = createControlClient({
		...{ adminUrl: `https://localhost:${plane.adminPort}`, token: "owner-token", tls: { ca: plane.adminRoots! } },
	});
	await owner.request("POST", "/v1/identity/entries", entry);
	owner.close();
	assert.equal(await ask(ops, "PUT", "/v1/config", service), 200);
});

test("other machines reach the admin API over TLS only, and then only /ready is for everybody", async (t) => {
	await assert.rejects(start(t, undefined, { adminAddress: "0.0.0.0:0" }), { code: "ADDRESS_NOT_LOOPBACK" });
	const { ask } = await start(t, files, { adminAddress: "0.0.0.0:0" });
	assert.equal(await ask(undefined, "GET", "/ready"), 200);
	for (const path of ["/metrics", "/", "/openapi.json", "/debug/syncz"])
		assert.equal(await ask(undefined, "GET", path), 401, path);
	assert.equal(await ask(pki.issue(pki.idOf("vic")), "GET", "/metrics"), 200);
	const { plane } = await start(t, undefined, { adminAddress: "0.0.0.0:0", allowsPlainAdmin: true });
	assert.equal((await fetch(`http://127.0.0.1:${plane.adminPort}/ready`)).status, 200);
});
