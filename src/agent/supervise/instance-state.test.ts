import assert from "node:assert/strict";
import { test } from "node:test";
import { createSeededRandom } from "../../core/index.ts";
import {
	createInstanceState,
	healthOf,
	type InstanceConfig,
	type InstanceEffect,
	type InstanceEvent,
	stepInstance,
} from "./instance-state.ts";

const config: InstanceConfig = {
	process: { backoff: { baseMs: 1000, maxMs: 8000 }, soundAfterMs: 30_000, stopDeadlineMs: 5000 },
	drainMs: 1000,
};

/** Plays events and writes down what is done. */
function createStage(hasSidecar = true, hasApplication = true) {
	const random = createSeededRandom(1);
	let state = createInstanceState({ hasSidecar, hasApplication });
	let now = 0;
	return {
		play(event: InstanceEvent): string[] {
			const step = stepInstance(state, event, now, random, config);
			state = step.state;
			return step.effects.map(format);
		},
		advance: (ms: number) => {
			now += ms;
		},
		health: () => healthOf(state),
		state: () => state,
	};
}

function format(effect: InstanceEffect): string {
	switch (effect.kind) {
		case "spawn":
			return `spawn ${effect.role}`;
		case "signal":
			return `${effect.signal} ${effect.role}`;
		case "arm":
			return `${effect.event} ${effect.role}`;
		case "arm-drain":
			return "drain";
		case "report":
			return `report ${effect.health}`;
		case "ended":
			return "ended";
	}
}

function start(stage: ReturnType<typeof createStage>): void {
	stage.play({ kind: "prepared" });
	stage.play({ kind: "ready", role: "sidecar" });
	stage.play({ kind: "ready", role: "application" });
}

test("the sidecar waits for registration and secrets, the application for the sidecar's configuration", () => {
	const stage = createStage();
	assert.deepEqual(stage.play({ kind: "prepared" }), ["spawn sidecar"]);
	assert.equal(stage.health(), "starting");
	assert.deepEqual(stage.play({ kind: "ready", role: "sidecar" }), ["spawn application"]);
	assert.deepEqual(stage.play({ kind: "ready", role: "application" }), ["report ready"]);
});

test("without a sidecar the application starts as soon as it is registered", () => {
	const stage = createStage(false);
	assert.deepEqual(stage.play({ kind: "prepared" }), ["spawn application"]);
	assert.deepEqual(stage.play({ kind: "ready", role: "application" }), ["report ready"]);
});

test("a crashed application is unready at once, and comes back after a back-off", () => {
	const stage = createStage();
	start(stage);
	assert.deepEqual(stage.play({ kind: "exited", role: "application" }), ["report unready", "retry application"]);
	assert.deepEqual(stage.play({ kind: "retry", role: "application" }), ["spawn application"]);
	assert.deepEqual(stage.play({ kind: "ready", role: "application" }), ["report ready"]);
});

test("a crashed sidecar takes the instance out of traffic and leaves the application alone", () => {
	const stage = createStage();
	start(stage);
	assert.deepEqual(stage.play({ kind: "exited", role: "sidecar" }), ["report unready", "retry sidecar"]);
	assert.deepEqual(stage.play({ kind: "retry", role: "sidecar" }), ["spawn sidecar"]);
	assert.deepEqual(stage.play({ kind: "ready", role: "sidecar" }), ["report ready"]);
});

test("an application whose back-off ends while its sidecar is away waits for it", () => {
	const stage = createStage();
	start(stage);
	stage.play({ kind: "exited", role: "application" });
	stage.play({ kind: "exited", role: "sidecar" });
	assert.deepEqual(stage.play({ kind: "retry", role: "application" }), []);
	assert.deepEqual(stage.play({ kind: "retry", role: "sidecar" }), ["spawn sidecar"]);
	assert.deepEqual(stage.play({ kind: "ready", role: "sidecar" }), ["spawn application"]);
});

test("on stop it drains first, then the application ends, then the sidecar", () => {
	const stage = createStage();
	start(stage);
	assert.deepEqual(stage.play({ kind: "stop" }), ["report draining", "drain"]);
	assert.deepEqual(stage.play({ kind: "drained" }), ["SIGTERM application", "overdue application"]);
	assert.deepEqual(stage.play({ kind: "overdue", role: "application" }), ["SIGKILL application"]);
	assert.deepEqual(stage.play({ kind: "exited", role: "application" }), ["SIGTERM sidecar", "overdue sidecar"]);
	assert.deepEqual(stage.play({ kind: "exited", role: "sidecar" }), ["ended"]);
	assert.deepEqual(stage.play({ kind: "kill" }), [], "what has ended stays so");
});

