import { getHeader } from "../../core/index.ts";
import type { Formatter, RequestHead, StreamInfo } from "../format/index.ts";
import {
	getQueryParameter,
	getRequestHeader,
	isInCidr,
	matchQueryParameter,
	matchRequestHeaders,
	parseAddress,
} from "../matcher/index.ts";
import type { MetadataPath, RateLimitAction, RateLimitPolicy } from "./policy.ts";

export interface DescriptorEntry {
	readonly key: string;
	readonly value: string;
}

/** What a request is limited by. */
export interface Descriptor {
	readonly entries: readonly DescriptorEntry[];
	/** What the request counts; undefined counts one. */
	readonly hits: number | undefined;
	/** Another limit that dynamic metadata asks for. */
	readonly limit: { readonly requestsPerUnit: number; readonly unit: string } | undefined;
	readonly headers: RateLimitPolicy["headers"];
}

/** What actions look at beside the stream. */
export interface DescriptorContext {
	readonly stream: StreamInfo;
	readonly request: RequestHead;
	/** The proxy's own service cluster. */
	readonly localCluster: string;
	/** The cluster that the route goes to; undefined without a route to one. */
	readonly destinationCluster: string | undefined;
}

const maxHits = 1_000_000_000;

/** The descriptors of a request, one at most for each policy. */
export function createDescriptors(policies: readonly RateLimitPolicy[], context: DescriptorContext): Descriptor[] {
	const descriptors: Descriptor[] = [];
	for (const policy of policies) {
		const entries = createEntries(policy.actions, context);
		if (entries === undefined) continue;
		const hits = countHits(policy, context.stream);
		if (hits === "invalid") continue;
		descriptors.push({ entries, hits, limit: readLimit(policy.limit, context.stream), headers: policy.headers });
	}
	return descriptors;
}

/** Undefined: an action gives nothing, so the whole policy does not. */
function createEntries(actions: readonly RateLimitAction[], context: DescriptorContext): DescriptorEntry[] | undefined {
	const entries: DescriptorEntry[] = [];
	for (const action of actions) {
		const entry = createEntry(action, context);
		if (entry === "none") return undefined;
		if (entry !== "skip") entries.push(entry);
	}
	return entries;
}

function createEntry(action: RateLimitAction, context: DescriptorContext): DescriptorEntry | "skip" | "none" {
	const { stream, request } = context;
	switch (action.kind) {
		case "source-cluster":
			return { key: "source_cluster", value: context.localCluster };
		case "destination-cluster":
			return context.destinationCluster === undefined
				? "none"
				: { key: "destination_cluster", value: context.destinationCluster };
		case "remote-address":
			return parseAddress(stream.remote.ip) === undefined ? "none" : { key: "remote_address", value: stream.remote.ip };
		case "masked-remote-address": {
			const value = maskAddress(stream.remote.ip, action.v4Length, action.v6Length);
			return value === undefined ? "none" : { key: "masked_remote_address", value };
		}
		case "address-match": {
			const address = parseAddress(stream.remote.ip);
			if (address === undefined) return "none";
			const isInside = action.ranges.some((range) => isInCidr(range, address));
			return isInside !== action.isInverted ? formatEntry(action, stream) : "none";
		}
		case "header": {
			const value = firstHeader(request, action.name);
			if (value === undefined) return action.skipIfAbsent ? "skip" : "none";
			return { key: action.key, value };
		}
		case "query": {
			const value = getQueryParameter(request.path, action.name);
			if (value === undefined) return action.skipIfAbsent ? "skip" : "none";
			return { key: action.key, value };
		}
		case "generic":
			return formatEntry(action, stream);
		case "header-match":
			if (matchRequestHeaders(action.headers, request) !== action.expectMatch) return "none";
			return formatEntry(action, stream);
		case "query-match": {
			const matches = action.parameters.every((matcher) => matchQueryParameter(matcher, request.path));
			return matches === action.expectMatch ? formatEntry(action, stream) : "none";
		}
		case "metadata": {
			const source = action.source === "dynamic" ? stream.dynamicMetadata : stream.routeMetadata;
			const found = readMetadataPath(source, action.path);
			const value = typeof found === "string" && found !== "" ? found : action.defaultValue;
			if (value !== "") return { key: action.key, value };
			return action.skipIfAbsent ? "skip" : "none";
		}
	}
}

function formatEntry(
	action: { readonly key: string; readonly value: Formatter; readonly defaultValue: string },
	stream: StreamInfo,
): DescriptorEntry | "none" {
	const value = action.value.format(stream) || action.defaultValue;
	return value === "" ? "none" : { key: action.key, value };
}

function firstHeader(request: RequestHead, name: string): string | undefined {
	const isPseudo = name.startsWith(":") || name === "host";
	return isPseudo ? getRequestHeader(request, name) : getHeader(request.headers, name);
}

function countHits(policy: RateLimitPolicy, stream: StreamInfo): number | undefined | "invalid" {
	if (policy.hits === undefined) return undefined;
	if (policy.hits.kind === "number") return policy.hits.value;
	const text = policy.hits.value.format(stream);
	const number = text.trim() === "" ? Number.NaN : Number(text);
	return number >= 0 && number <= maxHits ? Math.floor(number) : "invalid";
}

function readLimit(path: MetadataPath | undefined, stream: StreamInfo): Descriptor["limit"] {
	if (path === undefined) return undefined;
	const found = readMetadataPath(stream.dynamicMetadata, path) as
		| { readonly requests_per_unit?: unknown; readonly unit?: unknown }
		| undefined;
	if (typeof found?.requests_per_unit !== "number" || typeof found.unit !== "string") return undefined;
	return { requestsPerUnit: Math.trunc(found.requests_per_unit), unit: found.unit };
}

function readMetadataPath(
	source: ReadonlyMap<string, unknown> | Readonly<Record<string, unknown>> | undefined,
	{ namespace, path }: MetadataPath,
): unknown {
	let value: unknown =
		source instanceof Map ? source.get(namespace) : (source as Record<string, unknown> | undefined)?.[namespace];
	for (const key of path) {
		if (typeof value !== "object" || value === null) return undefined;
		value = (value as Record<string, unknown>)[key];
	}
	return value;
}

/** `10.0.0.0/8`, as Envoy writes ranges. */
function maskAddress(ip: string, v4Length: number, v6Length: number): string | undefined {
	const bytes = parseAddress(ip);
	if (bytes === undefined) return undefined;
	const length = bytes.length === 4 ? v4Length : v6Length;
	const masked = bytes.map((byte, index) => {
		const kept = Math.min(8, Math.max(0, length - index * 8));
		return byte & (0xff << (8 - kept)) & 0xff;
	});
	return `${bytes.length === 4 ? masked.join(".") : formatV6(masked)}/${length}`;
}

/** RFC 5952. */
function formatV6(bytes: Uint8Array): string {
	const groups = Array.from({ length: 8 }, (_, index) =>
		((bytes[index * 2]! << 8) | bytes[index * 2 + 1]!).toString(16),
	);
	const text = groups.join(":");
	const runs = [...text.matchAll(/(?:^|:)0(?::0)+(?=:|$)/g)].sort(
		(a, b) => b[0].length - a[0].length || a.index - b.index,
	);
	const longest = runs[0];
	if (longest === undefined) return text;
	const before = text.slice(0, longest.index);
	const after = text.slice(longest.index + longest[0].length);
	return `${before}::${after.replace(/^:/, "")}`;
}
