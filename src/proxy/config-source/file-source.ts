import { readFileSync } from "node:fs";
import { type DescMessage, fromBinary, fromJson, type JsonValue } from "@bufbuild/protobuf";
import { type AnyJson, AnySchema } from "@bufbuild/protobuf/wkt";
import { parse } from "yaml";
import { DiscoveryResponseSchema } from "../../api/gen/envoy/service/discovery/v3/discovery_pb.js";
import { apiRegistry } from "../../api/index.ts";
import { describeError } from "../../core/index.ts";
import { type ReceivedResource, type RefusedResource, unwrapResource } from "../../xds/client/index.ts";

/** What to do with fields that nobody knows. */
export interface UnknownFields {
	/** Whether they make the content unusable. */
	readonly refuse: boolean;
	/** They were passed over. */
	onIgnored(problem: string): void;
}

/** What a file of resources holds: a `DiscoveryResponse` as YAML or JSON, or (named `.pb`) as bytes. */
export type ResourceFile =
	| {
			readonly kind: "read";
			/** The response's own; often empty. */
			readonly version: string;
			readonly resources: readonly ReceivedResource[];
			/** Resources of another type or without a name: the file is refused for them. */
			readonly broken: readonly RefusedResource[];
	  }
	/** Not there, or no `DiscoveryResponse`: Envoy counts that as a failure, not as a refusal. */
	| { readonly kind: "unreadable"; readonly problem: string };

/** Reads a file of resources of one type. */
export function readResourceFile(path: string, typeUrl: string, unknown: UnknownFields): ResourceFile {
	let bytes: Buffer;
	try {
		bytes = readFileSync(path);
	} catch (error) {
		return { kind: "unreadable", problem: `${path} cannot be read: ${describeError(error)}` };
	}
	try {
		const response = path.endsWith(".pb")
			? fromBinary(DiscoveryResponseSchema, bytes)
			: readText(bytes.toString("utf8"), unknown);
		return collect(response.resources, typeUrl, response.versionInfo);
	} catch (error) {
		return { kind: "unreadable", problem: `${path} holds no DiscoveryResponse: ${describeError(error)}` };
	}
}

interface Packed {
	readonly typeUrl: string;
	readonly value: Uint8Array;
}

function readText(
	text: string,
	unknown: UnknownFields,
): { readonly versionInfo: string; readonly resources: Packed[] } {
	const document = readDocument(text);
	if (!isRecord(document)) throw new Error("it must be an object with a list of resources");
	const { resources: list, ...rest } = document;
	if (list !== undefined && list !== null && !Array.isArray(list)) throw new Error("resources must be a list");
	const head = readJson(DiscoveryResponseSchema, rest as JsonValue, unknown);
	const resources = ((list ?? []) as JsonValue[]).map(
		(item) => readJson(AnySchema, item as AnyJson, unknown) as Packed,
	);
	return { versionInfo: (head as { versionInfo: string }).versionInfo, resources };
}

/** What is JSON is read as such, ten times as quickly as YAML, which it is as well. */
function readDocument(text: string): unknown {
	if (/^\s*\{/.test(text)) {
		try {
			return JSON.parse(text);
		} catch {
			// A flow mapping of YAML begins in the same way; what is neither is YAML's to explain.
		}
	}
	return parse(text);
}

/** Strictly first: what nobody knows is to be told, and counted. */
function readJson(schema: DescMessage, value: JsonValue, unknown: UnknownFields): unknown {
	try {
		return fromJson(schema, value, { registry: apiRegistry });
	} catch (error) {
		if (unknown.refuse || !/unknown/.test(describeError(error))) throw error;
		const message = fromJson(schema, value, { registry: apiRegistry, ignoreUnknownFields: true });
		unknown.onIgnored(describeError(error));
		return message;
	}
}

function isRecord(value: unknown): value is Record<string, unknown> {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}

function collect(items: readonly Packed[], typeUrl: string, version: string): ResourceFile {
	const resources: ReceivedResource[] = [];
	const broken: RefusedResource[] = [];
	for (const [index, any] of items.entries()) {
		const unwrapped = unwrapResource(any);
		if (unwrapped === undefined) continue;
		const { name, typeUrl: found, value } = unwrapped;
		if (found !== typeUrl) {
			broken.push({ name: "", problem: `resources[${index}]: is of type ${found}, not ${typeUrl}` });
		} else if (name === undefined || name === "") {
			broken.push({ name: "", problem: `resources[${index}]: has no name` });
		} else {
			resources.push({ name, version, value });
		}
	}
	return { kind: "read", version, resources, broken };
}
