import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { openEtcdStore } from "../../src/registry/index.ts";
import { eventually } from "./eventually.ts";
import { findFreePort } from "./free-port.ts";
import { findEtcd } from "./peers.ts";
import { makeTemporaryFolder } from "./temporary-folder.ts";

/** A real etcd of one member on loopback, for the time of a test or a file of tests. */
export interface RunningEtcd {
	/** `127.0.0.1:PORT`. */
	readonly address: string;
	/** Ends it and starts it again on what it kept. */
	restart(): Promise<void>;
	/** Stops it in its tracks and waits until it stands: connections stay, nothing answers. */
	pause(): Promise<void>;
	resume(): void;
	/** kill -9. */
	kill(): Promise<void>;
	stop(): Promise<void>;
}

/** Files for TLS. */
export interface EtcdTlsFiles {
	readonly cert: string;
	readonly key: string;
	/** With this, clients need a certificate. */
	readonly clientCa?: string;
}

/** Starts one. Elections are quick, so that leases may be short. */
export async function startEtcd(
	t: Pick<TestContext, "after">,
	options: { readonly tls?: EtcdTlsFiles } = {},
): Promise<RunningEtcd> {
	const folder = makeTemporaryFolder(t);
	const [clientPort, peerPort] = [await findFreePort(), await findFreePort()];
	const scheme = options.tls === undefined ? "http" : "https";
	const client = `${scheme}://127.0.0.1:${clientPort}`;
	const peer = `http://127.0.0.1:${peerPort}`;
	const flags = [
		...["--name", "one", "--data-dir", join(folder, "data"), "--log-level", "error", "--logger", "zap"],
		...["--listen-client-urls", client, "--advertise-client-urls", client],
		...["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", `one=${peer}`],
		...["--heartbeat-interval", "50", "--election-timeout", "500"],
		...tlsFlags(options.tls),
	];
	let child = await run(flags);
	const stop = (signal: NodeJS.Signals): Promise<void> => end(child, signal);
	t.after(() => stop("SIGKILL"));
	return {
		address: `127.0.0.1:${clientPort}`,
		async restart() {
			await stop("SIGTERM");
			child = await run(flags);
		},
		async pause() {
			child.kill("SIGSTOP");
			// Each thread stops by itself.
			const tasks = `/proc/${child.pid}/task`;
			await eventually(() => {
				for (const task of readdirSync(tasks)) assert.match(readFileSync(`${tasks}/${task}/stat`, "latin1"), /\) T /);
			});
		},
		resume: () => void child.kill("SIGCONT"),
		kill: () => stop("SIGKILL"),
		stop: () => stop("SIGTERM"),
	};
}

/** Waits until an etcd answers. */
export async function untilEtcdAnswers(address: string): Promise<void> {
	const store = openEtcdStore(`etcd://${address}`);
	await eventually(() => store.range({ key: "/probe" }), { deadlineMs: 20_000 });
	await store.close();
}

function tlsFlags(tls: EtcdTlsFiles | undefined): string[] {
	if (tls === undefined) return [];
	const own = ["--cert-file", tls.cert, "--key-file", tls.key];
	return tls.clientCa === undefined ? own : [...own, "--client-cert-auth", "--trusted-ca-file", tls.clientCa];
}

async function run(flags: readonly string[]): Promise<ChildProcess> {
	const child = spawn(findEtcd() as string, [...flags], { stdio: "ignore" });
	await once(child, "spawn");
	return child;
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
	if (child.exitCode !== null || child.signalCode !== null) return;
	const ended = once(child, "exit");
	child.kill("SIGCONT");
	child.kill(signal);
	await ended;
}
