/** Responses as bytes: names found, wrappers opened, damage told without an end of the stream. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { ListenerSchema } from "../../api/gen/envoy/config/listener/v3/listener_pb.js";
import { DiscoveryResponseSchema, ResourceSchema } from "../../api/gen/envoy/service/discovery/v3/discovery_pb.js";
import { typeUrlOf } from "../../api/index.ts";
import { createSeededRandom } from "../../core/index.ts";
import { readResourceName } from "../resource/resource-name.ts";
import { clusterType, listenerType } from "../resource/type-urls.ts";
import { decodeResponse } from "./codec.ts";

const packListener = (name: string): Uint8Array =>
	toBinary(ListenerSchema, create(ListenerSchema, { name, statPrefix: "after", drainType: 1 }));

test("the name of a packed resource is found wherever it is", () => {
	const listener = packListener("entrée");
	assert.equal(readResourceName(listener), "entrée");
	const after = toBinary(ListenerSchema, create(ListenerSchema, { statPrefix: "before", drainType: 1 }));
	assert.equal(readResourceName(Buffer.concat([after, listener])), "entrée");
	assert.equal(readResourceName(after), undefined);
});

test("no bytes make the reader of names throw or run away", () => {
	const random = createSeededRandom(7);
	const listener = packListener("entry");
	for (let round = 0; round < 20_000; round++) {
		const bytes = Buffer.from(listener);
		for (let count = 0; count < 3; count++) {
			bytes[Math.floor(random.next() * bytes.length)] = Math.floor(random.next() * 256);
		}
		const name = readResourceName(bytes.subarray(0, Math.floor(random.next() * (bytes.length + 1))));
		assert.ok(name === undefined || name.length <= bytes.length);
	}
});

test("state of the world: wrapped, foreign, nameless and damaged resources are told apart", () => {
	const wrapperType = typeUrlOf(ResourceSchema);
	const wrap = (name: string, resource?: { typeUrl: string; value: Uint8Array }) => ({
		typeUrl: wrapperType,
		value: toBinary(ResourceSchema, create(ResourceSchema, { name, ...(resource === undefined ? {} : { resource }) })),
	});
	const own = { typeUrl: listenerType, value: packListener("bare") };
	const response = create(DiscoveryResponseSchema, {
		typeUrl: listenerType,
		versionInfo: "v",
		nonce: "n",
		resources: [
			own,
			wrap("wrapped", own),
			wrap("heartbeat"),
			{ typeUrl: clusterType, value: packListener("foreign") },
			{ typeUrl: listenerType, value: new Uint8Array() },
			{ typeUrl: wrapperType, value: Uint8Array.of(255) },
		],
	});
	const decoded = decodeResponse("state-of-the-world", toBinary(DiscoveryResponseSchema, response));
	assert.deepEqual(
		decoded.resources.map(({ name, version }) => [name, version]),
		[
			["bare", "v"],
			["wrapped", "v"],
		],
	);
	assert.deepEqual(
		decoded.broken.map(({ name, problem }) => `${name}: ${problem}`),
		[
			`foreign: is of type ${clusterType}, the response of ${listenerType}`,
			": resources[4]: has no name",
			": resources[5]: has no name",
		],
	);
});
