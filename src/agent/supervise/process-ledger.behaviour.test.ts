import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { findFreePort } from "../../../test/support/free-port.ts";
import { makeTemporaryFolder } from "../../../test/support/temporary-folder.ts";
import { systemClock } from "../../core/index.ts";
import { openProcessLedger } from "./process-ledger.ts";

const program = `
const server = require("node:net").createServer().listen(Number(process.argv[1]), "127.0.0.1", () => console.log("listening"));
`;

test("what an earlier run left behind is ended, and its port is free", async (t) => {
	const path = join(makeTemporaryFolder(t), "processes.json");
	// Not one that an outgoing connection of another test may take as soon as it is free.
	const port = await findFreePort();
	const child = spawn(process.execPath, ["-e", program, String(port)], {
		detached: true,
		stdio: ["ignore", "pipe", "inherit"],
	});
	t.after(() => child.kill("SIGKILL"));
	await once(child.stdout, "data");
	const first = await openProcessLedger(path, systemClock);
	assert.equal(first.killed, 0);
	first.ledger.add(child.pid!);
	assert.equal((await openProcessLedger(path, systemClock)).killed, 1);
	const server = createServer().listen(port, "127.0.0.1");
	await once(server, "listening");
	server.close();
	assert.equal((await openProcessLedger(path, systemClock)).killed, 0);
});
