/** The reference pages say what the code does. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { test } from "node:test";
import { cliReferencePath, formatCliReference } from "../scripts/generate-cli-reference.ts";
import { configReferencePath, formatConfigReference } from "../scripts/generate-config-reference.ts";
import { findingsPath, formatFindingsPage } from "../scripts/generate-findings-page.ts";
import { formatIstioSupport, istioSupportPath } from "../scripts/generate-istio-support.ts";
import { istioDeviations } from "../scripts/istio-deviations.ts";
import { describeKinds, parseDocuments } from "../src/config/index.ts";
import { findErrorCodes } from "./support/error-codes.ts";

test("docs/reference/config.md is what the schemas say", () => {
	assert.equal(
		readFileSync(configReferencePath, "utf8"),
		formatConfigReference(),
		"run: node scripts/generate-config-reference.ts",
	);
});

test("docs/reference/istio-support.md is what the schemas and the table of deviations say", () => {
	assert.equal(
		readFileSync(istioSupportPath, "utf8"),
		formatIstioSupport(),
		"run: node scripts/generate-istio-support.ts",
	);
});

test("docs/reference/findings.md is what the table of findings says", () => {
	assert.equal(readFileSync(findingsPath, "utf8"), formatFindingsPage(), "run: node scripts/generate-findings-page.ts");
});

test("docs/reference/cli.md is what the commands say of themselves", () => {
	assert.equal(
		readFileSync(cliReferencePath, "utf8"),
		formatCliReference(),
		"run: node scripts/generate-cli-reference.ts",
	);
});

test("no golden observation is listed under two deviations", () => {
	const names = istioDeviations.flatMap(({ observations }) => observations);
	assert.deepEqual([...new Set(names)], names);
});

test("every kind's example is a good document", () => {
	for (const kind of describeKinds()) {
		const { objects, problems } = parseDocuments(kind.example, "example.yaml");
		assert.deepEqual([kind.name, objects.length, problems], [kind.name, 1, []]);
	}
});

test("docs/reference/errors.md lists every error code of src, and no other", () => {
	const page = readFileSync(resolve(import.meta.dirname, "../docs/reference/errors.md"), "utf8");
	const listed = [...page.matchAll(/^\| `([A-Z0-9_]+)` \|/gm)].map((match) => match[1]!);
	const made = findErrorCodes();
	const missing = [...made]
		.filter(([code]) => !listed.includes(code))
		.map(([code, files]) => `${code} of ${files.join(", ")}`);
	assert.deepEqual(missing, [], "add them to docs/reference/errors.md");
	assert.deepEqual(
		listed.filter((code) => !made.has(code)),
		[],
		"nothing makes these: remove them from docs/reference/errors.md",
	);
	assert.deepEqual(
		listed.filter((code, index) => listed.indexOf(code) !== index),
		[],
		"listed twice",
	);
});
