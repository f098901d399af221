import assert from "node:assert/strict";
import { test } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { NodeSchema } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import { DiscoveryRequestSchema } from "../../api/gen/envoy/service/discovery/v3/discovery_pb.js";
import { clusterType } from "../resource/type-urls.ts";
import { codecs } from "./codec.ts";
import { onRequest, type StreamRequest } from "./requests.ts";
import { createStream, type StreamState } from "./stream.ts";

const node = create(NodeSchema, { id: "n" });

function ask(state: StreamState, more: Partial<Extract<StreamRequest, { kind: "delta" }>>): string {
	const request = { kind: "delta", typeUrl: clusterType, node, nonce: "", subscribe: [], unsubscribe: [] } as const;
	const effects = onRequest(state, { ...request, initialVersions: {}, ...more }, 0);
	return effects.map((effect) => (effect.kind === "end" ? effect.code : "")).join("");
}

test("a client that makes types up is ended", () => {
	const state = createStream("delta", () => "");
	let last = "";
	let count = 0;
	while (last === "" && count < 1000) last = ask(state, { typeUrl: `type.googleapis.com/made.up.Type${count++}` });
	assert.equal(last, "RESOURCE_EXHAUSTED");
	assert.ok(count < 100, `${count} types`);
	assert.equal(
		ask(
			createStream("delta", () => ""),
			{ typeUrl: "t".repeat(10_000) },
		),
		"RESOURCE_EXHAUSTED",
	);
});

test("a client that asks for names of megabytes is ended; one that gives them back in time is not", () => {
	const state = createStream("delta", () => "");
	const name = (index: number): string => `${index}${"n".repeat(1024 * 1024)}`;
	for (let index = 0; index < 100; index++) {
		assert.equal(ask(state, { subscribe: [name(index)], unsubscribe: index === 0 ? [] : [name(index - 1)] }), "");
	}
	let last = "";
	let count = 100;
	while (last === "" && count < 200) last = ask(state, { subscribe: [name(count++)] });
	assert.equal(last, "RESOURCE_EXHAUSTED");
	assert.ok(count < 110, `${count - 100} names`);
});

test("a client that says megabytes of itself is not read", () => {
	const read = (request: Parameters<typeof create<typeof DiscoveryRequestSchema>>[1]) =>
		codecs["state-of-the-world"].decodeRequest(
			toBinary(DiscoveryRequestSchema, create(DiscoveryRequestSchema, request)),
		);
	const large = "m".repeat(2 * 1024 * 1024);
	assert.throws(
		() => read({ node: { id: "n", userAgentName: large } }),
		/its node has \d+ bytes, the limit is 1048576/,
	);
	assert.equal(read({ node: { id: "n" }, resourceNames: [large] }).node?.id, "n");
});
