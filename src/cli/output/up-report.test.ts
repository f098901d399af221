import assert from "node:assert/strict";
import { test } from "node:test";
import type { WorkloadInstance } from "../../model/index.ts";
import { createPalette } from "./colour.ts";
import { formatUpReport, type UpReport } from "./up-report.ts";

const instance = (name: string, health: WorkloadInstance["health"]) =>
	({ name, health, ports: [] }) as unknown as WorkloadInstance;

const reportOf = (health: WorkloadInstance["health"]): UpReport => ({
	workloads: [
		{
			...{ namespace: "shop", name: "web", pattern: "none", sidecar: "", identity: "-" },
			instances: [instance("web-0", "ready"), instance("web-1", health)],
		},
	],
	urls: { pages: [], controlPlane: "http://127.0.0.1:15014/", metrics: "http://127.0.0.1:15014/metrics" },
	...{ state: ".amime/shop", command: "amime", stateOption: "" },
});

test("what to try is told when everything is there, and until then who is not", () => {
	const palette = createPalette(false);
	const early = formatUpReport(reportOf("starting"), false, palette);
	assert.doesNotMatch(early, /Try next/);
	assert.match(early, /Still starting, not ready: web-1 \(starting\)/);
	assert.match(formatUpReport(reportOf("ready"), false, palette), /the proxies have not taken everything yet/);
	assert.match(formatUpReport(reportOf("ready"), true, palette), /Try next[\s\S]*amime status/);
});
