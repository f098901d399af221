/** `amime apply --canary` and `amime rollout`, on a control plane that answers as it is told. */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createTestHost } from "../../test/support/cli-host.ts";
import { makeTemporaryFolder } from "../../test/support/temporary-folder.ts";
import { MeshError } from "../core/index.ts";
import type { RolloutStatus } from "./mesh/admin-api.ts";

const rollout = (change: Partial<RolloutStatus>): RolloutStatus => ({
	id: "r-1",
	author: "ann",
	state: "observing",
	createdAt: "2026-01-01T00:00:00.000Z",
	since: "2026-01-01T00:00:00.000Z",
	objects: [{ kind: "Service", namespace: "shop", name: "web", result: "configured" }],
	options: { watchMs: 60_000 },
	touched: 10,
	served: 1,
	step: { number: 1, of: 1, percent: 10, proxies: 1 },
	canaries: ["sidecar~1"],
	figures: [
		{
			series: "outbound",
			canaries: { requests: 40, errorRate: 0.5, p90Ms: 12.34 },
			others: { requests: 400, errorRate: 0.001 },
			before: { requests: 0 },
		},
	],
	...change,
});

/** A control plane whose rollout is in these states, one after the other; an error is thrown. */
function createDesk(t: TestContext, states: readonly (RolloutStatus | MeshError)[]) {
	const folder = makeTemporaryFolder(t);
	mkdirSync(join(folder, ".amime/shop"), { recursive: true });
	const control = { pid: process.pid, adminUrl: "http://127.0.0.1/", xdsAddress: "", token: "secret" };
	writeFileSync(join(folder, ".amime/shop/control.json"), JSON.stringify(control));
	const asked: string[] = [];
	const left = [...states];
	const { run } = createTestHost({
		folder,
		readStdin: async () => "kind: Service",
		connect: () => ({
			list: async () => states.filter((state): state is RolloutStatus => !(state instanceof MeshError)),
			async request(method, path) {
				asked.push(`${method} ${path}`);
				if (path.startsWith("/v1/rollouts?"))
					return {
						items: [{ kind: "Service", namespace: "shop", name: "web", result: "configured" }],
						rollout: rollout({}),
					};
				const next = left.length > 1 ? left.shift() : left[0];
				if (next instanceof MeshError) throw next;
				return next;
			},
		}),
	});
	return { run, asked };
}

const away = new MeshError("CONTROL_PLANE_UNREACHABLE", "away");

test("an apply with a canary is followed over a restart of the control plane, and ends well", async (t) => {
	const desk = createDesk(t, [rollout({}), away, rollout({}), rollout({ state: "completed", reason: "all is well" })]);
	const { code, out, err } = await desk.run("apply", "-f", "-", "--canary", "10%", "--watch", "5m", "--errors", "5xx");
	assert.deepEqual([code, err], [0, ""]);
	assert.equal(desk.asked[0], "POST /v1/rollouts?steps=10&watch=300&errors=5xx");
	assert.match(out, /Service shop\/web to be rolled out\nrollout r-1 begins/);
	assert.match(
		out,
		/step 1 of 1, 1 of 10 proxies: outbound: 50% of 40 failed, p90 12\.3 ms, others 0\.1% of 400 failed\n/,
	);
	assert.equal(out.match(/step 1 of 1/g)?.length, 1, "what did not change is not told again");
	assert.match(out, /completed: all is well\n$/);
});

test("one that is taken back or held ends with 1 and says why", async (t) => {
	const back = await createDesk(t, [rollout({ state: "taken-back", reason: "50% failed" })]).run(
		...["apply", "-f", "-", "--steps", "10%,50%"],
	);
	assert.deepEqual([back.code, back.err], [1, "amime: rollout r-1 was taken back: 50% failed [ROLLOUT_TAKEN_BACK]\n"]);
	const held = await createDesk(t, [rollout({ state: "held", reason: "only 3 requests" })]).run(
		...["apply", "-f", "-", "--canary", "10"],
	);
	assert.equal(held.code, 1);
	assert.match(held.err, /held: only 3 requests: 'amime rollout promote r-1' or 'abort' it \[ROLLOUT_HELD\]/);
});

test("--detach leaves at once, and options without a canary are bad usage", async (t) => {
	const desk = createDesk(t, [rollout({})]);
	assert.equal((await desk.run("apply", "-f", "-", "--canary", "10%", "--detach")).code, 0);
	assert.equal(desk.asked.length, 1);
	for (const args of [
		["--watch", "5m"],
		["--canary", "x"],
		["--steps", "50%,10%"],
		["--canary", "1%", "--steps", "1%"],
		["--canary", "1%", "--watch", "soon"],
	]) {
		const { code, err } = await desk.run("apply", "-f", "-", ...args);
		assert.equal(code, 2, args.join(" "));
		assert.match(err, /^amime: .*\[USAGE\]\n$/);
	}
});

test("rollouts are shown and decided by name, the newest without one", async (t) => {
	const desk = createDesk(t, [rollout({ state: "aborted", reason: "aborted by ann" })]);
	const status = await desk.run("rollout", "status");
	assert.match(status.out, /^rollout: r-1 by ann/);
	assert.match(status.out, /REQUESTS +CANARIES +OTHERS +CANARIES BEFORE/);
	assert.match((await desk.run("rollout", "list")).out, /r-1 .* aborted +1\/10 +Service shop\/web/);
	assert.equal(JSON.parse((await desk.run("rollout", "list", "-o", "json")).out)[0].id, "r-1");
	const aborted = await desk.run("rollout", "abort");
	assert.equal(aborted.out, "rollout r-1 aborted: aborted by ann\n");
	assert.equal(desk.asked.at(-1), "POST /v1/rollouts/r-1/abort");
	assert.match((await desk.run("rollout", "status", "r-2")).err, /there is no rollout 'r-2'.*\[ROLLOUT_UNKNOWN\]/);
	const none = await createDesk(t, []).run("rollout", "promote");
	assert.match(none.err, /nothing was rolled out yet/);
});
