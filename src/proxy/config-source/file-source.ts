import { readFileSync } from "node:fs";
import { fromBinary, fromJson, type JsonValue } from "@bufbuild/protobuf";
import { type AnyJson, AnySchema } from "@bufbuild/protobuf/wkt";
import { parse } from "yaml";
import { DiscoveryResponseSchema } from "../../api/gen/envoy/service/discovery/v3/discovery_pb.js";
import { apiRegistry } from "../../api/index.ts";
import { describeError } from "../../core/index.ts";
import { hashBytes, type ReceivedResource, type RefusedResource, readResourceName } from "../../xds/client/index.ts";

/** What a file of resources holds: a `DiscoveryResponse` as YAML or JSON, or (named `.pb`) as bytes. */
export interface ResourceFile {
	readonly version: string;
	readonly resources: readonly ReceivedResource[];
	/** Resources, or the whole file, that could not be read. */
	readonly broken: readonly RefusedResource[];
}

/** Reads a file of resources of one type. */
export function readResourceFile(path: string, typeUrl: string): ResourceFile {
	let text: Buffer;
	try {
		text = readFileSync(path);
	} catch (error) {
		return brokenFile(`${path} cannot be read: ${describeError(error)}`);
	}
	const version = hashBytes(text);
	try {
		return path.endsWith(".pb")
			? readBinary(text, typeUrl, version)
			: readText(text.toString("utf8"), typeUrl, version);
	} catch (error) {
		return brokenFile(`${path} holds no DiscoveryResponse: ${describeError(error)}`);
	}
}

function brokenFile(problem: string): ResourceFile {
	return { version: "", resources: [], broken: [{ name: "", problem }] };
}

function readBinary(bytes: Buffer, typeUrl: string, version: string): ResourceFile {
	const response = fromBinary(DiscoveryResponseSchema, bytes);
	return collect(
		response.resources.map((any) => () => any),
		typeUrl,
		version,
	);
}

function readText(text: string, typeUrl: string, version: string): ResourceFile {
	const document: unknown = parse(text);
	const list = isRecord(document) ? (document["resources"] ?? []) : undefined;
	if (!Array.isArray(list)) throw new Error("it must be an object with a list of resources");
	return collect(
		list.map((item: JsonValue) => () => fromJson(AnySchema, item as AnyJson, { registry: apiRegistry })),
		typeUrl,
		version,
	);
}

function isRecord(value: unknown): value is Record<string, unknown> {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}

function collect(
	items: readonly (() => { readonly typeUrl: string; readonly value: Uint8Array })[],
	typeUrl: string,
	version: string,
): ResourceFile {
	const resources: ReceivedResource[] = [];
	const broken: RefusedResource[] = [];
	for (const [index, read] of items.entries()) {
		try {
			const any = read();
			const name = readResourceName(any.value);
			if (any.typeUrl !== typeUrl) throw new Error(`is of type ${any.typeUrl}, not ${typeUrl}`);
			if (name === undefined) throw new Error("has no name");
			resources.push({ name, version, value: any.value });
		} catch (error) {
			broken.push({ name: "", problem: `resources[${index}]: ${describeError(error)}` });
		}
	}
	return { version, resources, broken };
}
