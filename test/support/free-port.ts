import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Ports that were given out: whoever has one may take a while to listen. Test files run in processes beside each other, so each port that was
 *  given is a file with the ID of its process. */
const claims = join(tmpdir(), "amime-test-ports");
const given = new Set<number>();

process.once("exit", () => {
	for (const port of given) rmSync(join(claims, String(port)), { force: true });
});

/** A free loopback port, none twice, below the range from which the system takes ports for outgoing connections, so that none of those takes it
 *  before it is used. */
export async function findFreePort(): Promise<number> {
	mkdirSync(claims, { recursive: true });
	for (;;) {
		const port = 10_000 + Math.floor(Math.random() * 10_000);
		if (given.has(port) || !claim(port)) continue;
		given.add(port);
		if (await isFree(port)) return port;
	}
}

/** Whether a port is this process's now: nobody had it, or a process that has ended. */
function claim(port: number): boolean {
	const file = join(claims, String(port));
	if (isHeld(file)) return false;
	rmSync(file, { force: true });
	try {
		writeFileSync(file, String(process.pid), { flag: "wx" });
		return true;
	} catch {
		return false;
	}
}

function isHeld(file: string): boolean {
	try {
		const holder = Number(readFileSync(file, "utf8"));
		// Empty: it is being written.
		if (holder === 0) return true;
		process.kill(holder, 0);
		return true;
	} catch {
		return false;
	}
}

function isFree(port: number): Promise<boolean> {
	return new Promise((resolve) => {
		const server = createServer();
		server.once("error", () => resolve(false));
		server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
	});
}
