import { execFile } from "node:child_process";
import { MeshError } from "../../core/index.ts";
import { formatSigningRequest } from "../x509/index.ts";
import type { SignedIssuer, UpstreamAuthority } from "./upstream.ts";

/** A program that signs issuers: for a device, a cloud's authority, or a company's own. */
export interface UpstreamCommand {
	/** Its path. */
	readonly program: string;
	readonly args?: readonly string[];
	/** Longest time that it takes; 30 s by default. */
	readonly timeoutMs?: number;
}

const maxAnswerBytes = 1024 * 1024;
const defaultTimeoutMs = 30_000;
const maxQuotedLetters = 300;

/** An upstream authority behind a program. It gets `{csr, trustDomain, ttlSeconds}` (JSON, `csr` is PEM) on its standard input, and answers
 *  `{chain, roots}` (JSON, each PEM) on its standard output; with another exit code than 0 its standard error says why not.
 *  @throws MeshError `AUTHORITY_UPSTREAM` on signing */
export function createUpstreamCommand({ program, args = [], timeoutMs }: UpstreamCommand): UpstreamAuthority {
	return {
		signIssuer({ csr, trustDomain, ttlMs }) {
			const { promise, resolve, reject } = Promise.withResolvers<SignedIssuer>();
			// A program that passes over SIGTERM would be waited for without end.
			const ending = { timeout: timeoutMs ?? defaultTimeoutMs, killSignal: "SIGKILL" } as const;
			const limits = { ...ending, maxBuffer: maxAnswerBytes, encoding: "utf8" } as const;
			const child = execFile(program, [...args], limits, (error, output, words) => {
				if (error !== null) {
					const said = words.replace(/\s+/g, " ").trim().slice(0, maxQuotedLetters);
					const how =
						error.killed === true ? "took too long or said too much" : `failed${said === "" ? "" : `: ${said}`}`;
					reject(fault(`${program} ${how}`, said === "" ? error : undefined));
					return;
				}
				const answer = parseAnswer(output);
				if (answer === undefined) reject(fault(`${program} answered no JSON of 'chain' and 'roots'`));
				else resolve(answer);
			});
			// A program that does not read its input is told apart by what it answers.
			child.stdin?.on("error", () => undefined);
			const ttlSeconds = Math.floor(ttlMs / 1000);
			child.stdin?.end(`${JSON.stringify({ csr: formatSigningRequest(csr), trustDomain, ttlSeconds })}\n`);
			return promise;
		},
	};
}

function parseAnswer(text: string): SignedIssuer | undefined {
	try {
		const { chain, roots } = JSON.parse(text) as Record<string, unknown>;
		return typeof chain === "string" && typeof roots === "string" ? { chain, roots } : undefined;
	} catch (error) {
		if (error instanceof SyntaxError || error instanceof TypeError) return undefined;
		throw error;
	}
}

function fault(problem: string, cause?: unknown): MeshError {
	return new MeshError("AUTHORITY_UPSTREAM", `upstream authority: ${problem}`, cause === undefined ? {} : { cause });
}
