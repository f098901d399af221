/** A Node that keeps its stream handles to itself: everything goes on over its own sockets. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { findStreamHandles } from "../../src/os/index.ts";

(process as { binding?: unknown }).binding = undefined;

test("without the library there are no stream handles", () => {
	assert.equal(findStreamHandles(), undefined);
});

await import("./proxy.http1.test.ts");
await import("./proxy.slow-clients.test.ts");
await import("./proxy.mtls.test.ts");
