import assert from "node:assert/strict";
import { test } from "node:test";
import type { AddressConfig } from "../runtime-config/index.ts";
import { orderAddresses } from "./address-order.ts";

function at(...addresses: readonly string[]): AddressConfig[] {
	return addresses.map((address) => ({ kind: "socket", address, port: 1, ipv4Compatible: false }));
}

function order(addresses: readonly string[], firstFamily?: 4 | 6, firstCount = 1): string[] {
	return orderAddresses(at(...addresses), { firstFamily, firstCount }).map((one) =>
		one.kind !== "socket" ? one.path : one.address,
	);
}

test("families take turns, beginning with that of the first address", () => {
	assert.deepEqual(order(["1.1.1.1", "1.1.1.2", "::1", "1.1.1.3", "::2", "::3", "::4"]), [
		"1.1.1.1",
		"::1",
		"1.1.1.2",
		"::2",
		"1.1.1.3",
		"::3",
		"::4",
	]);
});

test("the configuration may name the first family and how many of it come before each of the other", () => {
	assert.deepEqual(order(["1.1.1.1", "::1", "1.1.1.2", "::2", "::3"], 6, 2), [
		"::1",
		"::2",
		"1.1.1.1",
		"::3",
		"1.1.1.2",
	]);
	assert.deepEqual(order(["1.1.1.1", "1.1.1.2"], 6), ["1.1.1.1", "1.1.1.2"]);
});
