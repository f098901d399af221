import assert from "node:assert/strict";
import { existsSync, readFileSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { type TestContext, test } from "node:test";
import { eventually } from "../../../test/support/eventually.ts";
import { createFakeClock } from "../../../test/support/fake-clock.ts";
import { makeTemporaryFolder } from "../../../test/support/temporary-folder.ts";
import { createSeededRandom } from "../../core/index.ts";
import type { Formatter, StreamInfo } from "../../engine/format/index.ts";
import { emptyRuntime } from "../../engine/runtime/index.ts";
import { type AccessLogSpec, createAccessLogs } from "./access-logs.ts";
import { type AccessLogStats, createTextSink, defaultSinkLimits } from "./text-sink.ts";

function createStats(): AccessLogStats {
	const count = (): { value: number } => ({ value: 0 });
	return {
		write_buffered: count(),
		write_completed: count(),
		write_failed: count(),
		flushed_by_timer: count(),
		reopen_failed: count(),
		write_total_buffered: count(),
		write_dropped: count(),
	};
}

const byRoute: Formatter = { literal: undefined, format: (stream) => `${stream.routeName}\n` };
const entry = (text: string): StreamInfo => ({ routeName: text }) as StreamInfo;

function open(t: TestContext) {
	const folder = makeTemporaryFolder(t);
	const path = join(folder, "access.log");
	const clock = createFakeClock();
	const stats = createStats();
	const stdout = new PassThrough();
	const logs = createAccessLogs({
		clock,
		stats,
		random: createSeededRandom(1),
		runtime: emptyRuntime,
		stdout,
		stderr: new PassThrough(),
	});
	t.after(() => logs.close());
	const spec: AccessLogSpec = { filter: undefined, formatter: byRoute, sink: { kind: "file", path } };
	return { path, clock, stats, logs, stdout, spec };
}

test("entries of all logs of a file are written together after the interval, in order", async (t) => {
	const { path, clock, stats, logs, spec } = open(t);
	const one = logs.create(spec);
	const other = logs.create(spec);
	one.log(entry("a"));
	other.log(entry("b"));
	one.log(entry("c"));
	assert.equal(readFileSync(path, "utf8"), "");
	assert.equal(stats.write_total_buffered.value, 6);
	clock.advance(1_000);
	await eventually(() => assert.equal(readFileSync(path, "utf8"), "a\nb\nc\n"));
	await eventually(() =>
		assert.deepEqual(
			[
				stats.write_buffered.value,
				stats.write_completed.value,
				stats.flushed_by_timer.value,
				stats.write_total_buffered.value,
			],
			[3, 1, 1, 0],
		),
	);
});

test("a file is created for its owner and group, appended to, and complete after close", async (t) => {
	const { path, logs, spec } = open(t);
	logs.create(spec).log(entry("first"));
	await logs.close();
	assert.equal(statSync(path).mode & 0o777 & ~0o640, 0);
	logs.create(spec).log(entry("second"));
	await logs.close();
	assert.equal(readFileSync(path, "utf8"), "first\nsecond\n");
});

test("a reopened log leaves the rotated file and goes on in a new one, losing nothing", async (t) => {
	const { path, logs, spec } = open(t);
	const log = logs.create(spec);
	log.log(entry("old"));
	await logs.flush();
	renameSync(path, `${path}.1`);
	log.log(entry("between"));
	assert.equal(existsSync(path), false);
	logs.reopen();
	log.log(entry("new"));
	await logs.flush();
	assert.equal(readFileSync(`${path}.1`, "utf8") + readFileSync(path, "utf8"), "old\nbetween\nnew\n");
});

test("a log that cannot be opened is refused with its path", (t) => {
	const { logs, spec } = open(t);
	assert.throws(() => logs.create({ ...spec, sink: { kind: "file", path: "/nonexistent/folder/log" } }), {
		code: "ACCESS_LOG_UNWRITABLE",
		message: /access log \/nonexistent\/folder\/log: .*no such file/,
	});
});

test("standard output takes entries by kind and by device path, as the bytes that came in", async (t) => {
	const { logs, stdout, spec } = open(t);
	logs.create({ ...spec, sink: { kind: "stdout" } }).log(entry("caf\xe9"));
	logs.create({ ...spec, sink: { kind: "file", path: "/dev/stdout" } }).log(entry("b"));
	await logs.flush();
	assert.deepEqual(stdout.read(), Buffer.from([0x63, 0x61, 0x66, 0xe9, 0x0a, 0x62, 0x0a]));
});

test("a slow reader of the log costs entries, never memory or time", async () => {
	const stats = createStats();
	let finish = (): void => undefined;
	const written: string[] = [];
	const sink = createTextSink(
		(bytes) =>
			new Promise((resolve) => {
				written.push(bytes.toString());
				finish = resolve;
			}),
		stats,
		createFakeClock(),
		{ ...defaultSinkLimits, flushBytes: 10, maxBytes: 20 },
	);
	sink.write("0123456789");
	for (let index = 0; index < 5; index++) sink.write(`entry ${index}\n`);
	assert.equal(stats.write_dropped.value, 3);
	finish();
	await eventually(() => assert.equal(written.length, 2));
	assert.equal(written[1], "entry 0\nentry 1\n");
	finish();
	await sink.flush();
	sink.write("after\n");
	assert.equal(stats.write_dropped.value, 3);
});

test("a write that fails is counted and the next one is tried", async () => {
	const stats = createStats();
	const written: string[] = [];
	const sink = createTextSink(
		async (bytes) => {
			if (written.length === 0 && stats.write_failed.value === 0) throw new Error("disk full");
			written.push(bytes.toString());
		},
		stats,
		createFakeClock(),
		defaultSinkLimits,
	);
	sink.write("a\n");
	await sink.flush();
	sink.write("b\n");
	await sink.flush();
	assert.deepEqual([stats.write_failed.value, stats.write_completed.value, written], [1, 1, ["b\n"]]);
});
