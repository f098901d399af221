import { getHeader } from "../../core/index.ts";
import { translateRe2 } from "../../engine/matcher/index.ts";
import { normalizeRequestPath } from "../../engine/router/index.ts";
import type { AdminMessage } from "./admin-exchange.ts";

/** One request to the admin port. */
export interface AdminRequest {
	readonly method: string;
	readonly path: string;
	/** Query parameters, and those of a form that was posted. */
	readonly query: URLSearchParams;
	/** What was posted. */
	readonly body: string;
}

/** Where an answer that goes on for a while is written to. */
export interface AdminOutput {
	/** What comes faster than its reader takes it is left out beyond a bound. */
	write(piece: string | Uint8Array): void;
	end(): void;
}

/** Its answer. */
export interface AdminResponse {
	readonly status: number;
	readonly contentType: string;
	/** Sent before those that every answer has. */
	readonly headers?: readonly (readonly [name: string, value: string])[];
	/** The text, whole or in pieces between which other work may go on. */
	readonly body: string | Iterable<string>;
	/** Goes on behind the body until it ends, or its reader is gone: then what it returned is called. */
	readonly stream?: (output: AdminOutput) => () => void;
}

export const textType = "text/plain; charset=UTF-8";
export const jsonType = "application/json";

export function text(body: string | Iterable<string>, status = 200): AdminResponse {
	return { status, contentType: textType, body };
}

/** JSON as Envoy prints it: one space a level, a line end at the end. */
export function json(value: unknown, status = 200): AdminResponse {
	return { status, contentType: jsonType, body: `${JSON.stringify(value, null, 1)}\n` };
}

/** Reads a request with the parameters of its query and its form; undefined when what was posted is too large. */
export function readAdminRequest({ method, target, headers, body }: AdminMessage): AdminRequest | undefined {
	const normalized = normalize(target);
	const question = normalized.indexOf("?");
	const query = new URLSearchParams(question === -1 ? "" : normalized.slice(question + 1));
	const path = question === -1 ? normalized : normalized.slice(0, question);
	if (method !== "POST") return { method, path, query, body: "" };
	if (body === undefined) return undefined;
	const isForm = getHeader(headers, "content-type")?.startsWith("application/x-www-form-urlencoded") ?? false;
	if (isForm) for (const [name, value] of new URLSearchParams(body)) query.append(name, value);
	return { method, path, query, body };
}

/** The admin port's paths are normalised as those of a connection manager with `normalize_path` and `merge_slashes`. */
function normalize(target: string): string {
	const outcome = normalizeRequestPath(target, { normalizePath: true, mergeSlashes: true, escapedSlashes: "keep" });
	return outcome.kind === "accept" ? outcome.path : target;
}

/** A search pattern in RE2's syntax, or what RE2 says against it; undefined when the parameter is absent. */
export function readPattern(query: URLSearchParams, name: string): RegExp | { readonly problem: string } | undefined {
	const pattern = query.get(name);
	if (pattern === null || pattern === "") return undefined;
	const translated = translateRe2(pattern);
	return translated.ok
		? new RegExp(translated.source, translated.flags)
		: { problem: describeInRe2Words(pattern, translated.problem) };
}

/** The words of RE2's parser for the mistakes that people make. */
function describeInRe2Words(pattern: string, problem: string): string {
	if (/missing closing \)|[Uu]nterminated group/.test(problem)) return `missing ): ${pattern}`;
	if (/Unmatched '\)'|unexpected \)/.test(problem)) return `unexpected ): ${pattern}`;
	const bracket = /missing closing \](?:: (.*))?/.exec(problem);
	if (bracket !== null) return `missing ]: ${bracket[1] ?? pattern.slice(pattern.lastIndexOf("["))}`;
	if (/trailing/.test(problem)) return "trailing \\ at end of regexp";
	const repeat = /^[*+?]+/.exec(pattern);
	if (repeat !== null) return `no argument for repetition operator: ${repeat[0][0]}`;
	return problem;
}
