/** The support page says what the tables say. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { deviations } from "../scripts/deviations.ts";
import { formatSupportPage, supportPagePath } from "../scripts/generate-support-page.ts";
import { apiRegistry } from "../src/api/index.ts";
import { supportTable } from "../src/proxy/runtime-config/index.ts";

test("docs/reference/envoy-support.md is what the support tables say: node scripts/generate-support-page.ts", () => {
	assert.equal(readFileSync(supportPagePath, "utf8"), formatSupportPage());
});

test("the support tables name only messages and fields that there are", () => {
	const wrong = Object.entries(supportTable).flatMap(([typeName, { works, ignored = "" }]) => {
		const message = apiRegistry.getMessage(typeName);
		if (message === undefined) return [typeName];
		const names = `${works} ${ignored}`.split(" ").filter((name) => name !== "");
		return names
			.filter((name) => !message.fields.some((field) => field.name === name))
			.map((name) => `${typeName}.${name}`);
	});
	assert.deepEqual(wrong, []);
});

test("there are at most ten deliberate deviations", () => {
	assert.ok(deviations.length <= 10);
});
