import assert from "node:assert/strict";
import { test } from "node:test";
import { createFakeClock } from "../../../test/support/fake-clock.ts";
import { createPressure } from "./index.ts";

/** Files that are there. */
const files = (contents: Readonly<Record<string, string>>) => (path: string) => {
	const text = contents[path];
	if (text === undefined) throw new Error(`no ${path}`);
	return text;
};

const memory = (maxBytes: number, contents: Readonly<Record<string, string>>) =>
	createPressure({ kind: "cgroup-memory", name: "m", maxBytes }, createFakeClock(), files(contents))();

test("memory of a control group is judged by its limit, or by a lower one", () => {
	const second = { "/sys/fs/cgroup/memory.current": "250", "/sys/fs/cgroup/memory.max": "1000" };
	assert.equal(memory(0, second), 0.25);
	assert.equal(memory(500, second), 0.5);
	assert.equal(memory(5_000, second), 0.25);
	assert.equal(memory(0, { ...second, "/sys/fs/cgroup/memory.max": "max" }), 0);
	const first = {
		"/sys/fs/cgroup/memory/memory.usage_in_bytes": "300",
		"/sys/fs/cgroup/memory/memory.limit_in_bytes": "400",
	};
	assert.equal(memory(0, first), 0.75);
	assert.deepEqual(memory(0, {}), { problem: "no /sys/fs/cgroup/memory/memory.usage_in_bytes" });
});

test("processor time of the machine is damped", () => {
	const contents: Record<string, string> = { "/proc/stat": "cpu  100 0 100 800 0 0\ncpu0 1 1 1 1" };
	const read = createPressure({ kind: "cpu", name: "c", mode: "host" }, createFakeClock(), files(contents));
	assert.equal(read(), 0, "nothing to compare with");
	contents["/proc/stat"] = "cpu  180 10 110 800 0 0";
	assert.equal(read(), 0.05);
	assert.deepEqual(read(), { problem: "the system's counts of processor time did not go on" });
	contents["/proc/stat"] = "cpu  180 10 110 900 0 0";
	assert.equal(read(), 0.0475);
});

test("processor time of a control group is judged by its quota", () => {
	const clock = createFakeClock();
	const contents: Record<string, string> = {
		"/sys/fs/cgroup/cpu.stat": "usage_usec 1000\nuser_usec 1",
		"/sys/fs/cgroup/cpu.max": "50000 100000",
	};
	const read = createPressure({ kind: "cpu", name: "c", mode: "container" }, clock, files(contents));
	read();
	clock.advance(1_000);
	contents["/sys/fs/cgroup/cpu.stat"] = "usage_usec 501000\nuser_usec 1";
	assert.equal(read(), 0.05, "half a processor was worked, and half of one is allowed");
});
