import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import { DeltaDiscoveryResponseSchema } from "../../api/gen/envoy/service/discovery/v3/discovery_pb.js";
import { clusterType } from "../resource/type-urls.ts";
import { encodeDeltaResponse } from "./delta-response.ts";

test("a delta response reads back as it was written, whatever the length of its parts", () => {
	const lengths = [0, 1, 127, 128, 16_383, 16_384, 70_000];
	const resources = lengths.map((length) => ({
		name: `größe-${length}`,
		version: String(length),
		typeUrl: clusterType,
		value: new Uint8Array(length).fill(length & 255),
	}));
	for (const removed of [[], ["gone", "vergangen"]]) {
		const response = { typeUrl: clusterType, nonce: "17", version: "abc", resources, removed };
		// The second time parts come from memory.
		for (const bytes of [encodeDeltaResponse(response), encodeDeltaResponse(response)]) {
			const message = fromBinary(DeltaDiscoveryResponseSchema, bytes);
			assert.deepEqual(
				message.resources.map(({ name, version, resource }) => ({
					name,
					version,
					typeUrl: resource?.typeUrl,
					value: Uint8Array.from(resource!.value),
				})),
				resources,
			);
			assert.deepEqual(
				[message.systemVersionInfo, message.nonce, message.typeUrl, message.removedResources],
				["abc", "17", clusterType, removed],
			);
		}
	}
});

test("one resource that goes to many reads back with the nonce and the version of each", () => {
	const value = new Uint8Array(300).fill(7);
	const resources = [{ name: "a", version: "1", typeUrl: clusterType, value }];
	for (const [nonce, version] of [
		["1", "v"],
		["2", "v"],
		["12345", "w"],
		["3", ""],
		["n".repeat(200), "v"],
	] as const) {
		const bytes = encodeDeltaResponse({ typeUrl: clusterType, nonce, version, resources, removed: [] });
		const message = fromBinary(DeltaDiscoveryResponseSchema, bytes);
		assert.deepEqual([message.nonce, message.systemVersionInfo, message.typeUrl], [nonce, version, clusterType]);
		assert.deepEqual(
			message.resources.map(({ name, resource }) => [name, Uint8Array.from(resource!.value)]),
			[["a", value]],
		);
	}
});
