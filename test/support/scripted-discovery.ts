import type { TestContext } from "node:test";
import { create, fromBinary, fromJson, type JsonValue, toBinary } from "@bufbuild/protobuf";
import {
	DeltaDiscoveryRequestSchema,
	DeltaDiscoveryResponseSchema,
	DiscoveryRequestSchema,
	DiscoveryResponseSchema,
	ResourceSchema,
} from "../../src/api/gen/envoy/service/discovery/v3/discovery_pb.js";
import { apiRegistry } from "../../src/api/index.ts";
import { eventually } from "./eventually.ts";
import { type GrpcService, type ServedCall, startGrpcService } from "./grpc-service.ts";

/** A packed message. */
export interface Packed {
	readonly typeUrl: string;
	readonly value: Uint8Array;
}

/** A response of either form; what is left out is empty. */
export interface ScriptedResponse {
	readonly type: string;
	readonly version?: string;
	readonly nonce?: string;
	readonly resources?: readonly { readonly name?: string; readonly resource?: Packed }[];
	/** Delta only. */
	readonly removed?: readonly string[];
}

/** A request, as far as both forms are alike. */
export interface SeenRequest {
	readonly type: string;
	readonly nonce: string;
	readonly isRefusal: boolean;
	/** Delta: what is newly wanted; else all that is. */
	readonly names: readonly string[];
	readonly version: string | undefined;
}

/** A discovery server that says just what a test wants, however wrong it is. */
export interface ScriptedDiscovery {
	readonly port: number;
	readonly service: GrpcService;
	/** The newest stream. */
	stream(): ServedCall;
	/** How many streams were opened. */
	streams(): number;
	/** Everything asked so far, on all streams. */
	readonly requests: SeenRequest[];
	/** What is said on a new stream, once a type is asked for. */
	baseline: ReadonlyMap<string, ScriptedResponse>;
	say(response: ScriptedResponse): void;
	/** A response that is not wrapped: in state of the world as it is, in delta as far as it goes. */
	encode(response: ScriptedResponse): Uint8Array;
	/** Waits for the answer to a nonce. */
	answerTo(nonce: string): Promise<SeenRequest>;
}

const prefix = "type.googleapis.com/";

/** Packs proto3 JSON of the message that the type URL names. */
export function pack(typeUrl: string, json: Record<string, JsonValue>): Packed {
	const schema = apiRegistry.getMessage(typeUrl.slice(prefix.length));
	if (schema === undefined) throw new Error(`no message ${typeUrl}`);
	return { typeUrl, value: toBinary(schema, fromJson(schema, json, { registry: apiRegistry })) };
}

export async function startScriptedDiscovery(
	t: Pick<TestContext, "after">,
	isDelta: boolean,
): Promise<ScriptedDiscovery> {
	const requests: SeenRequest[] = [];
	const streams: ServedCall[] = [];
	const asked = new WeakMap<ServedCall, Set<string>>();
	let nonces = 0;
	const service = await startGrpcService(t, {
		onCall(call) {
			streams.push(call);
			asked.set(call, new Set());
		},
		onMessage(call, message) {
			const request = isDelta ? readDelta(message) : readStateOfTheWorld(message);
			requests.push(request);
			const known = asked.get(call)!;
			if (known.has(request.type)) return;
			known.add(request.type);
			const answer = scripted.baseline.get(request.type);
			if (answer !== undefined) call.send(scripted.encode({ nonce: `base-${++nonces}`, ...answer }));
		},
	});
	const scripted: ScriptedDiscovery = {
		port: service.port,
		service,
		requests,
		baseline: new Map(),
		stream: () => streams.at(-1)!,
		streams: () => streams.length,
		encode: isDelta ? encodeDelta : encodeStateOfTheWorld,
		say: (response) => scripted.stream().send(scripted.encode(response)),
		answerTo: (nonce) =>
			eventually(() => {
				const found = requests.find((request) => request.nonce === nonce);
				if (found === undefined) throw new Error(`no answer to ${nonce}`);
				return found;
			}),
	};
	return scripted;
}

function readStateOfTheWorld(bytes: Uint8Array): SeenRequest {
	const { typeUrl, responseNonce, errorDetail, resourceNames, versionInfo } = fromBinary(DiscoveryRequestSchema, bytes);
	const names = [...resourceNames].sort();
	return { type: typeUrl, nonce: responseNonce, isRefusal: errorDetail !== undefined, names, version: versionInfo };
}

function readDelta(bytes: Uint8Array): SeenRequest {
	const { typeUrl, responseNonce, errorDetail, resourceNamesSubscribe } = fromBinary(
		DeltaDiscoveryRequestSchema,
		bytes,
	);
	const names = [...resourceNamesSubscribe].sort();
	return { type: typeUrl, nonce: responseNonce, isRefusal: errorDetail !== undefined, names, version: undefined };
}

function encodeStateOfTheWorld({ type, version, nonce, resources = [] }: ScriptedResponse): Uint8Array {
	const message = create(DiscoveryResponseSchema, {
		typeUrl: type,
		versionInfo: version ?? "",
		nonce: nonce ?? "",
		resources: resources.map(({ name, resource }) =>
			resource === undefined
				? {
						typeUrl: `${prefix}${ResourceSchema.typeName}`,
						value: toBinary(ResourceSchema, create(ResourceSchema, { name: name ?? "" })),
					}
				: { typeUrl: resource.typeUrl, value: resource.value },
		),
	});
	return toBinary(DiscoveryResponseSchema, message);
}

function encodeDelta({ type, version, nonce, resources = [], removed = [] }: ScriptedResponse): Uint8Array {
	const message = create(DeltaDiscoveryResponseSchema, {
		typeUrl: type,
		systemVersionInfo: version ?? "",
		nonce: nonce ?? "",
		removedResources: [...removed],
		resources: resources.map(({ name, resource }) => ({
			name: name ?? "",
			version: version ?? "",
			...(resource === undefined ? {} : { resource: { typeUrl: resource.typeUrl, value: resource.value } }),
		})),
	});
	return toBinary(DeltaDiscoveryResponseSchema, message);
}
