import assert from "node:assert/strict";
import { test } from "node:test";
import { createSecureContext } from "node:tls";
import { formatKeyExchanges } from "./key-exchange.ts";

test("Envoy's key exchanges are offered, with a share of the hybrid one and of the first other", () => {
	assert.equal(formatKeyExchanges([], "3.5.8"), "?*X25519MLKEM768/*X25519:P-256");
	assert.equal(formatKeyExchanges([], "4.0.0"), "?*X25519MLKEM768/*X25519:P-256");
});

test("a library without hybrids offers the others", () => {
	assert.equal(formatKeyExchanges([], "3.0.19"), "X25519:P-256");
	assert.equal(formatKeyExchanges([], "1.1.1w"), "X25519:P-256");
});

test("what is configured keeps its order", () => {
	assert.equal(formatKeyExchanges(["P-384", "X25519", "X25519MLKEM768"], "3.5.0"), "*P-384:X25519/*X25519MLKEM768");
	assert.equal(formatKeyExchanges(["P-256"], "3.5.0"), "*P-256");
	assert.equal(formatKeyExchanges(["P-384", "P-256"], "3.0.19"), "P-384:P-256");
});

test("the library of this process takes the default", () => {
	assert.ok(createSecureContext({ ecdhCurve: formatKeyExchanges([]) }).context);
});
