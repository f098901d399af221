/** Everything that is translated is valid to Envoy, by its own validation. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { simulateMesh } from "../support/control-mesh.ts";
import { validateWithEnvoy } from "../support/envoy-validate.ts";
import { everyKindOfMesh } from "../support/meshes.ts";
import { findEnvoy, skipWithout } from "../support/peers.ts";

const envoy = findEnvoy();

for (const [name, read] of Object.entries(everyKindOfMesh))
	test(`Envoy takes all of ${name}`, { skip: skipWithout("envoy", envoy), timeout: 120_000 }, async () => {
		const { mesh, store, snapshot } = simulateMesh(read());
		assert.deepEqual(store.problems(), []);
		for (const instance of mesh.instances) await validateWithEnvoy(envoy!, snapshot(instance.name));
	});
