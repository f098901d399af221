import assert from "node:assert/strict";
import { test } from "node:test";
import { parseObjects } from "../../test/support/control-mesh.ts";
import { buildMesh } from "../config/index.ts";
import { resolveProxySettings } from "./proxy-settings.ts";

const config = (name: string, namespace: string, spec: object): string =>
	JSON.stringify({ apiVersion: "networking.istio.io/v1", kind: "ProxyConfig", metadata: { name, namespace }, spec });

test("a ProxyConfig for a workload is over its namespace's, that over the mesh's", () => {
	const { mesh } = buildMesh(
		parseObjects(
			"apiVersion: amime.dev/v1alpha1\nkind: MeshConfig\nmetadata: { name: m }\nspec: { rootNamespace: root, defaultConfig: { concurrency: 1, proxyMetadata: { A: mesh, B: mesh, C: mesh, D: mesh } } }",
			config("all", "root", { environmentVariables: { B: "root", C: "root", D: "root" } }),
			config("shop", "shop", { concurrency: 2, environmentVariables: { C: "shop", D: "shop" } }),
			config("web", "shop", { selector: { matchLabels: { app: "web" } }, environmentVariables: { D: "web" } }),
			config("bank", "bank", { concurrency: 8 }),
		),
		[],
	);
	assert.deepEqual(resolveProxySettings(mesh, { namespace: "shop", labels: { app: "web" } }), {
		concurrency: 2,
		environment: { A: "mesh", B: "root", C: "shop", D: "web" },
	});
	assert.deepEqual(resolveProxySettings(mesh, { namespace: "other", labels: { app: "web" } }), {
		concurrency: 1,
		environment: { A: "mesh", B: "root", C: "root", D: "root" },
	});
});
