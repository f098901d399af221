/** What every request reads dozens of times is no hash table to V8, as literals with accessors are. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { create } from "@bufbuild/protobuf";
import { createFakeClock } from "../../../test/support/fake-clock.ts";
import { NodeSchema } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import { silentLog, systemRandom } from "../../core/index.ts";
import { createMetricsRegistry } from "../../telemetry/index.ts";
import { createOverload } from "../overload/index.ts";
import { createDataPath, type DataPathParts } from "./data-path.ts";
import { createLayeredRuntime } from "./layered-runtime.ts";

setFlagsFromString("--allow-natives-syntax");
const isFast = new Function("object", "return %HasFastProperties(object)") as (object: object) => boolean;

test("the context of the data path and its parts have fast properties", (t) => {
	const { context } = createContext(t);
	assert.ok(isFast(context), "context");
	for (const part of ["runtime", "overload", "failedRequests", "deadlines", "turns", "grpc", "quotas"] as const)
		assert.ok(isFast(context[part]), part);
});

function createContext(t: TestContext) {
	const [clock, random, registry] = [createFakeClock(), systemRandom, createMetricsRegistry()];
	const stats = registry.root;
	const runtime = createLayeredRuntime([], stats, undefined as never);
	const common = { clock, random, stats, runtime, log: silentLog };
	const overload = createOverload(undefined, { ...common, connections: { value: 0 }, releaseMemory: () => undefined });
	const dataPath = createDataPath({
		...common,
		...{ overload, registry },
		clusters: { onRetired: () => () => undefined },
		node: create(NodeSchema),
		connectionIds: { first: 1, step: 1 },
	} as unknown as DataPathParts);
	t.after(() => {
		dataPath.close();
		overload.close();
	});
	return dataPath;
}
