import type { HeaderFilter } from "../../../model/index.ts";
import { list, map } from "../../schema/collections.ts";
import { object, optional } from "../../schema/object.ts";
import { quote, string } from "../../schema/scalars.ts";
import { refine, type Schema } from "../../schema/schema.ts";

const headerKey = {
	format: "an HTTP header name",
	pattern: /^:?[A-Za-z0-9!#$%&'*+\-.^_`|~]+$/,
};

/** A header value with Envoy's `%…%` operators; a bad one would make a proxy refuse every route beside it. */
export const headerTemplate: Schema<string> = refine(
	string({ format: "a header value", pattern: /^[\x20-\x7e\x80-\uffff\t]*$/, minLength: 0, maxLength: 16_384 }),
	(text, _node, reader) => {
		if (!text.replace(/%%|%[A-Z][A-Z0-9_]*(?:\([^)%]*\))?(?::\d+)?%/g, "").includes("%")) return text;
		return reader.refuse(`${quote(text)} has a '%' that starts no operator: write '%%' for the character`);
	},
);

const operations = object({
	set: optional(map(headerTemplate, headerKey), "Headers set, replacing what is there"),
	add: optional(map(headerTemplate, headerKey), "Headers added to what is there"),
	remove: optional(list(string(headerKey), { max: 256 }), "Names of headers removed"),
});

/** Header changes of a route or destination, and the host they set. */
export interface HeaderChanges {
	readonly request: HeaderFilter | undefined;
	readonly response: HeaderFilter | undefined;
	/** From `:authority` or `host` of the request. */
	readonly hostname: string | undefined;
}

/** `headers` of Istio: what is left out of pseudo headers and `host` (Istio drops them), except that the request's host is rewritten. */
export const headerChanges: Schema<HeaderChanges> = refine(
	object({
		request: optional(operations, "Changes to the request"),
		response: optional(operations, "Changes to the response"),
	}),
	({ request, response }): HeaderChanges => {
		const host = (changes: Readonly<Record<string, string>> | undefined): string | undefined =>
			Object.entries(changes ?? {}).find(([name]) => isHost(name))?.[1];
		return {
			request: toFilter(request),
			response: toFilter(response),
			hostname: host(request?.set) ?? host(request?.add),
		};
	},
);

type Operations = typeof operations extends Schema<infer T> ? T : never;

function toFilter(value: Operations | undefined): HeaderFilter | undefined {
	if (value === undefined) return undefined;
	const pairs = (changes: Readonly<Record<string, string>> | undefined): (readonly [string, string])[] =>
		Object.entries(changes ?? {})
			.filter(([name]) => !isReserved(name))
			.map(([name, text]) => [name.toLowerCase(), text] as const)
			.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
	const remove = (value.remove ?? []).filter((name) => !isReserved(name)).map((name) => name.toLowerCase());
	return { set: pairs(value.set), add: pairs(value.add), remove, isFormat: true };
}

function isHost(name: string): boolean {
	return name.toLowerCase() === "host" || name.toLowerCase() === ":authority";
}

function isReserved(name: string): boolean {
	return name.startsWith(":") || name.toLowerCase() === "host";
}
