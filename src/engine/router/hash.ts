import type { HeaderList } from "../../core/index.ts";
import type { RequestHead, StreamInfo } from "../format/stream-info.ts";
import { xxHash64, xxHash64OfAll } from "../hash/index.ts";
import { getQueryParameter, getRequestHeader } from "../matcher/match.ts";
import { substitute } from "../matcher/regex.ts";
import type { HashPolicy } from "./route-config.ts";

/** The request's hash for consistent hashing by the first policies that find something; undefined picks any host.
 *  `setCookie` is called with a ready `set-cookie` value when a cookie policy has to make one; without it none is made. */
export function hashRequest(
	policies: readonly HashPolicy[],
	request: RequestHead,
	stream: StreamInfo,
	setCookie: ((value: string) => void) | undefined,
): bigint | undefined {
	let hash: bigint | undefined;
	for (const policy of policies) {
		const next = hashPolicy(policy, request, stream, setCookie);
		if (next !== undefined) hash = hash === undefined ? next : BigInt.asUintN(64, (hash << 1n) | (hash >> 63n)) ^ next;
		if (policy.terminal && hash !== undefined) return hash;
	}
	return hash;
}

function hashPolicy(
	policy: HashPolicy,
	request: RequestHead,
	stream: StreamInfo,
	setCookie: ((value: string) => void) | undefined,
): bigint | undefined {
	switch (policy.kind) {
		case "header": {
			const values = getRequestHeaderValues(request, policy.name);
			if (values.length === 0) return undefined;
			const { regex, substitution } = policy;
			const rewritten = regex === undefined ? values : values.map((value) => substitute(value, regex, substitution));
			// In another order they are the same.
			return xxHash64OfAll(rewritten.sort());
		}
		case "cookie": {
			const value = getCookie(request.headers, policy.name);
			if (value !== undefined) return xxHash64(value);
			if (policy.ttlSeconds === undefined || setCookie === undefined) return undefined;
			// Requests that race on one connection get one cookie (Envoy).
			const { remote, local } = stream.connection;
			const made = xxHash64(remote.text + local.text)
				.toString(16)
				.padStart(16, "0");
			setCookie(formatCookie(policy, policy.ttlSeconds, made));
			return xxHash64(made);
		}
		case "source-ip":
			return xxHash64(stream.remote.ip);
		case "query-parameter": {
			const value = getQueryParameter(request.path, policy.name);
			return value === undefined ? undefined : xxHash64(value);
		}
		case "filter-state": {
			const value = stream.filterState?.get(policy.key);
			return value === undefined ? undefined : xxHash64(String(value));
		}
	}
}

function getRequestHeaderValues(request: RequestHead, name: string): string[] {
	if (name.startsWith(":") || name === "host") {
		const value = getRequestHeader(request, name);
		return value === undefined ? [] : [value];
	}
	const values: string[] = [];
	const { headers } = request;
	for (let index = 0; index < headers.length; index += 2) if (headers[index] === name) values.push(headers[index + 1]!);
	return values;
}

/** The value of a cookie, without surrounding quotes. */
export function getCookie(headers: HeaderList, name: string): string | undefined {
	for (let index = 0; index < headers.length; index += 2) {
		if (headers[index] !== "cookie") continue;
		for (const pair of headers[index + 1]!.split(";")) {
			const equals = pair.indexOf("=");
			if (equals === -1 || pair.slice(0, equals).trim() !== name) continue;
			const value = pair.slice(equals + 1).trim();
			return value.length > 1 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
		}
	}
	return undefined;
}

function formatCookie(policy: HashPolicy & { readonly kind: "cookie" }, ttlSeconds: number, value: string): string {
	const age = ttlSeconds === 0 ? "" : `; Max-Age=${ttlSeconds}`;
	const path = policy.path === "" ? "" : `; Path=${policy.path}`;
	return `${policy.name}="${value}"${age}${path}${policy.attributes}; HttpOnly`;
}
