import type { Permission, Principal } from "../engine/authorization/index.ts";
import type { RequestHead, StreamInfo } from "../engine/format/index.ts";
import {
	type CidrRange,
	getRequestHeader,
	type HeaderMatcher,
	type JsonValue,
	lookupMetadata,
	type MetadataMatcher,
	type QueryParameterMatcher,
	type StringMatcher,
	type ValueMatcher,
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

export function describeRange({ address, prefixLength }: CidrRange): string {
	const text =
		address.length === 4
			? [...address].join(".")
			: Array.from({ length: 8 }, (_, at) => ((address[at * 2]! << 8) | address[at * 2 + 1]!).toString(16)).join(":");
	return prefixLength === address.length * 8 ? text : `${text}/${prefixLength}`;
}

/** What a permission or a principal without parts asks. */
export function describeCondition(condition: Permission | Principal): string {
	switch (condition.kind) {
		case "any":
			return "anything";
		case "header":
			return describeHeader(condition.matcher);
		case "url-path":
			return `path = ${describeString(condition.matcher)}`;
		case "uri-template":
			return `path ~${condition.regex.source}`;
		case "destination-ip":
			return `destination address ${describeRange(condition.range)}`;
		case "destination-port":
			return condition.end === condition.start + 1
				? `port ${condition.start}`
				: `port ${condition.start} to ${condition.end - 1}`;
		case "metadata":
		case "route-metadata":
			return describeMetadata(condition.matcher);
		case "requested-server-name":
			return `server name ${describeString(condition.matcher)}`;
		case "authenticated":
			return condition.matcher === undefined
				? "any client certificate"
				: `client identity ${describeString(condition.matcher)}`;
		case "source-ip":
		case "direct-remote-ip":
			return `client address ${describeRange(condition.range)}`;
		case "remote-ip":
			return `original client address ${describeRange(condition.range)}`;
		case "filter-state":
			return `filter state ${condition.key} = ${describeString(condition.matcher)}`;
		case "and":
		case "or":
		case "not":
			return condition.kind;
	}
}

/** What a call has where a condition looks. */
export function describeActual(condition: Permission | Principal, stream: StreamInfo): string {
	const { request, connection } = stream;
	switch (condition.kind) {
		case "header":
			return quote(request === undefined ? undefined : getRequestHeader(request, condition.matcher.name));
		case "url-path":
		case "uri-template":
			return quote(request === undefined ? undefined : withoutQuery(request));
		case "destination-ip":
			return connection.local.ip;
		case "destination-port":
			return String(connection.local.port);
		case "metadata":
		case "route-metadata": {
			const found = lookupMetadata(stream.dynamicMetadata, condition.matcher.namespace, condition.matcher.path);
			return found === undefined ? "none" : formatJson(found);
		}
		case "requested-server-name":
			return quote(connection.serverName);
		case "authenticated":
			return connection.tls === undefined
				? "none: the connection is plain text"
				: quote(connection.tls.peer?.uriSans[0]);
		case "source-ip":
			return connection.remote.ip;
		case "direct-remote-ip":
			return connection.directRemote.ip;
		case "remote-ip":
			return stream.remote.ip;
		default:
			return "";
	}
}

function withoutQuery({ path }: RequestHead): string {
	const end = path.search(/[?#]/);
	return end === -1 ? path : path.slice(0, end);
}

function formatJson(value: JsonValue): string {
	return typeof value === "string" ? quote(value) : JSON.stringify(value);
}

function quote(text: string | undefined): string {
	return text === undefined || text === "" ? "none" : `'${text}'`;
}