test("what was never ready is stopped without draining, what was never started ends at once", () => {
	const stage = createStage();
	stage.play({ kind: "prepared" });
	assert.deepEqual(stage.play({ kind: "stop" }), ["report draining", "SIGTERM sidecar", "overdue sidecar"]);
	assert.deepEqual(stage.play({ kind: "exited", role: "sidecar" }), ["ended"]);
	assert.deepEqual(createStage().play({ kind: "stop" }), ["report draining", "ended"]);
});

test("nothing that exits while it stops is started again", () => {
	const stage = createStage();
	start(stage);
	stage.play({ kind: "stop" });
	stage.play({ kind: "exited", role: "application" });
	assert.deepEqual(stage.play({ kind: "retry", role: "application" }), []);
	assert.deepEqual(stage.play({ kind: "drained" }), ["SIGTERM sidecar", "overdue sidecar"]);
});

test("kill ends both at once, at any time", () => {
	const stage = createStage();
	start(stage);
	stage.play({ kind: "stop" });
	assert.deepEqual(stage.play({ kind: "kill" }), ["SIGKILL application", "SIGKILL sidecar"]);
	assert.deepEqual(stage.play({ kind: "exited", role: "sidecar" }), []);
	assert.deepEqual(stage.play({ kind: "exited", role: "application" }), ["ended"]);
});

test("back-off grows with failures in a row, and starts over after a sound run", () => {
	const random = { next: () => 1 };
	let state = createInstanceState({ hasSidecar: false });
	let now = 0;
	const delays: number[] = [];
	const play = (event: InstanceEvent): void => {
		const step = stepInstance(state, event, now, random, config);
		state = step.state;
		for (const effect of step.effects) if (effect.kind === "arm") delays.push(effect.delayMs);
	};
	play({ kind: "prepared" });
	for (let crash = 0; crash < 5; crash++) {
		play({ kind: "exited", role: "application" });
		play({ kind: "retry", role: "application" });
	}
	now += 30_000;
	play({ kind: "exited", role: "application" });
	assert.deepEqual(delays, [1000, 2000, 4000, 8000, 8000, 1000]);
});

test("a gateway has no application: it is ready with its proxy, which drains and ends alone", () => {
	const stage = createStage(true, false);
	assert.deepEqual(stage.play({ kind: "prepared" }), ["spawn sidecar"]);
	assert.equal(stage.health(), "starting");
	assert.deepEqual(stage.play({ kind: "ready", role: "sidecar" }), ["report ready"]);
	assert.deepEqual(stage.play({ kind: "exited", role: "sidecar" }), ["report unready", "retry sidecar"]);
	assert.deepEqual(stage.play({ kind: "retry", role: "sidecar" }), ["spawn sidecar"]);
	stage.play({ kind: "ready", role: "sidecar" });
	assert.deepEqual(stage.play({ kind: "stop" }), ["report draining", "drain"]);
	assert.deepEqual(stage.play({ kind: "drained" }), ["SIGTERM sidecar", "overdue sidecar"]);
	assert.deepEqual(stage.play({ kind: "exited", role: "sidecar" }), ["ended"]);
});

test("a probe's answer that comes after the process has gone counts for nothing", () => {
	const stage = createStage();
	start(stage);
	stage.play({ kind: "exited", role: "application" });
	assert.deepEqual(stage.play({ kind: "ready", role: "application" }), []);
	assert.equal(stage.health(), "unready");
});

test("whatever happens in whatever order, one process of each role lives at most and the end comes once", () => {
	const random = createSeededRandom(7);
	const kinds = ["prepared", "ready", "unready", "exited", "retry", "overdue", "stop", "drained", "kill"] as const;
	for (let round = 0; round < 500; round++) {
		let state = createInstanceState({ hasSidecar: random.next() < 0.8 });
		const alive = { sidecar: false, application: false };
		let ends = 0;
		for (let index = 0; index < 60; index++) {
			const kind = kinds[Math.floor(random.next() * kinds.length)]!;
			const role = random.next() < 0.5 ? "sidecar" : "application";
			if (kind === "exited" && !alive[role]) continue;
			const event = { kind, role } as InstanceEvent;
			if (kind === "exited") alive[role] = false;
			const step = stepInstance(state, event, index * 100, random, config);
			state = step.state;
			for (const effect of step.effects) {
				if (effect.kind === "spawn") {
					assert.equal(alive[effect.role], false, "spawned twice");
					assert.equal(ends, 0, "spawned after the end");
					alive[effect.role] = true;
				}
				if (effect.kind === "ended") {
					assert.deepEqual(alive, { sidecar: false, application: false });
					ends++;
				}
			}
		}
		assert.ok(ends <= 1);
	}
});
