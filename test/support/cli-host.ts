import assert from "node:assert/strict";
import { type CliHost, runCli } from "../../src/cli/index.ts";

/** What a command line answered. */
export interface CliRun {
	readonly code: number;
	readonly out: string;
	readonly err: string;
}

/** Runs command lines off a terminal, in a process that has nothing: what a test needs of it, it gives. */
export function createTestHost(parts: Partial<CliHost> = {}): { run(...args: string[]): Promise<CliRun> } {
	const unused = (): never => assert.fail("not part of these commands");
	return {
		async run(...args) {
			const [out, err]: [string[], string[]] = [[], []];
			const code = await runCli(args, {
				out: { write: (text) => out.push(text), isTerminal: false },
				err: { write: (text) => err.push(text), isTerminal: false },
				allowsColour: true,
				folder: "/",
				version: "1.2.3",
				pause: () => Promise.resolve(),
				findContext: () => undefined,
				...{ readStdin: unused, connect: unused, analyze: unused },
				...{ runUp: unused, runProxy: unused, runControlPlane: unused, runAgent: unused, runPkcs11Plugin: unused },
				...parts,
			});
			return { code, out: out.join(""), err: err.join("") };
		},
	};
}
