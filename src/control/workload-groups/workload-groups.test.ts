import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { parseObjects } from "../../../test/support/control-mesh.ts";
import { createFakeClock } from "../../../test/support/fake-clock.ts";
import { buildMesh } from "../../config/index.ts";
import { silentLog } from "../../core/index.ts";
import type { WorkloadGroup, WorkloadInstance } from "../../model/index.ts";
import { parseRegistration } from "../admin/parse-instance.ts";
import { completeRegistration, createGroupProbes, probeWorkload } from "./index.ts";

const documents = `apiVersion: networking.istio.io/v1
kind: WorkloadGroup
metadata: { name: billing, namespace: shop }
spec:
  metadata: { labels: { app: billing, version: v1 } }
  template: { serviceAccount: billing, ports: { http: 8080 }, locality: r1/z1 }
  probe: { initialDelaySeconds: 1, periodSeconds: 5, failureThreshold: 2, httpGet: { path: /ready, port: 8080 } }
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: billing, namespace: shop }
spec:
  hosts: [billing.example]
  ports: [{ number: 80, name: http, protocol: HTTP }]
  resolution: STATIC
  location: MESH_INTERNAL
  workloadSelector: { labels: { app: billing } }
`;
const [group] = buildMesh(parseObjects(documents), []).mesh.workloadGroups as readonly [WorkloadGroup];

function register(more: object = {}): WorkloadInstance {
	const completed = completeRegistration(
		{ group: "billing", address: "10.0.0.7", leaseTtlMs: 10_000, ...more },
		(name) => (name === group.name ? group : undefined),
	);
	assert.ok("body" in completed);
	const parsed = parseRegistration(completed.body, "shop", "vm-1");
	assert.ok(parsed.ok, JSON.stringify(parsed));
	return parsed.value.instance;
}

test("a workload that names its group need only say its address", () => {
	const {
		labels,
		serviceAccount,
		ports,
		locality,
		workload,
		pattern,
		group: of,
	} = register({ labels: { version: "v2" } });
	assert.deepEqual(labels, { app: "billing", version: "v2" });
	assert.deepEqual(ports, [{ name: "http", protocol: "http", appPort: 8080, meshPort: 8080 }]);
	assert.deepEqual(locality, { region: "r1", zone: "z1", subZone: "" });
	assert.deepEqual([serviceAccount, workload, pattern, of], ["billing", "billing", "none", "billing"]);
});

test("a group that is not there is told", () => {
	const answer = completeRegistration({ group: "nobody" }, () => undefined);
	assert.deepEqual(answer, {
		problem: { path: "group", problem: "there is no WorkloadGroup nobody in the namespace" },
	});
});

test("a ServiceEntry selects it like a WorkloadEntry", () => {
	const { mesh } = buildMesh(parseObjects(documents), [register()]);
	assert.deepEqual(
		mesh.services[0]?.endpoints?.map(({ address, health, labels }) => [address, health, labels["app"]]),
		[["10.0.0.7", "ready", "billing"]],
	);
});

test("probes decide its health by their thresholds, for as long as it says that it lives", async () => {
	const clock = createFakeClock();
	const put: string[] = [];
	let isGood = false;
	let asked = 0;
	const probes = createGroupProbes({
		put: async ({ health }) => void put.push(health),
		findGroup: () => group,
		probe: async () => {
			asked++;
			return isGood;
		},
		clock,
		log: silentLog,
	});
	const pass = (ms: number): Promise<void> => clock.advanceAsync(ms);
	assert.equal(probes.registered(register(), 60_000).health, "starting");
	await pass(1000);
	await pass(5000);
	assert.deepEqual(put, ["unready"]);
	isGood = true;
	await pass(5000);
	assert.deepEqual(put, ["unready", "ready"]);
	assert.equal(probes.registered(register(), 60_000).health, "ready");
	isGood = false;
	await pass(5000);
	assert.deepEqual(put, ["unready", "ready"]);
	await pass(5000);
	assert.deepEqual(put, ["unready", "ready", "unready"]);
	probes.alive({ namespace: "shop", name: "vm-1" });
	await pass(70_000);
	const before = asked;
	await pass(20_000);
	assert.equal(asked, before, "a silent workload is asked no more");
	assert.equal(clock.pending, 0);
	probes.close();
});

test("probes ask over HTTP and TCP", async (t) => {
	const server = createServer((request, response) => {
		const isGood = request.url === "/ready" && request.headers["x-probe"] === "1";
		response.writeHead(isGood ? 204 : 503).end();
	}).listen(0, "127.0.0.1");
	t.after(() => server.close());
	await new Promise((resolve) => server.once("listening", resolve));
	const { port } = server.address() as AddressInfo;
	const timing = { initialDelayMs: 0, timeoutMs: 5000, periodMs: 1000, successThreshold: 1, failureThreshold: 1, port };
	const http = { ...timing, kind: "http", path: "/ready", isTls: false, headers: [["x-probe", "1"]] } as const;
	assert.equal(await probeWorkload("127.0.0.1", http), true);
	assert.equal(await probeWorkload("127.0.0.1", { ...http, path: "/other" }), false);
	assert.equal(await probeWorkload("127.0.0.1", { ...timing, kind: "tcp" }), true);
	server.close();
	server.closeAllConnections();
	assert.equal(await probeWorkload("127.0.0.1", { ...timing, kind: "tcp" }), false);
});
