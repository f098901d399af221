import { isIP } from "node:net";
import { suggestNearest } from "../core/index.ts";
import type { Query } from "./explanation.ts";

/** A query, or what is wrong with it by field. */
export type ReadQuery =
	| { readonly ok: true; readonly query: Query }
	| { readonly ok: false; readonly problems: readonly { readonly path: string; readonly problem: string }[] };

type Check = (value: unknown) => string | undefined;

const text: Check = (value) => (typeof value === "string" && value !== "" ? undefined : "must be text");
const port: Check = (value) =>
	Number.isInteger(value) && (value as number) > 0 && (value as number) < 65_536
		? undefined
		: "must be a port from 1 to 65535";
const map: Check = (value) =>
	typeof value === "object" && value !== null && !Array.isArray(value) ? undefined : "must be a map";
const path: Check = (value) =>
	typeof value === "string" && value.startsWith("/") ? undefined : "must be text that begins with a slash";
const isPair = (pair: unknown): boolean =>
	Array.isArray(pair) && pair.length === 2 && pair.every((one) => typeof one === "string");

/** The fields of a query as they are written, and what each may be. Headers may be a map as well. */
const checks: Readonly<Record<keyof Query, Check>> = {
	from: text,
	to: text,
	port,
	method: (value) =>
		typeof value === "string" && /^[A-Za-z-]+$/.test(value) ? undefined : "must be a method such as GET, or TCP",
	path,
	headers: (value) => {
		if (Array.isArray(value)) return value.every(isPair) ? undefined : "must be pairs of name and value";
		if (map(value) !== undefined) return "must be a map of names and values";
		return Object.values(value as object).every((one) => ["string", "number", "boolean"].includes(typeof one))
			? undefined
			: "must have texts as values";
	},
	claims: map,
	serverName: text,
	identity: (value) =>
		typeof value === "string" && value.startsWith("spiffe://") ? undefined : "must be a SPIFFE ID, spiffe://…",
	sourceAddress: (value) => (typeof value === "string" && isIP(value) !== 0 ? undefined : "must be an IP address"),
	address: text,
	viaHttpProxy: (value) => (typeof value === "boolean" ? undefined : "must be true or false"),
	external: (value) => (value === "allow" || value === "deny" ? undefined : "must be allow or deny"),
};

/** Reads a call that came as JSON or YAML, with every problem of it. */
export function readQuery(value: unknown): ReadQuery {
	if (map(value) !== undefined)
		return { ok: false, problems: [{ path: "", problem: "must be a call: a map with from and to" }] };
	const given = value as Readonly<Record<string, unknown>>;
	const problems: { path: string; problem: string }[] = [];
	for (const name of ["from", "to"])
		if (given[name] === undefined) problems.push({ path: name, problem: "is missing" });
	for (const [name, field] of Object.entries(given)) {
		const check = Object.hasOwn(checks, name) ? checks[name as keyof Query] : undefined;
		const problem =
			check === undefined
				? `is no field of a call${suggestNearest(name, Object.keys(checks)) || `: they are ${Object.keys(checks).join(", ")}`}`
				: field === undefined
					? undefined
					: check(field);
		if (problem !== undefined) problems.push({ path: name, problem });
	}
	if (problems.length > 0) return { ok: false, problems };
	const { headers, method, ...rest } = given as unknown as Query & { readonly headers?: unknown };
	return {
		ok: true,
		query: {
			...rest,
			...(method !== undefined && { method: method.toUpperCase() }),
			...(headers !== undefined && { headers: readHeaders(headers) }),
		},
	};
}

function readHeaders(headers: unknown): [string, string][] {
	if (Array.isArray(headers)) return headers as [string, string][];
	return Object.entries(headers as object).map(([name, value]) => [name, String(value)]);
}
