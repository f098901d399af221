import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { systemClock } from "../../core/index.ts";
import { startChild } from "./child.ts";
import { openProcessLedger } from "./process-ledger.ts";
import { lockStateFolder, openStateFolder } from "./state-folder.ts";

function createFolder(t: TestContext): string {
	const folder = mkdtempSync(join(tmpdir(), "amime-state-"));
	t.after(() => rmSync(folder, { recursive: true, force: true }));
	return folder;
}

test("a new state folder is for its owner alone and says its version", (t) => {
	const state = openStateFolder(join(createFolder(t), "deep/shop"));
	assert.equal(statSync(state.path).mode & 0o777, 0o700);
	state.writeControlFile({ token: "secret" });
	assert.equal(statSync(join(state.path, "control.json")).mode & 0o777, 0o600);
	assert.equal(openStateFolder(state.path).path, state.path, "and opens again");
});

test("a folder of another version, of other things or that is a file is refused in a sentence", (t) => {
	const folder = createFolder(t);
	const other = openStateFolder(join(folder, "other"));
	writeFileSync(join(other.path, "version"), "2\n");
	assert.throws(() => openStateFolder(other.path), { code: "STATE_VERSION", message: /layout version '2'.*--state/ });
	writeFileSync(join(folder, "letter.txt"), "");
	assert.throws(() => openStateFolder(folder), { code: "STATE_FOREIGN" });
	assert.throws(() => openStateFolder(join(folder, "letter.txt")), { code: "STATE_UNREADABLE" });
});

test("a state folder is held by one process at a time, and the next one names it", (t) => {
	const state = openStateFolder(join(createFolder(t), "shop"));
	const lock = lockStateFolder(state);
	assert.throws(() => lockStateFolder(state), { code: "STATE_IN_USE", message: new RegExp(`process ${process.pid}`) });
	lock.release();
	lockStateFolder(state).release();
	assert.ok(!existsSync(state.runFile("lock")));
});

test("processes that a killed supervisor left behind are ended by the next one, and only those", async (t) => {
	const folder = createFolder(t);
	const path = join(folder, "processes.json");
	const { ledger } = await openProcessLedger(path, systemClock);
	const command = { program: process.execPath, args: ["-e", "setInterval(() => {}, 1000)"], folder, env: {} };
	const ended = Promise.withResolvers<string>();
	startChild({ ...command, output: { kind: "lines", onLine: () => undefined } }, ledger, ended.resolve);
	// One whose number has been given to another process since.
	const entries = [{ pid: process.pid, startTime: "1" }];
	const own = JSON.parse(await import("node:fs/promises").then((fs) => fs.readFile(path, "utf8")));
	writeFileSync(path, JSON.stringify([...own, ...entries]));
	assert.equal((await openProcessLedger(path, systemClock)).killed, 1);
	assert.equal(await ended.promise, "killed by SIGKILL");
});

test("a process ends with everything it has started, and its last line is heard", async (t) => {
	const folder = createFolder(t);
	const { ledger } = await openProcessLedger(join(folder, "processes.json"), systemClock);
	const lines: string[] = [];
	const ended = Promise.withResolvers<string>();
	const script = "sleep 1000 & echo child $!; printf 'no newline'; exit 3";
	const command = { program: "/bin/sh", args: ["-c", script], folder, env: { PATH: "/usr/bin:/bin" } };
	startChild({ ...command, output: { kind: "lines", onLine: (line) => lines.push(line) } }, ledger, ended.resolve);
	assert.equal(await ended.promise, "exit code 3");
	assert.equal(lines[1], "no newline");
	const pid = Number(lines[0]!.split(" ")[1]);
	const deadline = systemClock.now() + 5000;
	while (isRunning(pid) && systemClock.now() < deadline) await new Promise((resolve) => setImmediate(resolve));
	assert.equal(isRunning(pid), false);
});

test("a program that does not exist ends at once, with its name", async (t) => {
	const folder = createFolder(t);
	const { ledger } = await openProcessLedger(join(folder, "processes.json"), systemClock);
	const ended = Promise.withResolvers<string>();
	const command = { program: "no-such-program", args: [], folder, env: {} };
	startChild({ ...command, output: { kind: "lines", onLine: () => undefined } }, ledger, ended.resolve);
	assert.match(await ended.promise, /cannot run no-such-program: no such program/);
});

/** Whether a process lives; one that has ended and is not yet buried does not. */
function isRunning(pid: number): boolean {
	try {
		process.kill(pid, 0);
	} catch {
		return false;
	}
	return !/^State:\s+Z/m.test(readStatus(pid));
}

function readStatus(pid: number): string {
	const path = `/proc/${pid}/status`;
	return existsSync(path) ? process.getBuiltinModule("node:fs").readFileSync(path, "utf8") : "State: Z";
}
