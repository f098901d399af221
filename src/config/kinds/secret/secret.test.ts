import assert from "node:assert/strict";
import { test } from "node:test";
import { parseDocuments } from "../../parse-documents.ts";

test("a Secret is decoded; text wins over base64", () => {
	const text = `apiVersion: v1
kind: Secret
metadata: { name: cert, namespace: edge }
type: kubernetes.io/tls
data: { tls.crt: Y2VydA==, tls.key: a2V5 }
stringData: { tls.key: other }
`;
	const { objects, problems } = parseDocuments(text, "a.yaml");
	assert.deepEqual(problems, []);
	const [secret] = objects;
	assert.ok(secret?.kind === "Secret");
	assert.deepEqual(
		[secret.value.type, secret.value.data],
		["kubernetes.io/tls", { "tls.crt": "cert", "tls.key": "other" }],
	);
	const bad = parseDocuments(text.replace("Y2VydA==", '"%%"'), "a.yaml");
	assert.match(bad.problems[0]!.problem, /is not base64/);
});

test("certificates written as texts of many lines are no deep nesting", () => {
	const lines = Array.from({ length: 30 }, () => `    ${"A".repeat(64)}`).join("\n");
	const text = `apiVersion: v1
kind: Secret
metadata: { name: cert, namespace: edge }
stringData:
  tls.crt: |
${lines}
  tls.key: |
${lines}
  note: "one
${lines}"
  ca.crt: last
`;
	const { objects, problems } = parseDocuments(text, "a.yaml");
	assert.deepEqual(problems, []);
	const [secret] = objects;
	assert.ok(secret?.kind === "Secret");
	assert.deepEqual(Object.keys(secret.value.data), ["tls.crt", "tls.key", "note", "ca.crt"]);
});

test("a ConfigMap holds text", () => {
	const { objects, problems } = parseDocuments(
		"apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ca }\ndata: { ca.crt: text }\n",
		"a.yaml",
	);
	assert.deepEqual(problems, []);
	const [map] = objects;
	assert.ok(map?.kind === "ConfigMap");
	assert.deepEqual(map.value.data, { "ca.crt": "text" });
});
