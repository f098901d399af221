import { getJoinedHeader, type HeaderList } from "../../core/index.ts";
import type { RequestHead } from "../format/stream-info.ts";
import type { JsonValue, Metadata } from "./metadata.ts";
import type { HeaderMatcher, MetadataMatcher, QueryParameterMatcher, StringMatcher, ValueMatcher } from "./types.ts";

/** Whether a text matches. */
export function matchString(matcher: StringMatcher, text: string): boolean {
	if (matcher.kind === "regex") return matcher.regex.test(text);
	const subject = matcher.ignoreCase ? text.toLowerCase() : text;
	switch (matcher.kind) {
		case "exact":
			return subject === matcher.value;
		case "prefix":
			return subject.startsWith(matcher.value);
		case "suffix":
			return subject.endsWith(matcher.value);
		case "contains":
			return subject.includes(matcher.value);
	}
}

/** The value of a header of a request with pseudo headers; several fields are joined by `,`. */
export function getRequestHeader(request: RequestHead, name: string): string | undefined {
	if (name.charCodeAt(0) !== 58 /* : */) {
		return name === "host" ? request.authority : getJoinedHeader(request.headers, name);
	}
	switch (name) {
		case ":method":
			return request.method;
		case ":path":
			return request.path === "" ? undefined : request.path;
		case ":authority":
			return request.authority;
		case ":scheme":
			return request.scheme;
		case ":protocol":
			return request.upgrade === "CONNECT" ? undefined : request.upgrade;
		default:
			return undefined;
	}
}

/** Whether a request's header matches. A missing header matches only a presence test, whatever `invert` says, unless it counts as
 *  empty. Of several fields of one name, one that matches is enough. */
export function matchRequestHeader(matcher: HeaderMatcher, request: RequestHead): boolean {
	const { name } = matcher;
	if (name.charCodeAt(0) === 58 /* : */ || name === "host")
		return matchHeaderValue(matcher, getRequestHeader(request, name));
	return matchHeaders(matcher, request.headers);
}

/** {@link matchRequestHeader} for any list of fields. */
export function matchHeaders(matcher: HeaderMatcher, headers: HeaderList): boolean {
	const { name } = matcher;
	let first: string | undefined;
	for (let index = 0; index < headers.length; index += 2) {
		if (headers[index] !== name) continue;
		if (first === undefined) first = headers[index + 1]!;
		else return matchSeveral(matcher, headers);
	}
	return matchHeaderValue(matcher, first);
}

/** Fields that Envoy's header map keeps as one, joined by `,`. */
const joinedHeaders: ReadonlySet<string> = new Set(
	(
		"accept accept-encoding access-control-request-headers access-control-request-method authorization cache-control connection " +
		"content-length content-type expect grpc-timeout keep-alive origin pragma proxy-connection referer te transfer-encoding " +
		"upgrade user-agent via x-forwarded-client-cert x-forwarded-for x-forwarded-host x-forwarded-port x-forwarded-proto x-request-id"
	).split(" "),
);

/** Further ones that additions join. */
const appendedToHeaders: ReadonlySet<string> = new Set(
	(
		"access-control-allow-credentials access-control-allow-headers access-control-allow-methods access-control-allow-origin " +
		"access-control-expose-headers access-control-max-age content-encoding date etag grpc-message grpc-status location server vary"
	).split(" "),
);

/** Appends a field as Envoy's header map does: what it keeps as one becomes one. */
export function appendHeader(headers: HeaderList, name: string, value: string): void {
	if (joinedHeaders.has(name) || appendedToHeaders.has(name)) {
		for (let index = 0; index < headers.length; index += 2) {
			if (headers[index] !== name) continue;
			const before = headers[index + 1]!;
			headers[index + 1] = before === "" || value === "" ? before + value : `${before},${value}`;
			return;
		}
	}
	headers.push(name, value);
}

function matchSeveral(matcher: HeaderMatcher, headers: HeaderList): boolean {
	const { name, value } = matcher;
	if (value.kind === "present") return value.present !== matcher.invert;
	if (joinedHeaders.has(name)) return matchHeaderValue(matcher, getJoinedHeader(headers, name));
	for (let index = 0; index < headers.length; index += 2) {
		if (headers[index] === name && testValue(value, headers[index + 1]!)) return !matcher.invert;
	}
	return matcher.invert;
}

