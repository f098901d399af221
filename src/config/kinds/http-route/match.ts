import type { NamedMatch, RouteMatch } from "../../../model/index.ts";
import { list } from "../../schema/collections.ts";
import { defaulted, object, optional, required } from "../../schema/object.ts";
import { oneOf, quote, string } from "../../schema/scalars.ts";
import { refine, type Schema } from "../../schema/schema.ts";
import { headerName } from "./header-filter.ts";
import { pathMatch, readPattern } from "./path.ts";

const methods = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"] as const;

function namedMatches(name: Schema<string>, what: string): Schema<readonly NamedMatch[]> {
	const fields = object({
		type: defaulted(
			oneOf(["Exact", "RegularExpression"]),
			"Exact",
			"How the value is compared; RE2 must match all of it",
			"Exact",
		),
		name: required(name, `Name of the ${what}`),
		value: required(string({ maxLength: 4096 }), `Value of the ${what}`),
	});
	const named = refine(fields, ({ type, name: of, value }, _node, reader): NamedMatch | undefined => {
		if (type === "Exact") return { name: of, value: { kind: "exact", value } };
		const pattern = readPattern(value, reader.field("value"));
		return pattern === undefined ? undefined : { name: of, value: pattern };
	});
	// Of several entries of a name the first counts (HTTPRouteMatch, headers and queryParams).
	return refine(list(named, { max: 16 }), (values, _node, reader) =>
		values.filter((value, index) => {
			const first = values.findIndex((candidate) => candidate.name === value.name);
			if (first !== index)
				reader
					.item(index)
					.field("name")
					.warn(`${quote(value.name)} is there twice, first as item ${first}: this one is ignored`);
			return first === index;
		}),
	);
}

/** `headers` of a match. */
export const headerMatches = namedMatches(headerName(), "header");

const fields = object({
	path: optional(pathMatch, "Path of the request; every path when absent"),
	headers: optional(headerMatches, "Headers of the request, all of them"),
	queryParams: optional(
		namedMatches(string({ maxLength: 256 }), "query parameter"),
		"Parameters of the query, all of them",
	),
	method: optional(oneOf(methods), "Method of the request"),
});

/** One of `matches` of a rule. */
export const routeMatch: Schema<RouteMatch> = refine(
	fields,
	(value): RouteMatch => ({
		path: value.path ?? anyPath,
		headers: value.headers ?? [],
		queryParams: value.queryParams ?? [],
		...(value.method === undefined ? {} : { method: value.method }),
	}),
);

const anyPath = { kind: "prefix", value: "/" } as const;

/** The match of a rule without matches. */
export const anyRequest: RouteMatch = { path: anyPath, headers: [], queryParams: [] };
