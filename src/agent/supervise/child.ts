import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import type { Readable } from "node:stream";
import type { ProcessLedger } from "./process-ledger.ts";

/** What to run, and where its output goes. */
export interface ChildCommand {
	readonly program: string;
	readonly args: readonly string[];
	readonly folder: string;
	readonly env: Readonly<Record<string, string>>;
	readonly output:
		| { readonly kind: "lines"; readonly onLine: (line: string, stream: "out" | "err") => void }
		| { readonly kind: "file"; readonly path: string };
}

/** A process in a process group of its own. */
export interface Child {
	/** Signals the whole group. */
	signal(signal: "SIGTERM" | "SIGKILL"): void;
}

const maxLineLength = 16_384;

/** Starts a process; `onExit` is called once, when it is gone and its output read, also when it could not be started. */
export function startChild(command: ChildCommand, ledger: ProcessLedger, onExit: (detail: string) => void): Child {
	const file = command.output.kind === "file" ? openSync(command.output.path, "a", 0o600) : undefined;
	const sink = file ?? "pipe";
	const child = spawn(command.program, command.args, {
		cwd: command.folder,
		env: command.env,
		detached: true,
		stdio: ["ignore", sink, sink],
	});
	if (file !== undefined) closeSync(file);
	if (command.output.kind === "lines") {
		const { onLine } = command.output;
		readLines(child.stdout, (line) => onLine(line, "out"));
		readLines(child.stderr, (line) => onLine(line, "err"));
	}
	if (child.pid !== undefined) ledger.add(child.pid);
	watchEnd(child, command.program, ledger, onExit);
	return { signal: (signal) => signalGroup(child.pid, signal) };
}

function watchEnd(child: ChildProcess, program: string, ledger: ProcessLedger, onExit: (detail: string) => void): void {
	let hasEnded = false;
	const end = (detail: string): void => {
		if (hasEnded) return;
		hasEnded = true;
		if (child.pid !== undefined) ledger.remove(child.pid);
		onExit(detail);
	};
	child.on("error", (error: NodeJS.ErrnoException) => {
		if (child.pid !== undefined) return;
		end(
			error.code === "ENOENT"
				? `cannot run ${program}: no such program or folder`
				: `cannot run ${program}: ${error.message}`,
		);
	});
	child.on("exit", (code, signal) => {
		// What the process left behind in its group ends with it; else the output would stay open, too.
		signalGroup(child.pid, "SIGKILL");
		const detail = signal === null ? `exit code ${code}` : `killed by ${signal}`;
		if (child.stdout === null) end(detail);
		else child.once("close", () => end(detail));
	});
}

function signalGroup(pid: number | undefined, signal: "SIGTERM" | "SIGKILL"): void {
	if (pid === undefined) return;
	try {
		process.kill(-pid, signal);
	} catch (error) {
		// Already gone.
		if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
	}
}

function readLines(stream: Readable | null, onLine: (line: string) => void): void {
	if (stream === null) return;
	let rest = "";
	stream.setEncoding("utf8");
	stream.on("data", (text: string) => {
		const lines = (rest + text).split("\n");
		rest = lines.pop() ?? "";
		for (const line of lines) onLine(line.replace(/\r$/, ""));
		if (rest.length > maxLineLength) {
			onLine(rest);
			rest = "";
		}
	});
	stream.on("end", () => {
		if (rest !== "") onLine(rest);
	});
}
