import { fromBinary } from "@bufbuild/protobuf";
import { ValueSchema } from "@bufbuild/protobuf/wkt";
import { type HeaderList, removeHeader } from "../../../../core/index.ts";
import type { JsonObject, JsonValue } from "../../../../engine/matcher/index.ts";
import { getRequestHeader, substitute } from "../../../../engine/matcher/index.ts";
import type { HeaderRule, HeaderToMetadataConfig, MetadataEntryRule } from "../../../runtime-config/index.ts";
import { createHeaderToMetadataStats, type HeaderToMetadataStats } from "../../../stats/index.ts";
import { findCookie } from "../cookies.ts";
import type { FilterStream, HttpFilter } from "../filter.ts";
import type { FilterParts } from "../filter-parts.ts";
import { mergeDynamicMetadata } from "../metadata.ts";
import { routeConfigOf } from "../route-configs.ts";

const maxValueLength = 8 * 1024;

/** Copies headers and cookies into the dynamic metadata. Spec: `envoy.extensions.filters.http.header_to_metadata.v3`. */
export function createHeaderToMetadataFilter(parts: FilterParts, config: HeaderToMetadataConfig): HttpFilter {
	const { name, disabled, index, context } = parts;
	const counted = new Map<string, HeaderToMetadataStats>();
	const statsOf = ({ statPrefix }: HeaderToMetadataConfig): HeaderToMetadataStats | undefined => {
		if (statPrefix === "") return undefined;
		const known = counted.get(statPrefix);
		if (known !== undefined) return known;
		const made = createHeaderToMetadataStats(context.stats.scope(`http_filter_name.${statPrefix}`));
		counted.set(statPrefix, made);
		return made;
	};
	statsOf(config);
	const usedBy = (stream: FilterStream): HeaderToMetadataConfig =>
		routeConfigOf(stream, name, "header-to-metadata")?.config ?? config;
	return {
		name,
		disabled,
		index,
		onRequestHead(stream) {
			const used = usedBy(stream);
			if (used.request.length > 0) applyRules(stream, used.request, "request", stream.request.headers, statsOf(used));
			return "continue";
		},
		onResponseHead(stream, head) {
			const used = usedBy(stream);
			if (used.response.length > 0) applyRules(stream, used.response, "response", head.headers, statsOf(used));
		},
	};
}

function applyRules(
	{ record, request }: FilterStream,
	rules: readonly HeaderRule[],
	direction: "request" | "response",
	headers: HeaderList,
	stats: HeaderToMetadataStats | undefined,
): void {
	const added = new Map<string, Record<string, JsonValue>>();
	for (const rule of rules) {
		const { name } = rule.source;
		const isPseudo = direction === "request" && (name.startsWith(":") || name === "host");
		const found = isPseudo ? getRequestHeader(request, name) : extract(rule, headers);
		if (stats !== undefined) stats[`${direction}_rules_processed`].value++;
		if (found === undefined && rule.onMissing !== undefined && stats !== undefined) {
			stats[`${direction}_header_not_found`].value++;
		}
		const entry = found === undefined ? rule.onMissing : rule.onPresent;
		if (entry === undefined) continue;
		const text = entry.value || rewrite(found ?? "", rule.onPresent, stats);
		const value = text === "" ? undefined : toValue(text, entry, stats);
		if (value === undefined) continue;
		const struct = added.get(entry.namespace) ?? {};
		struct[entry.key] = value;
		added.set(entry.namespace, struct);
		if (stats !== undefined) stats[`${direction}_metadata_added`].value++;
	}
	for (const [namespace, struct] of added) mergeDynamicMetadata(record, namespace, struct as JsonObject);
}

function extract({ source, removes }: HeaderRule, headers: HeaderList): string | undefined {
	// As in Envoy, a cookie without a value is none.
	if (source.kind === "cookie") return findCookie(headers, source.name) || undefined;
	let found: string | undefined;
	for (let index = 0; index < headers.length; index += 2) {
		if (headers[index] === source.name)
			found = found === undefined ? headers[index + 1] : `${found},${headers[index + 1]}`;
	}
	if (found !== undefined && removes) removeHeader(headers, source.name);
	return found;
}

function rewrite(text: string, entry: MetadataEntryRule | undefined, stats: HeaderToMetadataStats | undefined): string {
	if (entry?.rewrite === undefined) return text;
	const rewritten = substitute(text, entry.rewrite.regex, entry.rewrite.substitution);
	if (text !== "" && rewritten === "" && stats !== undefined) stats.regex_substitution_failed.value++;
	return rewritten;
}

function toValue(
	text: string,
	entry: MetadataEntryRule,
	stats: HeaderToMetadataStats | undefined,
): JsonValue | undefined {
	if (text.length >= maxValueLength) {
		if (stats !== undefined) stats.header_value_too_long.value++;
		return undefined;
	}
	const bytes = entry.isBase64 ? decodeBase64(text) : Buffer.from(text, "latin1");
	if (bytes.length === 0) {
		if (stats !== undefined) stats.base64_decode_failed.value++;
		return undefined;
	}
	switch (entry.type) {
		case "string":
			return bytes.toString("utf8");
		case "number": {
			const number = bytes.toString("latin1").trim();
			return number !== "" && Number.isFinite(Number(number)) ? Number(number) : undefined;
		}
		case "protobuf":
			return decodeValue(bytes);
	}
}

function decodeBase64(text: string): Buffer {
	return /^[A-Za-z0-9+/]+={0,2}$/.test(text) ? Buffer.from(text, "base64") : Buffer.alloc(0);
}

function decodeValue(bytes: Buffer): JsonValue | undefined {
	try {
		const { kind } = fromBinary(ValueSchema, bytes);
		if (kind.case === "nullValue") return null;
		return kind.case === undefined ? undefined : (kind.value as unknown as JsonValue);
	} catch {
		// What a client sent is no such message: there is nothing to add.
		return undefined;
	}
}
