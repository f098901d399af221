import type { Cors, StringMatch } from "../../../model/index.ts";
import { list } from "../../schema/collections.ts";
import { defaulted, object, optional } from "../../schema/object.ts";
import { boolean, integer, string } from "../../schema/scalars.ts";
import { refine, type Schema } from "../../schema/schema.ts";
import { headerName } from "./header-filter.ts";

const origin = string({
	format: "an origin such as https://example.com, https://*.example.com or *",
	pattern: /^(\*|[a-z][a-z0-9+.-]*:\/\/[^/?#\s]+)$/i,
	maxLength: 253,
});

const method = string({ format: "a method such as GET, or *", pattern: /^(\*|[A-Z]+)$/, maxLength: 32 });

const fields = object({
	allowOrigins: optional(list(origin, { max: 64 }), "Origins that may read answers"),
	allowCredentials: defaulted(boolean(), false, "Whether browsers may send credentials"),
	allowMethods: optional(list(method, { max: 9 }), "Methods beside GET, HEAD and POST"),
	allowHeaders: optional(list(headerName(), { max: 64 }), "Request headers beside the ones always allowed"),
	exposeHeaders: optional(list(headerName(), { max: 64 }), "Response headers that scripts may read"),
	maxAge: defaulted(
		integer({ min: 1, max: 2_147_483_647 }),
		5,
		"Seconds for which a browser keeps the answer to a preflight",
	),
});

/** A CORS filter. */
export const cors: Schema<Cors> = refine(fields, (value, _node, reader): Cors | undefined => {
	const lists = {
		allowOrigins: value.allowOrigins,
		allowMethods: value.allowMethods,
		allowHeaders: value.allowHeaders,
	};
	const mixed = Object.entries(lists).find(([, items = []]) => items.length > 1 && items.includes("*"));
	if (mixed !== undefined) return reader.field(mixed[0]).refuse("'*' must be alone");
	return {
		allowOrigins: (value.allowOrigins ?? []).map(toOriginMatch),
		allowMethods: value.allowMethods ?? [],
		allowHeaders: value.allowHeaders ?? [],
		// With credentials browsers take '*' for the name of a header, so that it says nothing (Gateway API, exposeHeaders).
		exposeHeaders: (value.exposeHeaders ?? []).filter((name) => name !== "*" || !value.allowCredentials),
		maxAgeMs: value.maxAge * 1000,
		...(value.allowCredentials && { allowCredentials: true }),
		forwardsUnmatchedPreflights: false,
	};
});

/** `*` is any origin that is well formed; elsewhere it stands for any text of a host. An origin without a port has that of its scheme, and
 *  browsers leave it out (Gateway API, allowOrigins). */
function toOriginMatch(text: string): StringMatch {
	if (text === "*") return { kind: "regex", value: "[a-zA-Z][a-zA-Z0-9+.-]*://[^/\\s?#]+" };
	const { scheme, host, port } = splitOrigin(text.toLowerCase());
	const isDefault = port === defaultPorts.get(scheme);
	if (!text.includes("*")) {
		const origin = `${scheme}://${host}`;
		return { kind: "exact", value: port === undefined || isDefault ? origin : `${origin}:${port}` };
	}
	const parts = host.split("*").map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
	const pattern = host === "*" ? "(?:[^/\\s?#@:]+|\\[[0-9a-f:.]+\\])" : parts.join("[^/\\s?#@:]*");
	return { kind: "regex", value: `${scheme}://${pattern}${port === undefined || isDefault ? "" : `:${port}`}` };
}

const defaultPorts: ReadonlyMap<string, string> = new Map([
	["http", "80"],
	["https", "443"],
]);

function splitOrigin(text: string): { readonly scheme: string; readonly host: string; readonly port?: string } {
	const [, scheme = "", host = "", port] = /^([^:]+):\/\/(.*?)(?::(\d+))?$/.exec(text) ?? [];
	return { scheme, host, ...(port !== undefined && { port }) };
}
