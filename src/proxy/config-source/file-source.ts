import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { extname } from "node:path";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { ListenerSchema } from "../../api/gen/envoy/config/listener/v3/listener_pb.js";
import {
	type DiscoveryResponse,
	DiscoveryResponseSchema,
} from "../../api/gen/envoy/service/discovery/v3/discovery_pb.js";
import { apiRegistry } from "../../api/index.ts";
import { describeError } from "../../core/index.ts";
import { listenerType, type ReceivedResource, type RefusedResource, unwrapResource } from "../../xds/client/index.ts";
import { parseMessage, parseYaml, readJsonMessage } from "../bootstrap/index.ts";
import { formatProblems } from "./translators.ts";

/** What to do with fields that nobody knows. */
export interface UnknownFields {
	/** Whether they make the content unusable. */
	readonly refuse: boolean;
	/** They were passed over. */
	onIgnored(problem: string): void;
}

/** What a file of resources holds: a `DiscoveryResponse` as YAML, JSON, text or bytes. */
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
		const response = readResponse(path, bytes, unknown);
		return collect(response.resources, typeUrl, response.versionInfo);
	} catch (error) {
		return { kind: "unreadable", problem: `${path} holds no DiscoveryResponse: ${describeError(error)}` };
	}
}

/** By the name's ending, as Envoy does: what is not called YAML, text or bytes is JSON. */
function readResponse(path: string, bytes: Buffer, unknown: UnknownFields): DiscoveryResponse {
	const ending = extname(path);
	if (ending === ".pb") return fromBinary(DiscoveryResponseSchema, bytes);
	const text = bytes.toString("utf8");
	if (ending === ".pb_text") {
		const read = parseMessage(DiscoveryResponseSchema, text, "text-proto");
		if (read.ok) return read.value;
		throw new Error(formatProblems(read.problems));
	}
	const isYaml = ending === ".yaml" || ending === ".yml";
	return readJson(isYaml ? readDocument(text) : JSON.parse(text), unknown);
}

interface Packed {
	readonly typeUrl: string;
	readonly value: Uint8Array;
}

function readJson(json: unknown, unknown: UnknownFields): DiscoveryResponse {
	const nameless = findUnknownType(json);
	if (nameless !== undefined) throw new Error(`could not find @type '${nameless}'`);
	const read = readJsonMessage(
		DiscoveryResponseSchema,
		json,
		unknown.refuse ? undefined : ({ path, problem }) => unknown.onIgnored(`${path}: ${problem}`),
	);
	if (read.ok) return read.value;
	throw new Error(formatProblems(read.problems));
}

/** As in Envoy, a type that nobody knows makes the file no `DiscoveryResponse`, wherever in it; except in a filter that may be missing. */
function findUnknownType(json: unknown): string | undefined {
	if (typeof json !== "object" || json === null) return undefined;
	if (Array.isArray(json)) {
		for (const one of json) {
			const found = findUnknownType(one);
			if (found !== undefined) return found;
		}
		return undefined;
	}
	const fields = json as Record<string, unknown>;
	const typeUrl = fields["@type"];
	if (typeof typeUrl === "string" && apiRegistry.getMessage(typeUrl.slice(typeUrl.lastIndexOf("/") + 1)) === undefined)
		return typeUrl;
	if (fields["is_optional"] === true || fields["isOptional"] === true) return undefined;
	return findUnknownType(Object.values(fields));
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
	const read = parseYaml(text);
	if (read.ok) return read.value;
	throw new Error(read.problems.map(({ problem }) => problem).join("; "));
}

function collect(items: readonly Packed[], typeUrl: string, version: string): ResourceFile {
	const resources: ReceivedResource[] = [];
	const broken: RefusedResource[] = [];
	let madeUp: string | undefined;
	for (const [index, any] of items.entries()) {
		const unwrapped = unwrapResource(any);
		if (unwrapped === undefined) continue;
		const { name, typeUrl: found, value } = unwrapped;
		if (found !== typeUrl) {
			broken.push({ name: "", problem: `resources[${index}]: is of type ${found}, not ${typeUrl}` });
		} else if (name === undefined && typeUrl === listenerType) {
			madeUp ??= randomUUID();
			resources.push({ name: madeUp, version, value: nameListener(value, madeUp) });
		} else if (name === undefined || name === "") {
			broken.push({ name: "", problem: `resources[${index}]: has no name` });
		} else {
			resources.push({ name, version, value });
		}
	}
	return { kind: "read", version, resources, broken };
}

/** As in Envoy, a listener without a name gets another one with every reading: the one before goes, with its connections. Of fields that
 *  come twice the last counts. */
function nameListener(value: Uint8Array, name: string): Uint8Array {
	return Buffer.concat([value, toBinary(ListenerSchema, create(ListenerSchema, { name }))]);
}
