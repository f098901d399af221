import type { JsonValue, Metadata } from "../matcher/metadata.ts";
import type { CompiledFormat } from "./compile-format.ts";
import type { Operator } from "./formatter.ts";
import { jsonOperator, ok, wrong } from "./operator-kinds.ts";
import type { StreamInfo } from "./stream-info.ts";

/** `FILTER_STATE(key:form:field)`. */
export function filterStateOperator(
	argument: string | undefined,
	maxLength: number | undefined,
	read: (stream: StreamInfo) => Map<string, unknown> | undefined,
): CompiledFormat<Operator> {
	const [key, form = "TYPED", field] = (argument ?? "").split(":");
	if (key === undefined || key === "") return wrong("invalid filter state configuration, key cannot be empty");
	if (form !== "TYPED" && form !== "PLAIN" && form !== "FIELD") {
		return wrong("invalid filter state serialize type, only support PLAIN/TYPED/FIELD");
	}
	if ((form === "FIELD") !== (field !== undefined)) {
		return wrong("invalid filter state serialize type, FIELD should be used with the field name");
	}
	const operator = jsonOperator((stream) => {
		const value = read(stream)?.get(key) as JsonValue | undefined;
		if (typeof value !== "object" || value === null) return value;
		if (isForFiltersOnly(value)) return undefined;
		// Objects with a text of their own show it.
		if (form === "PLAIN" && value.toString !== Object.prototype.toString) return String(value);
		if (field === undefined) return value;
		return (value as Record<string, JsonValue>)[field];
	}, maxLength);
	// A text's own form is a JSON text, as a protobuf's would be.
	const text: Operator["text"] = (stream) => {
		const value = read(stream)?.get(key);
		return form === "TYPED" && typeof value === "string"
			? JSON.stringify(value).slice(0, maxLength)
			: operator.text(stream);
	};
	return ok({ text, json: operator.json });
}

/** Objects that are no JSON have no form in logs. */
function isForFiltersOnly(value: object): boolean {
	return "toJSON" in value && typeof value.toJSON === "function" && value.toJSON() === undefined;
}

/** What `METADATA(type:…)` reads, by its type. */
export const metadataOf: Readonly<Record<string, (stream: StreamInfo, namespace: string) => JsonValue | undefined>> = {
	DYNAMIC: (stream, namespace) => stream.dynamicMetadata?.get(namespace) as JsonValue | undefined,
	CLUSTER: (stream, namespace) => fromMetadata(stream.upstreamClusterMetadata, namespace),
	ROUTE: (stream, namespace) => fromMetadata(stream.routeMetadata, namespace),
	UPSTREAM_HOST: (stream, namespace) => fromMetadata(stream.upstreamHost?.metadata, namespace),
	LISTENER: (stream, namespace) => fromMetadata(stream.connection.listenerMetadata, namespace),
	LISTENER_FILTER_CHAIN: (stream, namespace) => fromMetadata(stream.connection.filterChainMetadata, namespace),
	VIRTUAL_HOST: (stream, namespace) => fromMetadata(stream.virtualHostMetadata, namespace),
};

function fromMetadata(metadata: Metadata | undefined, namespace: string): JsonValue | undefined {
	return metadata?.[namespace];
}

const listForm = /^\s*\[\s*"[^"]*"(\s*,\s*"[^"]*")*\s*\]\s*$/;

function splitPath(argument: string): readonly string[] {
	return listForm.test(argument) ? (JSON.parse(argument) as readonly string[]) : argument.split(":");
}

/** `…METADATA(namespace:key:key)`; headers may say `…METADATA(["namespace", "key"])`, as Envoy's first form was. */
export function metadataOperator(
	argument: string | undefined,
	maxLength: number | undefined,
	read: (stream: StreamInfo, namespace: string) => JsonValue | undefined,
): CompiledFormat<Operator> {
	if (argument === undefined || argument === "") return wrong("a metadata operator needs a namespace");
	const [namespace = "", ...path] = splitPath(argument);
	return ok(
		jsonOperator((stream) => {
			let value = read(stream, namespace);
			for (const key of path) {
				if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
				value = (value as Record<string, JsonValue>)[key];
			}
			return value ?? undefined;
		}, maxLength),
	);
}
