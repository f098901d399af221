import assert from "node:assert/strict";
import { test } from "node:test";
import { findNearest, suggestNearest } from "./nearest.ts";

const kinds = ["Service", "HTTPRoute", "PeerAuthentication", "AuthorizationPolicy", "DestinationRule", "Workload"];

test("a word one edit away finds its candidate", () => {
	assert.equal(findNearest("Servce", kinds), "Service");
	assert.equal(findNearest("HTTPRuote", kinds), "HTTPRoute");
	assert.equal(findNearest("destinationrules", kinds), "DestinationRule");
});

test("a word far from everything finds nothing", () => {
	assert.equal(findNearest("Gateway", kinds), undefined);
	assert.equal(findNearest("", kinds), undefined);
	assert.equal(findNearest("x".repeat(100_000), kinds), undefined);
});

test("the suggestion is a clause to append to a sentence", () => {
	assert.equal(suggestNearest("weigth", ["weight", "name"]), " (did you mean 'weight'?)");
	assert.equal(suggestNearest("zzz", ["weight"]), "");
});
