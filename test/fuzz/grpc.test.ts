import { test } from "node:test";
import { createSeededRandom } from "../../src/core/index.ts";
import { fuzzGrpc } from "./grpc.ts";

test("pieces of gRPC frames come to the same messages, faults and texts", () => {
	const random = createSeededRandom(20_261_124);
	for (let round = 0; round < 3_000; round++) fuzzGrpc(random);
});
