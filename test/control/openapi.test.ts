import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { formatOpenApi, openApiPath } from "../../scripts/generate-openapi.ts";
import { startControlPlane } from "../support/control-plane.ts";

interface Document {
	readonly paths: Readonly<Record<string, Readonly<Record<string, { operationId: string; "x-role"?: string }>>>>;
}

test("docs/reference/openapi.json is what a control plane serves (npm run docs writes it)", async () => {
	const text = await formatOpenApi();
	assert.ok(readFileSync(openApiPath, "utf8") === text, "the page is of other paths: npm run docs");
	const operations = Object.values((JSON.parse(text) as Document).paths).flatMap((path) => Object.values(path));
	assert.equal(new Set(operations.map(({ operationId }) => operationId)).size, operations.length, "ids are unique");
});

test("every path of the document is served, and takes the role that it says", async (t) => {
	const control = await startControlPlane(t, "");
	const { paths } = JSON.parse((await control.admin("GET", "/openapi.json")).body) as Document;
	for (const [path, operations] of Object.entries(paths))
		for (const [method, operation] of Object.entries(operations)) {
			if (!path.startsWith("/v1/")) continue;
			assert.match(operation["x-role"] ?? "", /^(viewer|editor|admin)$/);
			const answer = await fetch(`http://127.0.0.1:${control.plane.adminPort}${path.replaceAll(/[{}]/g, "")}`, {
				method: method.toUpperCase(),
			});
			assert.equal(answer.status, 401, `${method} ${path} takes a token`);
		}
});
