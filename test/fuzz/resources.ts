/** Feeds what judges discovered resources with random ones, made from the descriptors: `node test/fuzz/resources.ts [seed]` runs until it
 *  is stopped or finds something. The short run of the suite is resources.test.ts. */
import assert from "node:assert/strict";
import { type DescMessage, fromBinary, fromJson, type Message, toBinary } from "@bufbuild/protobuf";
import { BootstrapSchema } from "../../src/api/gen/envoy/config/bootstrap/v3/bootstrap_pb.js";
import { ClusterSchema } from "../../src/api/gen/envoy/config/cluster/v3/cluster_pb.js";
import { TypedExtensionConfigSchema } from "../../src/api/gen/envoy/config/core/v3/extension_pb.js";
import { ClusterLoadAssignmentSchema } from "../../src/api/gen/envoy/config/endpoint/v3/endpoint_pb.js";
import { ListenerSchema } from "../../src/api/gen/envoy/config/listener/v3/listener_pb.js";
import { RouteConfigurationSchema } from "../../src/api/gen/envoy/config/route/v3/route_pb.js";
import { ScopedRouteConfigurationSchema } from "../../src/api/gen/envoy/config/route/v3/scoped_route_pb.js";
import { SecretSchema } from "../../src/api/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import { apiRegistry, typeUrlOf } from "../../src/api/index.ts";
import { createSeededRandom, type Random, type Validated } from "../../src/core/index.ts";
import {
	checkPackedRules,
	translateAssignment,
	translateBootstrap,
	translateCluster,
	translateExtension,
	translateListener,
	translateRouteConfiguration,
	translateRouteScope,
	translateSecret,
} from "../../src/proxy/runtime-config/index.ts";
import { damageBytes } from "./damage.ts";
import { pick } from "./random-document.ts";
import { makeMessage } from "./random-resource.ts";

interface Target {
	readonly schema: DescMessage;
	translate(message: Message): Validated<unknown>;
}

const targets = [
	{ schema: ListenerSchema, translate: translateListener },
	{ schema: RouteConfigurationSchema, translate: translateRouteConfiguration },
	{ schema: ClusterSchema, translate: translateCluster },
	{ schema: ClusterLoadAssignmentSchema, translate: translateAssignment },
	{ schema: SecretSchema, translate: translateSecret },
	{ schema: TypedExtensionConfigSchema, translate: translateExtension },
	{ schema: ScopedRouteConfigurationSchema, translate: translateRouteScope },
	{ schema: BootstrapSchema, translate: translateBootstrap },
] as unknown as readonly Target[];

/** One round: any resource is taken, or refused in words; so it is when bytes of it were damaged on the way.
 *  @throws an error that holds the resource */
export function fuzzResources(random: Random): void {
	const target = pick(random, targets);
	const json = makeMessage(random, target.schema);
	let bytes: Uint8Array;
	try {
		bytes = toBinary(target.schema, fromJson(target.schema, json as never, { registry: apiRegistry }));
	} catch {
		// Not every JSON that descriptors allow is a message.
		return;
	}
	for (const given of [bytes, damageBytes(bytes, random)]) {
		try {
			checkResource(target, given);
		} catch (error) {
			const text = given === bytes ? JSON.stringify(json) : Buffer.from(given).toString("hex");
			throw new Error(`this ${target.schema.typeName} is neither taken nor refused: ${text}`, { cause: error });
		}
	}
}

function checkResource({ schema, translate }: Target, bytes: Uint8Array): void {
	for (const { problem } of checkPackedRules(typeUrlOf(schema), bytes)) assert.notEqual(problem, "");
	let message: Message;
	try {
		message = fromBinary(schema, bytes);
	} catch {
		// Refused before it is translated.
		return;
	}
	const translated = translate(message);
	if (translated.ok) return;
	for (const { problem } of translated.problems) assert.notEqual(problem, "");
}

if (import.meta.main) {
	for (let seed = Number(process.argv[2] ?? 1); ; seed++) {
		const random = createSeededRandom(seed);
		for (let round = 0; round < 1000; round++) fuzzResources(random);
		process.stdout.write(`seed ${seed}: 1000 resources\n`);
	}
}
