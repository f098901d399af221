import { readFileSync } from "node:fs";
import { createControlClient } from "../agent/control-client/index.ts";
import type { CliHost, TextSink } from "../cli/index.ts";
import { MeshError } from "../core/index.ts";

/** The process as the command line sees it; each long-running command is loaded only when it is asked for. */
export function createHost(): CliHost {
	const env = process.env;
	return {
		out: toSink(process.stdout),
		err: toSink(process.stderr),
		allowsColour: env["NO_COLOR"] === undefined || env["NO_COLOR"] === "",
		folder: process.cwd(),
		version: readVersion(),
		readStdin,
		connect: createControlClient,
		runUp: () => refuse("up"),
		runProxy: () => refuse("proxy"),
		runControlPlane: () => refuse("control-plane"),
	};
}

/** TODO(#3): until the rooms behind these commands are in. */
function refuse(command: string): Promise<number> {
	return Promise.reject(new MeshError("COMMAND_UNAVAILABLE", `'amime ${command}' is not in this build`));
}

function toSink(stream: NodeJS.WriteStream): TextSink {
	return { write: (text) => stream.write(text), isTerminal: stream.isTTY === true };
}

function readVersion(): string {
	const path = new URL("../../package.json", import.meta.url);
	return (JSON.parse(readFileSync(path, "utf8")) as { version: string }).version;
}

async function readStdin(): Promise<string> {
	const chunks: Buffer[] = [];
	for await (const chunk of process.stdin as AsyncIterable<Buffer>) chunks.push(chunk);
	return Buffer.concat(chunks).toString("utf8");
}
