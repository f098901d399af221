import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join, resolve } from "node:path";
import type { TestContext } from "node:test";
import { eventually } from "./eventually.ts";
import { findFreePort } from "./free-port.ts";
import { type HttpAnswer, sendRequest } from "./http-call.ts";

const commandLine = resolve(import.meta.dirname, "../../src/main/amime.ts");

/** A control plane in a process of its own. */
export interface ControlPlaneProcess {
	readonly adminUrl: string;
	/** `127.0.0.1:PORT` of its xDS server. */
	readonly xdsAddress: string;
	readonly stateFolder: string;
	readonly token: string;
	readonly process: ChildProcess;
	output(): string;
	admin(method: string, path: string, body?: string): Promise<HttpAnswer>;
	/** kill -9, and waits. */
	kill(): Promise<void>;
}

/** Starts one and waits until it serves, on free ports unless they are given; ended after the test.
 *  @throws Error with the process's own words when it ends before that */
export async function startControlPlaneProcess(
	t: Pick<TestContext, "after">,
	stateFolder: string,
	args: readonly string[],
	ports?: { readonly admin: number; readonly xds: number },
): Promise<ControlPlaneProcess> {
	const token = "test-token";
	const [adminPort, xdsPort] = [ports?.admin ?? (await findFreePort()), ports?.xds ?? (await findFreePort())];
	const addresses = ["--admin-address", `127.0.0.1:${adminPort}`, "--xds-address", `127.0.0.1:${xdsPort}`];
	const child = spawn(process.execPath, [commandLine, "control-plane", "--state", stateFolder, ...addresses, ...args], {
		cwd: join(stateFolder, ".."),
		stdio: ["ignore", "pipe", "pipe"],
		env: { ...process.env, NO_COLOR: "1", AMIME_TOKEN: token },
	});
	let output = "";
	for (const stream of [child.stdout, child.stderr])
		stream.setEncoding("utf8").on("data", (text: string) => {
			output += text;
		});
	const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null;
	const kill = async (): Promise<void> => {
		if (hasEnded()) return;
		const ended = once(child, "exit");
		child.kill("SIGKILL");
		await ended;
	};
	t.after(kill);
	const admin: ControlPlaneProcess["admin"] = (method, path, body) =>
		sendRequest({
			port: adminPort,
			method,
			path,
			headers: { authorization: `Bearer ${token}` },
			...(body !== undefined && { body }),
		});
	try {
		await eventually(() => admin("GET", "/ready"), { deadlineMs: 30_000, giveUp: hasEnded });
	} catch (cause) {
		throw new Error(`the control plane does not serve: ${output}`, { cause });
	}
	return {
		adminUrl: `http://127.0.0.1:${adminPort}`,
		xdsAddress: `127.0.0.1:${xdsPort}`,
		stateFolder,
		token,
		process: child,
		output: () => output,
		admin,
		kill,
	};
}
