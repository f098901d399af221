import assert from "node:assert/strict";
import { test } from "node:test";
import { collapseAddresses } from "./address-block.ts";

test("addresses become the fewest blocks that hold them and no other", () => {
	const all = Array.from({ length: 1024 }, (_, index) => `10.96.${index >> 8}.${index & 255}`);
	assert.deepEqual(collapseAddresses(all), [{ address: "10.96.0.0", length: 22 }]);
	assert.deepEqual(collapseAddresses(["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.3", "255.255.255.255"]), [
		{ address: "10.0.0.1", length: 32 },
		{ address: "10.0.0.2", length: 31 },
		{ address: "255.255.255.255", length: 32 },
	]);
	assert.deepEqual(collapseAddresses(["fd00::1"]), [{ address: "fd00::1", length: 128 }]);
	assert.deepEqual(collapseAddresses([]), []);
});
