import assert from "node:assert/strict";
import { test } from "node:test";
import { createSecureContext } from "node:tls";
import { returnFreedMemory } from "./return-memory.ts";

const linuxOnly = { skip: process.platform === "linux" ? false : "glibc's malloc_trim is on Linux only" };

test("what was freed below a piece in use goes back to the system", linuxOnly, () => {
	const contexts = Array.from({ length: 500 }, () => createSecureContext({ ciphers: "HIGH" }));
	assert.equal(returnFreedMemory(), true);
	assert.equal(contexts.length, 500);
});
