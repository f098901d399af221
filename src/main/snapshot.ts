import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { connect, createServer, type Server } from "node:net";
import { closeParts } from "../api/index.ts";
import { runProxy } from "./proxy.ts";
import { releaseAlso } from "./release-memory.ts";
import { run } from "./run.ts";
import { shareSnapshot } from "./share-snapshot.ts";

/** What a snapshot of a proxy that is about to start is made with (scripts/snapshot-builder.cjs): it holds the modules of the first start with
 *  what they have compiled, and a second set of them that has served nobody. */
export { runProxy };

type WriteBootstrap = (listenPort: number, upstreamPort: number, adminPort: number) => string;

/** Runs the process that was started from a snapshot. @param sharedPath see {@link shareSnapshot} */
export function runShared(sharedPath: string): Promise<void> {
	releaseAlso(() => shareSnapshot(sharedPath));
	return run();
}

/** Runs a proxy that forwards two requests and says that it is ready, so that V8 has compiled what a start runs. The modules are of no use
 *  afterwards.
 *  @param writeBootstrap writes the configuration of a proxy with these ports @throws Error when no answer comes */
export async function rehearse(writeBootstrap: WriteBootstrap): Promise<void> {
	const upstream = createServer((socket) => {
		socket.on("error", () => undefined).on("data", () => socket.end(answer));
	});
	const reserved = [createServer(), createServer()];
	const upstreamPort = await listen(upstream);
	const [listenPort, adminPort] = (await Promise.all(reserved.map(listen))) as [number, number];
	await Promise.all(reserved.map(close));
	const ended = runArguments([
		"proxy",
		"-l",
		"error",
		"--disable-hot-restart",
		"-c",
		writeBootstrap(listenPort, upstreamPort, adminPort),
	]);
	for (let answers = 0, attempts = 0; answers < 2; attempts++) {
		if (attempts > 500) throw new Error("the proxy of the rehearsal does not answer");
		if ((await ask(adminPort, "/ready")) && (await ask(listenPort, "/"))) answers++;
		else await new Promise((resolve) => setTimeout(resolve, 10));
	}
	process.emit("SIGTERM");
	await ended;
	await close(upstream);
	for (const name of ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1"]) process.removeAllListeners(name);
	closeParts();
}

/** Has what a start makes once made: the descriptors of the messages in a bootstrap. */
export async function prepare(bootstrapPath: string): Promise<void> {
	await runArguments(["proxy", "--mode", "init_only", "-c", bootstrapPath]);
	closeParts();
}

const answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";

async function runArguments(args: readonly string[]): Promise<void> {
	const { argv } = process;
	process.argv = [process.execPath, "amime", ...args];
	try {
		await run();
	} finally {
		process.argv = argv;
		for (const stream of [process.stdout, process.stderr]) stream.removeAllListeners("error");
	}
	if (process.exitCode !== 0) throw new Error(`amime ${args[0]} ended with ${process.exitCode}`);
	process.exitCode = undefined;
}

async function listen(server: Server): Promise<number> {
	await once(server.listen(0, "127.0.0.1"), "listening");
	return (server.address() as AddressInfo).port;
}

async function close(server: Server): Promise<void> {
	await once(server.close(), "close");
}

function ask(port: number, path: string): Promise<boolean> {
	return new Promise((resolve) => {
		let text = "";
		const socket = connect(port, "127.0.0.1", () => {
			socket.write(`GET ${path} HTTP/1.1\r\nhost: rehearsal\r\nconnection: close\r\n\r\n`);
		});
		socket
			.on("data", (bytes) => {
				text += bytes.toString("latin1");
			})
			.on("error", () => undefined)
			.on("close", () => resolve(text.startsWith("HTTP/1.1 200")));
	});
}
