/** Path templates of policies, as the proxy's engine judges what the control plane makes of them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseDocuments } from "../../src/config/index.ts";
import { createMeshIndex, translateInboundListener } from "../../src/control/translate/index.ts";
import { translateListener } from "../../src/proxy/runtime-config/index.ts";
import { createHeaderView, createJudge } from "../support/authorization-engine.ts";
import { callers } from "../support/authorization-table.ts";
import { createTestMesh, parseObjects } from "../support/control-mesh.ts";

const workload = JSON.stringify({
	apiVersion: "amime.dev/v1alpha1",
	kind: "Workload",
	metadata: { name: "orders", namespace: "shop" },
	spec: { command: ["true"], ports: [{ name: "http", port: 8080 }] },
});

/** Whether a path passes a policy with these path templates. */
function judge(action: "ALLOW" | "DENY", settings: object = {}): (path: string) => boolean {
	const objects = [
		{ apiVersion: "amime.dev/v1alpha1", kind: "MeshConfig", metadata: { name: "test" }, spec: settings },
		{
			apiVersion: "security.istio.io/v1",
			kind: "AuthorizationPolicy",
			metadata: { name: "p", namespace: "shop" },
			spec: { action, rules: [{ to: [{ operation: { paths: ["/users/{*}/keys", "/files/{**}"] } }] }] },
		},
	];
	const index = createMeshIndex(
		createTestMesh(parseObjects(workload, ...objects.map((object) => JSON.stringify(object)))),
	);
	const instance = index.instance({ namespace: "shop", name: "orders-0" })!;
	const passes = createJudge(translateInboundListener(index, instance, instance.ports[0]!, "amime"));
	return (path) => passes(createHeaderView(callers.plain, { method: "GET", path, host: "orders", headers: {} }));
}

const inside = ["/users/1/keys", "/users/1/keys?x=1", "/users/1;x/keys", "/files/a", "/files/a/b", "/files/a;x/b;y"];
const disguised = ["/users;x/1/keys", "/users/1/keys;x=1", "/;/users/1/keys", "/users/1/;x/keys", "/files;x/a/b"];
const outside = [
	"/users/keys",
	"/users/1/2/keys",
	"/users/1/keys/2",
	"/xusers/1/keys",
	"/files",
	"/",
	"/usersx/1/keys",
];

test("path parameters get nobody past a DENY rule with a template, nor into an ALLOW rule", () => {
	const [denying, allowing] = [judge("DENY"), judge("ALLOW")];
	for (const path of inside) assert.deepEqual([denying(path), allowing(path)], [false, true], path);
	for (const path of disguised) assert.deepEqual([denying(path), allowing(path)], [false, false], path);
	for (const path of outside) assert.deepEqual([denying(path), allowing(path)], [true, false], path);
});

test("with Istio's own normalisation a template takes what Istio's takes", () => {
	const denying = judge("DENY", { pathNormalization: { normalization: "BASE" } });
	for (const path of inside) assert.equal(denying(path), false, path);
	for (const path of [...disguised, ...outside]) assert.equal(denying(path), true, path);
});

test("a template that proxies would refuse is refused when it is written, and no other is", () => {
	const good = ["/a/{*}/", "/{**}/b/c/", "/a=b/{*}", "/%61;x@,:/{*}", `/${"a".repeat(252)}/{*}`];
	const bad = [
		"/a//{*}",
		"//{*}",
		"/{*}//b",
		"/a b/{*}",
		"/a|b/{*}",
		"/é/{*}",
		"/a?b/{*}",
		"/{*}.txt",
		`/${"a".repeat(254)}/{*}`,
	];
	for (const path of [...good, ...bad]) {
		const { objects, problems } = parseDocuments(
			JSON.stringify({
				apiVersion: "security.istio.io/v1",
				kind: "AuthorizationPolicy",
				metadata: { name: "p", namespace: "shop" },
				spec: { rules: [{ to: [{ operation: { paths: [path] } }] }] },
			}),
			"test.yaml",
		);
		assert.equal(problems.length > 0, bad.includes(path), `${path}: ${problems[0]?.problem}`);
		const index = createMeshIndex(createTestMesh([...parseObjects(workload), ...objects]));
		const instance = index.instance({ namespace: "shop", name: "orders-0" })!;
		const listener = translateListener(translateInboundListener(index, instance, instance.ports[0]!, "amime"));
		assert.ok(listener.ok, `${path}: ${listener.ok ? "" : listener.problems[0]?.problem}`);
	}
});
