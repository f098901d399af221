import { isMap, isNode, isSeq, LineCounter, type Node, parseAllDocuments, type YAMLMap } from "yaml";
import type { LocatedProblem } from "../config/index.ts";
import { suggestNearest } from "../core/index.ts";
import type { Query } from "./explanation.ts";
import { readQuery } from "./read-query.ts";

/** What is expected of one call. */
export interface Expectation {
	readonly name: string;
	readonly file: string;
	readonly line: number;
	readonly query: Query;
	readonly expected: Expected;
}

export type Expected =
	/** It reaches an application; `destinations` are the only ones that it may reach, with percents where they are given. */
	| { readonly kind: "allow" }
	| {
			readonly kind: "routes-to";
			readonly destinations: ReadonlyMap<string, number | undefined>;
			readonly tolerance: number;
			readonly path?: string;
			readonly host?: string;
	  }
	/** A policy, a missing token or mutual TLS forbids it; `by` names the object. */
	| { readonly kind: "deny"; readonly by?: string; readonly status?: number }
	/** A rule answers itself. */
	| { readonly kind: "answer"; readonly status?: number };

/** What a file expects, and what is wrong with it. */
export interface ReadExpectations {
	readonly expectations: readonly Expectation[];
	readonly problems: readonly LocatedProblem[];
}

const kinds = ["allow", "deny", "routes-to", "answer"] as const;
const fields: Readonly<Record<(typeof kinds)[number], readonly string[]>> = {
	allow: [],
	deny: ["by", "status"],
	"routes-to": ["destinations", "tolerance", "path", "host"],
	answer: ["status"],
};

/** Longest file that is read, in characters. */
const maxLength = 1024 * 1024;

/** Reads a file of expectations: `expectations:` is a list of items with one of `allow`, `deny`, `routes-to` and `answer`, which is the call.
 *  A broken item is reported with its place, and the others are read. */
export function readExpectations(text: string, file: string): ReadExpectations {
	const problems: LocatedProblem[] = [];
	const report = (line: number, path: string, problem: string): void => {
		problems.push({ severity: "error", file, line, path, problem });
	};
	if (text.length > maxLength) {
		report(0, "", `the file has ${text.length} characters, the limit is ${maxLength}: split it`);
		return { expectations: [], problems };
	}
	const lines = new LineCounter();
	const expectations: Expectation[] = [];
	for (const document of parseAllDocuments(text, { lineCounter: lines, logLevel: "silent" })) {
		for (const error of document.errors)
			report(lines.linePos(error.pos[0]).line, "", error.message.split("\n")[0]!.replace(/ at line.*$/, ""));
		if (document.errors.length > 0 || document.contents === null) continue;
		const lineOf = (node: unknown): number => (isNode(node) && node.range ? lines.linePos(node.range[0]).line : 0);
		const toPlain = (node: Node): unknown => node.toJS(document, { maxAliasCount: 100 });
		new Reader(file, lineOf, toPlain, report, expectations).read(document.contents);
	}
	return { expectations, problems };
}

class Reader {
	readonly #file: string;
	readonly #lineOf: (node: unknown) => number;
	readonly #toPlain: (node: Node) => unknown;
	readonly #report: (line: number, path: string, problem: string) => void;
	readonly #found: Expectation[];

	constructor(
		file: string,
		lineOf: (node: unknown) => number,
		toPlain: (node: Node) => unknown,
		report: (line: number, path: string, problem: string) => void,
		found: Expectation[],
	) {
		this.#file = file;
		this.#lineOf = lineOf;
		this.#toPlain = toPlain;
		this.#report = report;
		this.#found = found;
	}

