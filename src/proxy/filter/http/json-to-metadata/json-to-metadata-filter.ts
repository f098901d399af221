import type { JsonValue } from "../../../../engine/matcher/index.ts";
import type { JsonEntryRule, JsonRules, JsonToMetadataConfig } from "../../../runtime-config/index.ts";
import { createJsonToMetadataStats, type JsonToMetadataStats } from "../../../stats/index.ts";
import type { BodyChunk, BodyVerdict, FilterPath, FilterStream, HttpFilter } from "../filter.ts";
import type { FilterParts } from "../filter-parts.ts";
import { mergeDynamicMetadata } from "../metadata.ts";
import { routeConfigOf } from "../route-configs.ts";
import { findHolder, parseBody, readPath } from "./read-json.ts";

/** The rules that wait for the bodies of a stream. */
interface Waiting {
	request: JsonRules | undefined;
	response: JsonRules | undefined;
}

type Direction = keyof Waiting;

/** Copies parts of JSON bodies into the dynamic metadata. Spec: `envoy.extensions.filters.http.json_to_metadata.v3`. */
export function createJsonToMetadataFilter(parts: FilterParts, config: JsonToMetadataConfig): HttpFilter {
	const { name, disabled, index } = parts;
	const stats = createJsonToMetadataStats(parts.context.stats.scope("json_to_metadata"));
	const counters = { request: countersOf(stats, "rq"), response: countersOf(stats, "resp") };

	function onHead(stream: FilterStream, direction: Direction, type: string, endStream: boolean) {
		const used = routeConfigOf(stream, name, "json-to-metadata")?.config ?? config;
		const rules = used[direction];
		if (rules === undefined) return "continue";
		if (!isAllowed(rules, type)) {
			counters[direction].mismatched.value++;
			writeAll(stream, rules, "onError");
			return "continue";
		}
		if (endStream) {
			writeAll(stream, rules, "onMissing");
			counters[direction].noBody.value++;
			return "continue";
		}
		const waiting = (stream.getState(index) as Waiting | undefined) ?? { request: undefined, response: undefined };
		waiting[direction] = rules;
		stream.setState(index, waiting);
		return "stop-head";
	}

	function onBody(stream: FilterStream, direction: Direction, path: FilterPath, chunk: BodyChunk, last: boolean) {
		const rules = takeRules(stream, direction, last);
		if (rules === undefined) return "continue" satisfies BodyVerdict;
		if (!last) return "buffer" satisfies BodyVerdict;
		const held = path.held(index);
		read(stream, direction, rules, held.length === 0 ? chunk.bytes : Buffer.concat([held, chunk.bytes]));
		return "continue" satisfies BodyVerdict;
	}

	function takeRules(stream: FilterStream, direction: Direction, takes: boolean): JsonRules | undefined {
		const waiting = stream.getState(index) as Waiting | undefined;
		const rules = waiting?.[direction];
		if (waiting !== undefined && takes) waiting[direction] = undefined;
		return rules;
	}

	function read(stream: FilterStream, direction: Direction, rules: JsonRules, body: Buffer): void {
		const count = counters[direction];
		if (body.length === 0) {
			writeAll(stream, rules, "onMissing");
			count.noBody.value++;
			return;
		}
		const parsed = parseBody(body);
		if (parsed === undefined) {
			count.invalid.value++;
			writeAll(stream, rules, "onError");
			return;
		}
		const added = new Map<string, Record<string, JsonValue>>();
		for (const { onMissing, onPresent, path } of rules.rules) {
			// As in Envoy, a fixed value is written whenever there is something that could hold the key.
			const isFixed = onPresent?.value !== undefined;
			const found = isFixed ? findHolder(parsed.root, path) : readPath(parsed.root, path, onPresent?.type ?? "value");
			if (found === "missing") put(stream, added, onMissing, onMissing?.value);
			else if (onPresent !== undefined && found !== "none") put(stream, added, onPresent, onPresent.value ?? found);
		}
		count.success.value++;
		write(stream, added);
	}

	return {
		name,
		disabled,
		index,
		...(config.request === undefined && config.response !== undefined ? {} : requestHooks()),
		...(config.response === undefined && config.request !== undefined ? {} : responseHooks()),
	};

	function requestHooks(): Partial<HttpFilter> {
		return {
			onRequestHead: (stream, endStream) =>
				onHead(stream, "request", stream.request.get("content-type") ?? "", endStream),
			onRequestBody: (stream, chunk, last) => onBody(stream, "request", stream.requestPath, chunk, last),
			onRequestTrailers(stream) {
				const rules = takeRules(stream, "request", true);
				if (rules !== undefined) read(stream, "request", rules, stream.requestPath.held(index));
				return "continue";
			},
		};
	}

	function responseHooks(): Partial<HttpFilter> {
		return {
			onResponseHead: (stream, head, endStream) =>
				onHead(stream, "response", head.get("content-type") ?? "", endStream),
			onResponseBody: (stream, chunk, last) => onBody(stream, "response", stream.responsePath, chunk, last),
			onResponseTrailers(stream) {
				const rules = takeRules(stream, "response", true);
				if (rules !== undefined) read(stream, "response", rules, stream.responsePath.held(index));
				return "continue";
			},
		};
	}
}

function countersOf(stats: JsonToMetadataStats, prefix: "rq" | "resp") {
	return {
		success: stats[`${prefix}.success`],
		mismatched: stats[`${prefix}.mismatched_content_type`],
		noBody: stats[`${prefix}.no_body`],
		invalid: stats[`${prefix}.invalid_json_body`],
	};
}

function isAllowed({ contentTypes, contentTypePattern, allowsNoContentType }: JsonRules, type: string): boolean {
	if (type === "") return allowsNoContentType;
	return contentTypes.has(type) || contentTypePattern?.test(type) === true;
}

function writeAll(stream: FilterStream, { rules }: JsonRules, event: "onMissing" | "onError"): void {
	const added = new Map<string, Record<string, JsonValue>>();
	for (const rule of rules) put(stream, added, rule[event], rule[event]?.value);
	write(stream, added);
}

function put(
	{ record }: FilterStream,
	added: Map<string, Record<string, JsonValue>>,
	entry: JsonEntryRule | undefined,
	value: JsonValue | undefined,
): void {
	if (entry === undefined || value === undefined) return;
	const { key, keepsExisting, namespace } = entry;
	if (keepsExisting) {
		const before = record.dynamicMetadata?.get(namespace);
		if (typeof before === "object" && before !== null && Object.hasOwn(before, key)) return;
	}
	const struct = added.get(namespace) ?? {};
	struct[key] = value;
	added.set(namespace, struct);
}

function write({ record }: FilterStream, added: ReadonlyMap<string, Record<string, JsonValue>>): void {
	for (const [namespace, struct] of added) mergeDynamicMetadata(record, namespace, struct);
}
