import assert from "node:assert/strict";
import { test } from "node:test";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { DeltaDiscoveryRequestSchema } from "../../api/gen/envoy/service/discovery/v3/discovery_pb.js";
import { clusterType } from "../resource/type-urls.ts";
import { codecs } from "./codec.ts";
import { readDeltaAnswer } from "./delta-answer.ts";

type Fields = MessageInitShape<typeof DeltaDiscoveryRequestSchema>;

const encode = (fields: Fields): Uint8Array =>
	toBinary(DeltaDiscoveryRequestSchema, create(DeltaDiscoveryRequestSchema, fields));

test("an acknowledgement reads as every other request does", () => {
	const bytes = encode({ typeUrl: clusterType, responseNonce: "17" });
	const answer = readDeltaAnswer(bytes);
	assert.deepEqual([answer?.typeUrl, answer?.nonce, answer?.error], [clusterType, "17", undefined]);
	const whole = codecs.delta.decodeRequest(encode({ typeUrl: clusterType, responseNonce: "17", node: { id: "" } }));
	assert.deepEqual({ ...codecs.delta.decodeRequest(bytes), node: undefined }, { ...whole, node: undefined });
});

test("a request that says more, or less, is left to the whole reader", () => {
	const answer = { typeUrl: clusterType, responseNonce: "17" };
	for (const fields of [
		{ typeUrl: clusterType },
		{ responseNonce: "17" },
		{ ...answer, node: { id: "a" } },
		{ ...answer, resourceNamesSubscribe: ["a"] },
		{ ...answer, resourceNamesUnsubscribe: ["a"] },
		{ ...answer, initialResourceVersions: { a: "1" } },
		{ ...answer, errorDetail: { message: "no" } },
		{ ...answer, typeUrl: "größe" },
		{ ...answer, responseNonce: "n".repeat(128) },
	] satisfies Fields[])
		assert.equal(readDeltaAnswer(encode(fields)), undefined, JSON.stringify(fields));
});

test("bytes that end early, come twice or are none are left to the whole reader", () => {
	const bytes = encode({ typeUrl: clusterType, responseNonce: "17" });
	for (let length = 0; length < bytes.length; length++)
		assert.equal(readDeltaAnswer(bytes.subarray(0, length)), undefined);
	assert.equal(readDeltaAnswer(Buffer.concat([bytes, bytes])), undefined);
	assert.equal(readDeltaAnswer(Buffer.from([0x12, 0, 0x32, 0])), undefined);
	assert.equal(readDeltaAnswer(Buffer.concat([bytes, Buffer.from([0x12, 0])])), undefined);
});