/** Whether every matcher of a list takes the request. */
export function matchRequestHeaders(matchers: readonly HeaderMatcher[], request: RequestHead): boolean {
	for (let index = 0; index < matchers.length; index++) {
		if (!matchRequestHeader(matchers[index]!, request)) return false;
	}
	return true;
}

/** {@link matchRequestHeader} for a value that was looked up already. */
export function matchHeaderValue(matcher: HeaderMatcher, found: string | undefined): boolean {
	const { value } = matcher;
	if (value.kind === "present") {
		const isPresent = found !== undefined || matcher.treatMissingAsEmpty;
		return (isPresent === value.present) !== matcher.invert;
	}
	const text = found ?? (matcher.treatMissingAsEmpty ? "" : undefined);
	if (text === undefined) return false;
	return testValue(value, text) !== matcher.invert;
}

function testValue(value: Exclude<HeaderMatcher["value"], { kind: "present" }>, text: string): boolean {
	return value.kind === "string" ? matchString(value.matcher, text) : isInRange(text, value.start, value.end);
}

function isInRange(text: string, start: bigint, end: bigint): boolean {
	if (!/^\s*[+-]?\d{1,19}\s*$/.test(text)) return false;
	const number = BigInt(text.trim().replace(/^\+/, ""));
	return number >= start && number < end;
}

/** The raw (undecoded) value of the first parameter of that name in a path's query; undefined when it is absent. */
export function getQueryParameter(path: string, name: string): string | undefined {
	let at = path.indexOf("?");
	if (at === -1) return undefined;
	const fragment = path.indexOf("#", at);
	const end = fragment === -1 ? path.length : fragment;
	at++;
	while (at < end) {
		let stop = path.indexOf("&", at);
		if (stop === -1 || stop > end) stop = end;
		const equals = path.indexOf("=", at);
		const nameEnd = equals === -1 || equals > stop ? stop : equals;
		if (nameEnd - at === name.length && path.startsWith(name, at)) {
			return nameEnd === stop ? "" : path.slice(nameEnd + 1, stop);
		}
		at = stop + 1;
	}
	return undefined;
}

/** Whether a path's query matches. */
export function matchQueryParameter(matcher: QueryParameterMatcher, path: string): boolean {
	const found = getQueryParameter(path, matcher.name);
	if (matcher.value.kind === "present") return (found !== undefined) === matcher.value.present;
	return found !== undefined && matchString(matcher.value.matcher, found);
}

/** Whether a JSON value matches; undefined is an absent value. */
export function matchValue(matcher: ValueMatcher, value: JsonValue | undefined): boolean {
	switch (matcher.kind) {
		case "null":
			return value === null;
		case "present":
			return matcher.present === (value !== undefined);
		case "bool":
			return value === matcher.value;
		case "number":
			return value === matcher.value;
		case "range":
			return typeof value === "number" && value >= matcher.start && value < matcher.end;
		case "string":
			return typeof value === "string" && matchString(matcher.matcher, value);
		case "list":
			return Array.isArray(value) && value.some((element: JsonValue) => matchValue(matcher.oneOf, element));
		case "or":
			return matcher.matchers.some((one) => matchValue(one, value));
	}
}

/** Whether metadata matches. */
export function matchMetadata(
	matcher: MetadataMatcher,
	metadata: Metadata | ReadonlyMap<string, unknown> | undefined,
): boolean {
	return matchValue(matcher.value, lookupMetadata(metadata, matcher.namespace, matcher.path)) !== matcher.invert;
}

/** The value at a path within a namespace; undefined when it is not there. */
export function lookupMetadata(
	metadata: Metadata | ReadonlyMap<string, unknown> | undefined,
	namespace: string,
	path: readonly string[],
): JsonValue | undefined {
	let value = lookUp(metadata, namespace);
	for (const key of path) {
		value =
			typeof value === "object" && value !== null && !Array.isArray(value) && Object.hasOwn(value, key)
				? (value as Record<string, JsonValue>)[key]
				: undefined;
	}
	return value;
}

function lookUp(
	metadata: Metadata | ReadonlyMap<string, unknown> | undefined,
	namespace: string,
): JsonValue | undefined {
	if (metadata instanceof Map) return metadata.get(namespace) as JsonValue | undefined;
	return (metadata as Metadata | undefined)?.[namespace];
}
