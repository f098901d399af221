import type { CustomTag, CustomTag_Metadata } from "../../api/gen/envoy/type/tracing/v3/custom_tag_pb.js";
import { getHeader } from "../../core/index.ts";
import type { StreamInfo } from "../../engine/format/index.ts";
import type { JsonValue } from "../../engine/matcher/index.ts";
import type { Scope } from "./scope.ts";
import { readFormat } from "./values.ts";

/** A tag of spans and log entries. */
export interface CustomTagConfig {
	readonly tag: string;
	/** Its value for a stream; undefined leaves the tag out. */
	read(stream: StreamInfo): string | undefined;
}

/** Translates custom tags; of tags with one name the last counts. */
export function readCustomTags(messages: readonly CustomTag[], scope: Scope, field: string): CustomTagConfig[] {
	const tags = new Map<string, CustomTagConfig>();
	for (const [index, message] of messages.entries()) {
		const read = readSource(message, scope.at(field, index));
		if (read !== undefined) tags.set(message.tag, { tag: message.tag, read });
	}
	return [...tags.values()];
}

function readSource({ type }: CustomTag, scope: Scope): CustomTagConfig["read"] | undefined {
	switch (type.case) {
		case "literal": {
			const { value } = type.value;
			return () => value;
		}
		case "environment": {
			const value = known(scope.environment.environment(type.value.name) ?? "") ?? known(type.value.defaultValue);
			return () => value;
		}
		case "requestHeader": {
			const name = type.value.name.toLowerCase();
			const fallback = known(type.value.defaultValue);
			const format = name.startsWith(":") ? readFormat(`%REQ(${name})%`, scope, "") : undefined;
			return (stream) =>
				known(format?.format(stream) ?? getHeader(stream.request?.headers ?? [], name) ?? "") ?? fallback;
		}
		case "metadata":
			return readMetadataSource(type.value);
		default:
			return undefined;
	}
}

function readMetadataSource(message: CustomTag_Metadata): CustomTagConfig["read"] {
	const kind = message.kind?.kind.case ?? "request";
	const namespace = message.metadataKey?.key ?? "";
	const path = message.metadataKey?.path.map(({ segment }) => String(segment.value ?? "")) ?? [];
	const fallback = known(message.defaultValue);
	return (stream) => {
		let value = namespaceOf(stream, kind, namespace);
		for (const key of path) {
			const isMap = typeof value === "object" && value !== null && !Array.isArray(value);
			value = isMap ? (value as Readonly<Record<string, JsonValue>>)[key] : undefined;
		}
		if (value === undefined || value === null) return fallback;
		return typeof value === "string" ? value : JSON.stringify(value);
	};
}

function namespaceOf(stream: StreamInfo, kind: string, namespace: string): JsonValue | undefined {
	switch (kind) {
		case "route":
			return stream.routeMetadata[namespace];
		case "cluster":
			return stream.upstreamClusterMetadata[namespace];
		case "host":
			return stream.upstreamHost?.metadata[namespace];
		default:
			return stream.dynamicMetadata?.get(namespace) as JsonValue | undefined;
	}
}

function known(text: string): string | undefined {
	return text === "" ? undefined : text;
}
