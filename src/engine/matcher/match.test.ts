import assert from "node:assert/strict";
import { test } from "node:test";
import { lookupMetadata } from "./index.ts";

test("a path in metadata finds what was written there and nothing that objects have by themselves", () => {
	// As JSON of a client has it.
	const payload = JSON.parse('{"sub": "ada", "__proto__": {"admin": "yes"}, "nested": {"role": "boss"}}') as object;
	const metadata = new Map([["jwt", { payload }]]);
	const find = (...path: string[]) => lookupMetadata(metadata, "jwt", ["payload", ...path]);
	assert.equal(find("sub"), "ada");
	assert.equal(find("nested", "role"), "boss");
	assert.equal(find("__proto__", "admin"), "yes", "a claim of that name is a claim");
	assert.equal(find("admin"), undefined, "and no other");
	for (const name of ["constructor", "toString", "hasOwnProperty"]) {
		assert.equal(find(name), undefined, name);
		assert.equal(find("nested", name), undefined, name);
	}
	assert.equal(find("nested", "__proto__"), undefined);
	assert.equal(find("sub", "length"), undefined);
});
