/** `amime control-plane --agent-address` and `amime agent`, each a process: joining by token, SVIDs signed by request, and both coming back
 *  after kill -9. */
import assert from "node:assert/strict";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { awaitIdentities, startAgentProcess } from "../support/agent-process.ts";
import { startControlPlaneProcess } from "../support/control-plane-process.ts";
import { findFreePort } from "../support/free-port.ts";
import { makeTemporaryFolder } from "../support/temporary-folder.ts";

const web = "spiffe://cluster.local/ns/shop/sa/web";
const second = "spiffe://cluster.local/second";

test("an agent joins a control plane by token, and both come back after kill -9", async (t) => {
	const folder = makeTemporaryFolder(t);
	const controlState = join(folder, "control");
	mkdirSync(controlState, { mode: 0o700 });
	const ports = { admin: await findFreePort(), xds: await findFreePort() };
	const agentAddress = `127.0.0.1:${await findFreePort()}`;
	const startControl = () => startControlPlaneProcess(t, controlState, ["--agent-address", agentAddress], ports);
	const control = await startControl();
	const ask = async (method: string, path: string, body?: object): Promise<Record<string, unknown>> => {
		const answer = await control.admin(method, path, body && JSON.stringify(body));
		assert.ok(answer.status < 300, answer.body);
		return JSON.parse(answer.body) as Record<string, unknown>;
	};
	const createEntry = (id: string, spiffeId: string) =>
		ask("POST", "/v1/identity/entries", {
			...{ id, spiffeId, parentId: "/node/one" },
			selectors: [`unix:uid:${process.getuid!()}`],
		});
	const roots = join(folder, "roots.pem");
	const { bundle } = (await ask("GET", "/v1/identity/bundle")) as { bundle: string };
	writeFileSync(roots, bundle);
	await createEntry("web", web);
	const made = await ask("POST", "/v1/identity/join-tokens", { spiffeId: "/node/one", ttlSeconds: 600 });
	const token = String(made["token"]);
	const socket = join(folder, "public/api.sock");
	const state = join(folder, "agent");
	const line = ["--server", agentAddress, "--trust-bundle", roots, "--socket", socket, "--state", state];

	await t.test("a wrong token, or a right one with another's roots, gets nobody in", async () => {
		const bent = `${token.slice(0, -1)}${token.endsWith("A") ? "B" : "A"}`;
		const wrong = startAgentProcess(t, [...line, "--join-token", bent]);
		assert.equal(await wrong.exit, 1, wrong.output());
		assert.match(wrong.output(), /\[ATTESTATION_REFUSED\]\n$/);
		assert.ok(!wrong.output().includes(bent), "the token is in an error");
		assert.equal(existsSync(socket), false, "an agent that is nobody serves nobody");
		assert.deepEqual((await ask("GET", "/v1/identity/agents"))["items"], []);
	});

	const agent = startAgentProcess(t, [...line, "--join-token", token]);
	await t.test("the right one does: certificates by request, whose keys stay with the agent", async () => {
		const [svid] = await awaitIdentities(socket, [web], agent);
		const certificate = new X509Certificate(svid!.x509Svid);
		const key = createPrivateKey({ key: Buffer.from(svid!.x509SvidKey), format: "der", type: "pkcs8" });
		assert.ok(certificate.checkPrivateKey(key));
		assert.equal(certificate.subjectAltName, `URI:${web}`);
		const text = Buffer.from(svid!.x509SvidKey).toString("base64").slice(40, 100);
		for (const path of [...listFiles(controlState), ...listFiles(state)]) {
			assert.ok(!readFileSync(path, "latin1").includes(text), `the workload's key is in ${path}`);
			assert.equal(statSync(path).mode & 0o077, 0, path);
		}
		for (const output of [control.output(), agent.output()])
			assert.ok(!output.includes(token), "the token is in a log");
	});

	await t.test("without its control plane the agent goes on; with it again, it follows", async () => {
		await control.kill();
		await awaitIdentities(socket, [web], agent);
		await startControl();
		await createEntry("second", second);
		await awaitIdentities(socket, [web, second], agent);
	});

	await t.test("an agent that was killed is who it was, without another token", async () => {
		agent.child.kill("SIGKILL");
		await agent.exit;
		const again = startAgentProcess(t, line);
		await awaitIdentities(socket, [web, second], again);
		const agents = (await ask("GET", "/v1/identity/agents"))["items"] as object[];
		assert.equal(agents.length, 1);
		const thief = startAgentProcess(t, [...line.slice(0, -1), join(folder, "other"), "--join-token", token]);
		assert.equal(await thief.exit, 1);
		assert.match(thief.output(), /\[ATTESTATION_REFUSED\]\n$/);
	});
});

function listFiles(folder: string): string[] {
	return readdirSync(folder, { recursive: true, withFileTypes: true })
		.filter((entry) => entry.isFile())
		.map((entry) => join(entry.parentPath, entry.name));
}
