import { spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { eventually } from "./eventually.ts";
import { sendRequest } from "./http-call.ts";
import { findEnvoy } from "./peers.ts";
import { makeTemporaryFolder } from "./temporary-folder.ts";

/** A stock Envoy that runs until the test ends. */
export interface RunningEnvoy {
	readonly adminPort: number;
	/** What it wrote so far. */
	output(): string;
	/** The body of a GET on its admin port. */
	admin(path: string): Promise<string>;
	/** The port a listener got when its bootstrap said 0, once Envoy accepts connections. */
	portOf(listener: string): Promise<number>;
}

/** Starts Envoy on a bootstrap; the admin address is added, on a free port. Resolves when the admin port answers.
 *  @throws Error with Envoy's own words when it ends before that */
export async function startEnvoy(t: TestContext, bootstrap: Readonly<Record<string, unknown>>): Promise<RunningEnvoy> {
	const program = findEnvoy();
	if (program === undefined) throw new Error("no Envoy: skip the test with skipWithout");
	const folder = makeTemporaryFolder(t);
	const addressFile = join(folder, "admin");
	const file = join(folder, "bootstrap.json");
	const admin = { address: { socket_address: { address: "127.0.0.1", port_value: 0 } } };
	writeFileSync(file, JSON.stringify({ admin, ...bootstrap }));
	const child = spawn(
		program,
		[
			...["-c", file, "--admin-address-path", addressFile, "--disable-hot-restart", "--concurrency", "1"],
			// Access logs are waited for.
			...["-l", "warning", "--file-flush-interval-msec", "100"],
		],
		{ stdio: ["ignore", "pipe", "pipe"] },
	);
	let output = "";
	for (const stream of [child.stdout, child.stderr]) {
		stream.setEncoding("utf8").on("data", (text: string) => {
			output += text;
		});
	}
	let ended = false;
	const gone = new Promise<void>((resolve) =>
		child.once("close", () => {
			ended = true;
			resolve();
		}),
	);
	t.after(async () => {
		child.kill("SIGKILL");
		await gone;
	});
	const adminPort = await eventually(
		() => {
			if (ended || !existsSync(addressFile)) throw new Error(`envoy is not up: ${output}`);
			const port = Number(readFileSync(addressFile, "utf8").split(":").at(-1));
			// The file is there a moment before its text.
			if (port === 0) throw new Error("the admin address is not written yet");
			return port;
		},
		{ deadlineMs: 30_000, giveUp: () => ended },
	);
	const get = async (path: string): Promise<string> => (await sendRequest({ port: adminPort, path })).body;
	await eventually(() => get("/server_info"), { deadlineMs: 30_000 });
	return {
		adminPort,
		output: () => output,
		admin: get,
		portOf: (listener) =>
			eventually(
				async () => {
					if (!(await get("/ready")).startsWith("LIVE")) throw new Error(`envoy is not ready: ${output}`);
					const line = (await get("/listeners")).split("\n").find((text) => text.startsWith(`${listener}::`));
					if (line === undefined) throw new Error(`envoy has no listener ${listener}: ${output}`);
					return Number(line.split(":").at(-1));
				},
				{ deadlineMs: 30_000, giveUp: () => ended },
			),
	};
}
