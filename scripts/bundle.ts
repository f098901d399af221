/** Makes the bundle that bin/amime runs, unless it is as new as the sources; then runs it once, so that what it compiles is kept.
 *  With --optional a failure is only told: amime runs from its sources without a bundle. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout } from "node:timers/promises";
import { bundleOf, makeBundle } from "./make-bundle.ts";
import { createWarmBootstrap } from "./warm-bootstrap.ts";

const root = resolve(import.meta.dirname, "..");
const launcher = join(root, "bin/launch.cjs");
const check = spawnSync(process.execPath, [launcher, "--check-bundle"], { encoding: "utf8" });
if (check.status !== 0 || check.stdout !== "") {
	try {
		const files = await makeBundle(bundleOf(root));
		await warm().catch((error: unknown) => {
			process.stderr.write(
				`the bundle's first start will compile it: ${error instanceof Error ? error.message : error}\n`,
			);
		});
		const bytes = [...files.values()].reduce((sum, size) => sum + size, 0);
		process.stdout.write(`bundled ${files.size} files into dist (${(bytes / 1024).toFixed(0)} KiB)\n`);
	} catch (error) {
		if (!process.argv.includes("--optional")) throw error;
		process.stderr.write(
			`no bundle, amime will run from its sources: ${error instanceof Error ? error.message : error}\n`,
		);
	}
}

/** Starts what starts often, and has a request go through the proxy. Each keeps what it compiled when it ends. */
async function warm(): Promise<void> {
	const folder = mkdtempSync(join(tmpdir(), "amime-bundle-"));
	const upstream = createServer((_, response) => response.end("warm")).listen(0, "127.0.0.1");
	try {
		await once(upstream, "listening");
		const [bootstrap, address, state] = ["bootstrap.json", "admin", "state"].map((name) => join(folder, name)) as [
			string,
			string,
			string,
		];
		writeFileSync(bootstrap, JSON.stringify(createWarmBootstrap(0, (upstream.address() as AddressInfo).port, 0)));
		const proxy = ["proxy", "-c", bootstrap, "--admin-address-path", address, "--disable-hot-restart"];
		await runUntil(address, proxy, () => request(readFileSync(address, "utf8")));
		const anywhere = ["--admin-address", "127.0.0.1:0", "--xds-address", "127.0.0.1:0"];
		await runUntil(join(state, "control.json"), ["control-plane", "--state", state, ...anywhere]);
	} finally {
		upstream.close();
		upstream.closeAllConnections();
		rmSync(folder, { recursive: true, force: true });
	}
}

/** Asks the proxy with this admin port whether it is ready, and for something of its upstream. */
async function request(admin: string): Promise<void> {
	await fetch(`http://${admin}/ready`);
	const listeners = await (await fetch(`http://${admin}/listeners`)).text();
	const [, address] = /^warm::(.*)$/m.exec(listeners) ?? [];
	await fetch(`http://${address}/`);
}

/** @throws Error when the file does not come within a minute */
async function runUntil(file: string, args: readonly string[], use?: () => Promise<void>): Promise<void> {
	const preload = join(import.meta.dirname, "keep-compiled.cjs");
	const command = ["--require", preload, launcher, ...args];
	const child = spawn(process.execPath, command, { stdio: ["ignore", "ignore", "pipe"] });
	let said = "";
	child.stderr.setEncoding("utf8").on("data", (text: string) => {
		said += text;
	});
	const ended = once(child, "exit");
	const end = Date.now() + 60_000;
	while (!existsSync(file) && child.exitCode === null && Date.now() < end) await setTimeout(20);
	const isThere = existsSync(file);
	try {
		if (isThere) await use?.();
	} finally {
		child.kill("SIGTERM");
		await ended;
	}
	if (!isThere) throw new Error(`the bundle does not start amime ${args[0]}: ${said}`);
}
