import type { HeaderList } from "../../core/index.ts";
import type { RequestHead } from "../format/index.ts";
import { matchHeaders, matchRequestHeaders } from "./match.ts";
import type { HeaderMatcher } from "./types.ts";

/** What a request with its response must be like. Spec: envoy.config.common.matcher.v3.MatchPredicate. */
export type MessagePredicate =
	| { readonly kind: "or" | "and"; readonly rules: readonly MessagePredicate[] }
	| { readonly kind: "not"; readonly rule: MessagePredicate }
	| { readonly kind: "any" }
	| {
			readonly kind: "request-headers" | "request-trailers" | "response-headers" | "response-trailers";
			readonly headers: readonly HeaderMatcher[];
	  }
	| {
			readonly kind: "request-body" | "response-body";
			/** All of them must occur. */
			readonly patterns: readonly Buffer[];
			/** How much of the body is searched; 0 for all of it. */
			readonly limitBytes: number;
	  };

type FieldsKind = "request-trailers" | "response-headers" | "response-trailers";

/** A predicate on its way through one request: what it says so far. Nothing seen yet counts as not matching, so that a `not` may match
 *  at first and no longer later, as in Envoy. */
export class MessageMatch {
	readonly #rule: MessagePredicate;
	readonly #inner: readonly MessageMatch[];
	#matches: boolean;
	/** Patterns that were not found yet; undefined when nothing more is searched. */
	#wanted: Buffer[] | undefined;
	#searched = 0;
	/** The end of what was searched, in which a pattern may have begun. */
	#tail: Buffer = Buffer.alloc(0);

	constructor(rule: MessagePredicate) {
		this.#rule = rule;
		this.#inner = rule.kind === "or" || rule.kind === "and" ? rule.rules.map((one) => new MessageMatch(one)) : [];
		if (rule.kind === "not") this.#inner = [new MessageMatch(rule.rule)];
		if (rule.kind === "request-body" || rule.kind === "response-body") this.#wanted = [...rule.patterns];
		this.#matches = rule.kind === "any";
		this.#combine();
	}

	get matches(): boolean {
		return this.#matches;
	}

	onRequestHeaders(request: RequestHead): void {
		const rule = this.#rule;
		if (rule.kind === "request-headers") this.#matches = matchRequestHeaders(rule.headers, request);
		for (const inner of this.#inner) inner.onRequestHeaders(request);
		this.#combine();
	}

	/** Other fields; those of a response with `:status`. */
	onFields(kind: FieldsKind, fields: HeaderList): void {
		const rule = this.#rule;
		if (rule.kind === kind) this.#matches = rule.headers.every((matcher) => matchHeaders(matcher, fields));
		for (const inner of this.#inner) inner.onFields(kind, fields);
		this.#combine();
	}

	onBody(kind: "request-body" | "response-body", bytes: Buffer): void {
		const rule = this.#rule;
		if (rule.kind === kind) this.#search(bytes, rule.limitBytes);
		for (const inner of this.#inner) inner.onBody(kind, bytes);
		this.#combine();
	}

	#combine(): void {
		const { kind } = this.#rule;
		if (kind === "or") this.#matches = this.#inner.some(({ matches }) => matches);
		else if (kind === "and") this.#matches = this.#inner.every(({ matches }) => matches);
		else if (kind === "not") this.#matches = !this.#inner[0]!.matches;
	}

	#search(bytes: Buffer, limitBytes: number): void {
		if (this.#wanted === undefined) return;
		const piece = limitBytes === 0 ? bytes : bytes.subarray(0, limitBytes - this.#searched);
		const text = this.#tail.length === 0 ? piece : Buffer.concat([this.#tail, piece]);
		this.#searched += piece.length;
		this.#wanted = this.#wanted.filter((pattern) => !text.includes(pattern));
		this.#matches = this.#wanted.length === 0;
		if (this.#matches || (limitBytes > 0 && this.#searched >= limitBytes)) {
			this.#wanted = undefined;
			return;
		}
		const kept = Math.max(...this.#wanted.map(({ length }) => length)) - 1;
		this.#tail = kept === 0 ? Buffer.alloc(0) : Buffer.from(text.subarray(-kept));
	}
}