	read(root: unknown): void {
		const list = isMap(root) ? root.get("expectations", true) : root;
		if (!isSeq(list)) {
			this.#report(this.#lineOf(root), "expectations", "must be a list of expectations");
			return;
		}
		for (const { key } of isMap(root) ? root.items : [])
			if (String(key) !== "expectations")
				this.#report(
					this.#lineOf(key),
					String(key),
					`is no field here${suggestNearest(String(key), ["expectations"])}`,
				);
		for (const [at, item] of list.items.entries()) {
			const path = `expectations[${at}]`;
			if (isMap(item)) this.#readItem(item, path);
			else this.#report(this.#lineOf(item), path, "must be a map");
		}
	}

	#readItem(item: YAMLMap, path: string): void {
		const line = this.#lineOf(item);
		const names = item.items.map(({ key }) => String(key));
		const given = kinds.filter((kind) => names.includes(kind));
		const [kind] = given;
		if (kind === undefined || given.length > 1) {
			const near = names.map((name) => suggestNearest(name, kinds)).find((hint) => hint !== "") ?? "";
			this.#report(line, path, `must have one of ${kinds.join(", ")}${near}`);
			return;
		}
		const allowed = ["name", kind, ...fields[kind]];
		const unknown = item.items.filter(({ key }) => !allowed.includes(String(key)));
		for (const { key } of unknown)
			this.#report(
				this.#lineOf(key),
				`${path}.${String(key)}`,
				`is no field of ${kind}${suggestNearest(String(key), allowed) || `: they are ${allowed.join(", ")}`}`,
			);
		const call = item.get(kind, true);
		const read = readQuery(isNode(call) ? this.#toPlain(call) : undefined);
		if (!read.ok) {
			for (const { path: field, problem } of read.problems) {
				const node = isMap(call) && field !== "" ? call.items.find(({ key }) => String(key) === field)?.key : call;
				this.#report(
					this.#lineOf(node ?? item) || line,
					[path, kind, field].filter((part) => part !== "").join("."),
					problem.startsWith("is no field") && fields[kind].includes(field)
						? `stands beside '${kind}', not in its call: one level further out`
						: problem,
				);
			}
			return;
		}
		const expected = this.#readExpected(kind, item, path, line);
		if (expected === undefined || unknown.length > 0) return;
		const name = item.get("name");
		const { from, to, method = "GET", path: requestPath = "/" } = read.query;
		this.#found.push({
			name:
				typeof name === "string"
					? name
					: `${kind} ${from} -> ${to} ${method}${method === "TCP" ? "" : ` ${requestPath}`}`,
			file: this.#file,
			line,
			query: read.query,
			expected,
		});
	}

	#readExpected(kind: (typeof kinds)[number], item: YAMLMap, path: string, line: number): Expected | undefined {
		const refuse = (field: string, problem: string): undefined => {
			const node = item.items.find(({ key }) => String(key) === field)?.key;
			this.#report(this.#lineOf(node) || line, `${path}.${field}`, problem);
		};
		const status = item.get("status");
		if (status !== undefined && !(Number.isInteger(status) && (status as number) >= 0 && (status as number) < 600))
			return refuse("status", "must be a status from 100 to 599, or 0 for a closed connection");
		const withStatus = status === undefined ? {} : { status: status as number };
		switch (kind) {
			case "allow":
				return { kind };
			case "answer":
				return { kind, ...withStatus };
			case "deny": {
				const by = item.get("by");
				if (by !== undefined && typeof by !== "string")
					return refuse("by", "must be text such as 'AuthorizationPolicy shop/orders'");
				return { kind, ...withStatus, ...(by !== undefined && { by }) };
			}
			case "routes-to": {
				const tolerance = item.get("tolerance") ?? 0.5;
				if (typeof tolerance !== "number" || tolerance < 0 || tolerance > 100)
					return refuse("tolerance", "must be percent points from 0 to 100");
				const destinations = this.#readDestinations(item, refuse);
				if (destinations === undefined) return undefined;
				const texts: { path?: string; host?: string } = {};
				for (const field of ["path", "host"] as const) {
					const value = item.get(field);
					if (value !== undefined && typeof value !== "string") return refuse(field, "must be text");
					if (value !== undefined) texts[field] = value;
				}
				return { kind, destinations, tolerance, ...texts };
			}
		}
	}

	/** `reviews`, a list of names, or a map of names and percents. */
	#readDestinations(
		item: YAMLMap,
		refuse: (field: string, problem: string) => undefined,
	): ReadonlyMap<string, number | undefined> | undefined {
		const node = item.get("destinations", true);
		const value = isNode(node) ? this.#toPlain(node) : undefined;
		if (typeof value === "string") return new Map([[value, undefined]]);
		if (Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === "string"))
			return new Map(value.map((one) => [one as string, undefined]));
		if (typeof value === "object" && value !== null && !Array.isArray(value)) {
			const entries = Object.entries(value);
			if (
				entries.length > 0 &&
				entries.every(([, percent]) => typeof percent === "number" && percent >= 0 && percent <= 100)
			)
				return new Map(entries as [string, number][]);
		}
		return refuse(
			"destinations",
			"must be a service (host, host:port or host/subset), a list of them, or a map of them and percents",
		);
	}
}
