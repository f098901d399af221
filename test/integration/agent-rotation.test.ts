/** A rotation of the root under an agent: its Workload API clients and its proxies take the new bundle, and the very proxy that hangs is named. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually } from "../support/eventually.ts";
import { startNodeWorld } from "../support/node-agent.ts";
import { findEnvoy, skipWithout } from "../support/peers.ts";
import { startProxyProcess } from "../support/proxy-process.ts";
import { createSecretBootstrap } from "../support/sds-bootstrap.ts";
import { makeTemporaryFolder } from "../support/temporary-folder.ts";
import { createWorkloadClient } from "../support/workload-client.ts";

interface Status {
	readonly missing: readonly { readonly name: string }[];
	readonly roots: readonly { readonly phase: string; readonly heldBy: readonly { readonly name: string }[] }[];
	readonly live: number;
}

const patient = { deadlineMs: 40_000 };

test("a rotation waits for the proxy behind an agent that hangs, by name, and goes on when it is back", {
	skip: skipWithout("envoy", findEnvoy()),
}, async (t) => {
	const world = await startNodeWorld(t);
	await world.createEntry({ id: "web" });
	const { socketPath } = await world.startAgent(t);
	const start = async (id: string, kind: "envoy" | "amime") => {
		const bootstrap = { ...createSecretBootstrap({ socketPath }), node: { id, cluster: "web" } };
		return startProxyProcess(t, kind, makeTemporaryFolder(t), bootstrap);
	};
	const status = async (): Promise<Status> =>
		JSON.parse((await world.admin("GET", "/v1/identity/authority")).body) as Status;
	const rotate = async (): Promise<void> => {
		const answer = await world.admin("POST", "/v1/identity/authority/rotate", JSON.stringify({ what: "root" }));
		assert.equal(answer.status, 200, answer.body);
	};
	const hanging = await start("hanging-proxy", "envoy");
	await start("good-proxy", "amime");
	// The agent, its entry, and two proxies.
	await eventually(async () => assert.equal((await status()).live, 4), patient);
	await eventually(async () => assert.deepEqual((await status()).missing, []), patient);

	hanging.process.kill("SIGSTOP");
	t.after(() => hanging.process.kill("SIGCONT"));
	const client = createWorkloadClient(socketPath);
	t.after(() => client.close());
	await rotate();
	await eventually(async () => {
		const { missing } = await status();
		assert.equal(missing.length, 1, JSON.stringify(missing));
		assert.match(missing[0]!.name, /^agent\/join_token\/[^/]+\/proxy\/hanging-proxy$/);
	}, patient);
	const { bundles } = await client.ask("FetchX509Bundles");
	assert.ok(bundles["spiffe://cluster.local"]!.length > 0);
	assert.deepEqual(
		(await status()).roots.map(({ phase }) => phase),
		["active", "prepared"],
	);

	hanging.process.kill("SIGCONT");
	await eventually(async () => {
		const { roots } = await status();
		assert.ok(
			roots.some(({ phase }) => phase === "retiring"),
			JSON.stringify(roots),
		);
	}, patient);

	// What is under the old root is renewed at once: soon only certificates that workloads may have kept hold it.
	await eventually(async () => {
		const { roots } = await status();
		const holders = roots.find(({ phase }) => phase === "retiring")?.heldBy.map(({ name }) => name.split("/").at(-1));
		assert.deepEqual(holders, ["web"], JSON.stringify(roots));
	}, patient);

	// A proxy that has ended is nobody to wait for.
	await hanging.stop("SIGKILL");
	await eventually(async () => assert.equal((await status()).live, 3), patient);
});
