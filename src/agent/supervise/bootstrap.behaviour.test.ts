import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { managerFilter, oneHost, socketAddress } from "../../../test/support/bootstraps.ts";
import { findEnvoy, skipWithout } from "../../../test/support/peers.ts";
import { makeTemporaryFolder } from "../../../test/support/temporary-folder.ts";
import { createSeededRandom } from "../../core/index.ts";
import type { Workload } from "../../model/index.ts";
import { buildBootstrap } from "./bootstrap.ts";
import { planInstance } from "./plan-instance.ts";
import { createPortAllocator } from "./ports.ts";

const envoy = findEnvoy();
const skip = skipWithout("envoy", envoy);

test("a stock Envoy takes the patterns that long paths of policies become", { skip }, async (t) => {
	const workload: Workload = {
		name: "web",
		namespace: "shop",
		labels: {},
		command: ["web"],
		env: {},
		ports: [],
		replicas: 1,
		serviceAccount: "web",
		pattern: "sidecar",
		sidecar: "envoy",
		source: { file: "web.yaml", line: 1 },
	};
	const ports = createPortAllocator(createSeededRandom(1), async () => true);
	const bootstrap = buildBootstrap({
		instance: await planInstance(workload, 0, [], ports, 1),
		xdsAddresses: ["127.0.0.1:15010"],
		secretSocket: "/run/sds.sock",
		meshName: "amime",
		clusterDomain: "cluster.local",
	});
	const safe_regex = { regex: `/${"a".repeat(300)}(;[^/]*)?` };
	const routes = [{ match: { safe_regex }, direct_response: { status: 403 } }];
	const filters = [managerFilter({ route_config: oneHost(routes) })];
	const listeners = [{ name: "l", address: socketAddress(0), filter_chains: [{ filters }] }];
	const judge = (document: Record<string, unknown>): number | null => {
		const file = join(makeTemporaryFolder(t), "bootstrap.json");
		const resources = { ...(document["static_resources"] as object), listeners };
		writeFileSync(file, JSON.stringify({ ...document, static_resources: resources }));
		return spawnSync(envoy!, ["--mode", "validate", "-c", file]).status;
	};
	const { layered_runtime: _, ...without } = bootstrap;
	assert.deepEqual({ with: judge(bootstrap), without: judge(without) }, { with: 0, without: 1 });
});
