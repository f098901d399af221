import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants, writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { eventually } from "../../test/support/eventually.ts";
import { makeTemporaryFolder } from "../../test/support/temporary-folder.ts";
import { descriptorOf, openPeerProcess, openSystemCalls, readStartTime } from "./index.ts";

const system = openSystemCalls();
const skip = system.ok ? false : `no system calls: ${system.reason}`;

/** The accepted end of a connection that another process made. */
async function connectFromChild(t: TestContext): Promise<{ child: ChildProcess; socket: Socket }> {
	const path = join(makeTemporaryFolder(t), "x.sock");
	const server = createServer();
	await new Promise<void>((resolve) => server.listen(path, resolve));
	const accepted = once(server, "connection") as Promise<[Socket]>;
	const code = `require("node:net").connect(${JSON.stringify(path)}); setInterval(() => {}, 1000)`;
	const child = spawn(process.execPath, ["-e", code], { stdio: "ignore" });
	const [socket] = await accepted;
	socket.on("error", () => undefined);
	t.after(() => {
		child.kill("SIGKILL");
		socket.destroy();
		server.close();
	});
	return { child, socket };
}

test("the process at the other end is named, until it ends", { skip }, async (t) => {
	assert.ok(system.ok);
	const { child, socket } = await connectFromChild(t);
	const peer = openPeerProcess(system.calls, descriptorOf(socket)!);
	assert.deepEqual([peer?.pid, peer?.uid, peer?.gid], [child.pid, process.getuid!(), process.getgid!()]);
	assert.equal(peer!.isSame(), true);
	child.kill("SIGKILL");
	await once(child, "close");
	assert.equal(peer!.isSame(), false);
	peer!.close();
});

/** Root may say which number the next process gets. */
const nextNumber = "/proc/sys/kernel/ns_last_pid";
function canChooseNumbers(): boolean {
	try {
		accessSync(nextNumber, constants.W_OK);
		return true;
	} catch {
		return false;
	}
}

test("a process that gets the number of one that ended is not taken for it", {
	skip: skip || (canChooseNumbers() ? false : "needs root, to choose process numbers"),
}, async (t) => {
	assert.ok(system.ok);
	const { child, socket } = await connectFromChild(t);
	const pid = child.pid!;
	const peer = openPeerProcess(system.calls, descriptorOf(socket)!)!;
	const late = await connectFromChild(t);
	const latePid = late.child.pid!;
	for (const each of [child, late.child]) {
		each.kill("SIGKILL");
		await once(each, "close");
	}
	for (const number of [pid, latePid]) {
		const impostor = await eventually(
			() => {
				writeFileSync(nextNumber, String(number - 1));
				const next = spawn("sleep", ["60"], { stdio: "ignore" });
				t.after(() => next.kill("SIGKILL"));
				assert.equal(next.pid, number, "another process was quicker");
				return next;
			},
			{ deadlineMs: 30_000 },
		);
		assert.notEqual(readStartTime(impostor.pid!), undefined, "the number is in use again");
	}
	assert.equal(peer.isSame(), false, "held from before");
	const looked = openPeerProcess(system.calls, descriptorOf(late.socket) ?? -1);
	assert.equal(looked?.isSame() ?? false, false, "looked at only after the number was in use again");
	peer.close();
	looked?.close();
});
