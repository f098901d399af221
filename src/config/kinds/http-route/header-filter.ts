import type { HeaderFilter } from "../../../model/index.ts";
import { list } from "../../schema/collections.ts";
import { object, optional, required } from "../../schema/object.ts";
import { quote, string } from "../../schema/scalars.ts";
import { type Reader, refine, type Schema } from "../../schema/schema.ts";

/** A name of a header field (RFC 9110 token), read in lower case. */
export function headerName(): Schema<string> {
	const name = string({
		format: "an HTTP header name",
		pattern: /^[A-Za-z0-9!#$%&'*+\-.^_`|~]+$/,
		maxLength: 256,
	});
	return refine(name, (value) => value.toLowerCase());
}

const header = object({
	name: required(headerName(), "Name of the header, in any case"),
	value: required(
		string({ format: "a header value: printable characters", pattern: /^[\x20-\x7e\x80-\uffff\t]*$/, minLength: 0 }),
		"Value of the header",
	),
});

const fields = object({
	set: optional(list(header, { max: 64 }), "Headers set, replacing what is there"),
	add: optional(list(header, { max: 64 }), "Headers added to what is there"),
	remove: optional(list(headerName(), { max: 64 }), "Names of headers removed"),
});

/** Headers that carry the message or its routing: a filter on them would break it. */
const untouchable: ReadonlySet<string> = new Set([
	"connection",
	"transfer-encoding",
	"content-length",
	"upgrade",
	"keep-alive",
	"te",
	"trailer",
]);

/** A RequestHeaderModifier or ResponseHeaderModifier. A `host` that is set is that which the backend sees. */
export const headerFilter: Schema<HeaderFilter> = refine(fields, (value, _node, reader) => {
	const toPairs = (name: "set" | "add") =>
		keepFirst(
			(value[name] ?? []).map((item) => [item.name, item.value] as const),
			([header]) => header,
			(index) => reader.field(name).item(index).field("name"),
		);
	const set = toPairs("set");
	const add = toPairs("add");
	const remove = keepFirst(
		value.remove ?? [],
		(header) => header,
		(index) => reader.field("remove").item(index),
	);
	return set === undefined || add === undefined || remove === undefined ? undefined : { set, add, remove };
});

/** Takes the host out of a filter's headers: it is no field that a proxy adds or removes, but one that it rewrites. */
export function splitHost(filter: HeaderFilter): { readonly headers: HeaderFilter; readonly hostname?: string } {
	const isHost = ([name]: readonly [string, string]): boolean => name === "host";
	const hostname = (filter.set.find(isHost) ?? filter.add.find(isHost))?.[1];
	const headers = {
		...filter,
		set: filter.set.filter((pair) => !isHost(pair)),
		add: filter.add.filter((pair) => !isHost(pair)),
		remove: filter.remove.filter((name) => name !== "host"),
	};
	return { headers, ...(hostname !== undefined && { hostname }) };
}

/** The entries whose names stand there for the first time: of several of a name the first counts (Gateway API, HTTPHeader.name). Undefined when
 *  one may not be there at all. */
function keepFirst<Entry>(
	entries: readonly Entry[],
	nameOf: (entry: Entry) => string,
	at: (index: number) => Reader,
): readonly Entry[] | undefined {
	let isGood = true;
	const first = new Map<string, number>();
	for (const [index, entry] of entries.entries()) {
		const name = nameOf(entry);
		const known = first.get(name);
		if (untouchable.has(name)) {
			isGood = false;
			at(index).refuse(`${quote(name)} belongs to the connection and cannot be changed`);
		} else if (known === undefined) first.set(name, index);
		else at(index).warn(`${quote(name)} is there twice, first as item ${known}: this one is ignored`);
	}
	return isGood ? entries.filter((entry, index) => first.get(nameOf(entry)) === index) : undefined;
}
