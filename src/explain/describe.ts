import type {
	HeaderMatcher,
	MetadataMatcher,
	QueryParameterMatcher,
	StringMatcher,
	ValueMatcher,
} from "../engine/matcher/index.ts";
import type { PathMatch, RouteMatch } from "../engine/router/index.ts";

/** A text's matcher for people: `'a'`, `'a'*`, `~^a$`. */
export function describeString(matcher: StringMatcher): string {
	if (matcher.kind === "regex") return `~${matcher.regex.source}`;
	const text = `'${matcher.value}'${matcher.ignoreCase ? " (any case)" : ""}`;
	switch (matcher.kind) {
		case "exact":
			return text;
		case "prefix":
			return `${text}*`;
		case "suffix":
			return `*${text}`;
		case "contains":
			return `*${text}*`;
	}
}

export function describePath(path: PathMatch): string {
	switch (path.kind) {
		case "exact":
			return `path = ${path.value}`;
		case "prefix":
			return path.value === "/" || path.value === "" ? "any path" : `path ${path.value}*`;
		case "separated-prefix":
			return `path ${path.value} and below`;
		case "regex":
		case "template":
			return `path ~${path.regex.source}`;
		case "connect":
			return "CONNECT";
	}
}

export function describeHeader({ name, invert, value }: HeaderMatcher): string {
	const shown = name.startsWith(":") ? name.slice(1) : `header ${name}`;
	const not = invert ? "not " : "";
	switch (value.kind) {
		case "present":
			return `${value.present === invert ? "no " : ""}${shown}`;
		case "string":
			return `${shown} ${not}= ${describeString(value.matcher)}`;
		case "range":
			return `${shown} ${not}in [${value.start}, ${value.end})`;
	}
}

export function describeQueryParameter({ name, value }: QueryParameterMatcher): string {
	if (value.kind === "present") return `${value.present ? "" : "no "}query ${name}`;
	return `query ${name} = ${describeString(value.matcher)}`;
}

export function describeMetadata({ namespace, path, value, invert }: MetadataMatcher): string {
	const subject =
		namespace === "envoy.filters.http.jwt_authn" ? describeClaim(path) : `metadata ${namespace} ${path.join(".")}`;
	return `${subject} ${invert ? "not " : ""}= ${describeValue(value)}`;
}

/** Where translation puts what a token says. */
function describeClaim(path: readonly string[]): string {
	const [, ...claim] = path;
	return `token claim ${claim.join(".")}`;
}

function describeValue(value: ValueMatcher): string {
	switch (value.kind) {
		case "string":
			return describeString(value.matcher);
		case "list":
			return `a list with ${describeValue(value.oneOf)}`;
		case "or":
			return value.matchers.map(describeValue).join(" or ");
		case "range":
			return `[${value.start}, ${value.end})`;
		case "present":
			return value.present ? "present" : "absent";
		case "null":
			return "null";
		default:
			return String(value.value);
	}
}

/** Everything that a route asks of a request. */
export function describeMatch(match: RouteMatch): string {
	const parts = [
		describePath(match.path),
		...match.headers.map(describeHeader),
		...match.queryParameters.map(describeQueryParameter),
		...match.dynamicMetadata.map(describeMetadata),
		...match.cookies.map(
			({ name, matcher, invert }) => `cookie ${name} ${invert ? "not " : ""}= ${describeString(matcher)}`,
		),
		...(match.grpc ? ["gRPC only"] : []),
	];
	return parts.length > 1 && parts[0] === "any path" ? parts.slice(1).join(", ") : parts.join(", ");
}
