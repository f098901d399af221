import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { TestContext } from "node:test";
import { eventually } from "./eventually.ts";
import { findFreePort } from "./free-port.ts";
import { type HttpAnswer, sendRequest } from "./http-call.ts";
import { findEnvoy } from "./peers.ts";

const sources = resolve(import.meta.dirname, "../../src/main/amime.ts");
const command = resolve(import.meta.dirname, "../../bin/amime");

export type ProxyKind = "envoy" | "amime";

export interface ProxyProcessOptions {
	/** Further flags, the same for both. */
	readonly args?: readonly string[];
	readonly environment?: Readonly<Record<string, string>>;
	/** Runs amime as users start it, from the bundle; from the sources by default. */
	readonly bundled?: boolean;
	/** Whether to wait until `/ready` answers 200; true by default. */
	readonly awaitReady?: boolean;
}

/** A proxy in a process of its own, an Envoy or amime's, on a bootstrap file. */
export interface ProxyProcess {
	readonly kind: ProxyKind;
	readonly process: ChildProcess;
	readonly adminPort: number;
	/** What it wrote so far, on both streams. */
	output(): string;
	/** What it wrote to its standard output: access logs go there. */
	stdout(): string;
	/** The port that a listener got; the first listener's without a name. */
	port(listener?: string): Promise<number>;
	admin(path: string, method?: string): Promise<HttpAnswer>;
	/** A counter or gauge by its name; 0 when there is none. */
	stat(name: string): Promise<number>;
	/** Every counter and gauge whose name matches the regular expression. */
	stats(filter: string): Promise<Record<string, number>>;
	/** Ends it by a signal, SIGTERM by default, and waits; answers with the exit code. */
	stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** Starts a proxy on a bootstrap; the admin address is added on a free port. Ended after the test.
 *  @throws Error with the process's own words when it ends before it is ready */
export async function startProxyProcess(
	t: Pick<TestContext, "after">,
	kind: ProxyKind,
	folder: string,
	bootstrap: object,
	options: ProxyProcessOptions = {},
): Promise<ProxyProcess> {
	const adminPort = await findFreePort();
	const file = join(folder, `bootstrap-${adminPort}.json`);
	const admin = { address: { socket_address: { address: "127.0.0.1", port_value: adminPort } } };
	const { admin: more, ...rest } = bootstrap as { readonly admin?: object };
	writeFileSync(file, JSON.stringify({ admin: { ...admin, ...more }, ...rest }));
	const given = options.args ?? [];
	const concurrency = given.includes("--concurrency") ? [] : ["--concurrency", "1"];
	const flags = ["-c", file, ...concurrency, ...given];
	const [program, args] =
		kind === "envoy"
			? describeEnvoy(flags)
			: options.bundled === true
				? [command, ["proxy", ...flags]]
				: [process.execPath, [sources, "proxy", ...flags]];
	const child = spawn(program, args, {
		stdio: ["ignore", "pipe", "pipe"],
		env: { ...process.env, NO_COLOR: "1", ...options.environment },
	});
	const written = { all: "", stdout: "" };
	child.stdout.setEncoding("utf8").on("data", (text: string) => {
		written.all += text;
		written.stdout += text;
	});
	child.stderr.setEncoding("utf8").on("data", (text: string) => {
		written.all += text;
	});
	const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null;
	const stop = async (signal: NodeJS.Signals = "SIGTERM"): Promise<number | null> => {
		if (!hasEnded()) {
			const gone = once(child, "close");
			child.kill(signal);
			await gone;
		}
		return child.exitCode;
	};
	t.after(() => stop("SIGKILL"));
	const call = (path: string, method = "GET"): Promise<HttpAnswer> => sendRequest({ port: adminPort, path, method });
	const isUp = async (): Promise<void> => {
		if (hasEnded()) throw new Error(`${kind} has ended: ${written.all}`);
		const { status, body } = await call(options.awaitReady === false ? "/server_info" : "/ready");
		if (status !== 200) throw new Error(`${kind} is not ready (${body.trim()}): ${written.all}`);
	};
	await eventually(isUp, { deadlineMs: 30_000, giveUp: hasEnded });
	const stats = async (filter: string): Promise<Record<string, number>> => {
		const { body } = await call(`/stats?filter=${encodeURIComponent(filter)}&type=All`);
		const lines = body.split("\n").filter((line) => /: \d+$/.test(line));
		return Object.fromEntries(
			lines.map((line) => [line.slice(0, line.lastIndexOf(":")), Number(line.split(" ").at(-1))]),
		);
	};
	return {
		kind,
		process: child,
		adminPort,
		output: () => written.all,
		stdout: () => written.stdout,
		async port(listener) {
			const { listener_statuses: statuses = [] } = JSON.parse((await call("/listeners?format=json")).body) as {
				listener_statuses?: { name: string; local_address: { socket_address?: { port_value: number } } }[];
			};
			const found = listener === undefined ? statuses[0] : statuses.find(({ name }) => name === listener);
			if (found?.local_address.socket_address === undefined) {
				const names = statuses.map(({ name }) => name).join(", ");
				throw new Error(`${kind} has no listener ${listener}, but ${names || "none"}: ${written.all}`);
			}
			return found.local_address.socket_address.port_value;
		},
		admin: call,
		stat: async (name) => (await stats(`^${name.replace(/[^\w]/g, "\\$&")}$`))[name] ?? 0,
		stats,
		stop,
	};
}

function describeEnvoy(flags: readonly string[]): [string, string[]] {
	const program = findEnvoy();
	if (program === undefined) throw new Error("no Envoy: skip the test with skipWithout");
	const more = flags.some((flag) => flag === "--restart-epoch" || flag === "--base-id")
		? []
		: ["--disable-hot-restart"];
	return [program, [...flags, ...more, "-l", "warning"]];
}
