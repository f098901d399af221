import { readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { createControlClient } from "../agent/control-client/index.ts";
import { type CliHost, createPalette, type TextSink } from "../cli/index.ts";
import { findContext } from "./contexts.ts";
import { allowsColour } from "./process.ts";

/** The process as the command line sees it; each long-running command is loaded only when it is asked for. */
export function createHost(): CliHost {
	const palette = createPalette(allowsColour() && process.stdout.isTTY === true);
	return {
		out: toSink(process.stdout),
		err: toSink(process.stderr),
		allowsColour: allowsColour(),
		folder: process.cwd(),
		version: readVersion(),
		readStdin,
		pause: (ms) => setTimeout(ms),
		connect: createControlClient,
		findContext,
		analyze: async (config) => (await import("../control/index.ts")).analyzeFolder(config),
		runUp: async (options) => (await import("./up.ts")).runUp(options, palette),
		runProxy: async (options) => (await import("./proxy.ts")).runProxy(options),
		runAgent: async (options) => (await import("./agent.ts")).runAgent(options),
		runPkcs11Plugin: async (options) => (await import("./key-plugin.ts")).runPkcs11Plugin(options),
		runControlPlane: async (options) => (await import("./control-plane.ts")).runControlPlane(options),
	};
}

function toSink(stream: NodeJS.WriteStream): TextSink {
	return { write: (text) => stream.write(text), isTerminal: stream.isTTY === true };
}

/** The version of this package. */
export function readVersion(): string {
	const path = new URL("../../package.json", import.meta.url);
	return (JSON.parse(readFileSync(path, "utf8")) as { version: string }).version;
}

async function readStdin(): Promise<string> {
	const chunks: Buffer[] = [];
	for await (const chunk of process.stdin as AsyncIterable<Buffer>) chunks.push(chunk);
	return Buffer.concat(chunks).toString("utf8");
}
