/** A change that some proxies are given first: real proxies of both kinds, real requests. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { buildBootstrap, formatNodeId } from "../../src/agent/supervise/bootstrap.ts";
import type { WorkloadInstance } from "../../src/model/index.ts";
import { createRunningInstance, startApplication } from "../support/control-plane.ts";
import { type ControlPlaneProcess, startControlPlaneProcess } from "../support/control-plane-process.ts";
import { startEtcd, untilEtcdAnswers } from "../support/etcd.ts";
import { eventually } from "../support/eventually.ts";
import { findFreePort } from "../support/free-port.ts";
import { sendRequest } from "../support/http-call.ts";
import { findEnvoy, findEtcd, skipWithout } from "../support/peers.ts";
import { type ProxyKind, startProxyProcess } from "../support/proxy-process.ts";
import { startSteadyLoad } from "../support/steady-load.ts";
import { makeTemporaryFolder } from "../support/temporary-folder.ts";

const service = (name: string): string => `
apiVersion: v1
kind: Service
metadata: {name: ${name}, namespace: shop}
spec: {selector: {app: ${name}}, ports: [{name: http, port: 80, targetPort: http}]}
---`;

const config = `${["web", "good", "broken"]
	.map(
		(name) => `
apiVersion: amime.dev/v1alpha1
kind: Workload
metadata: {name: ${name}, namespace: shop, labels: {app: ${name}}}
spec: {command: [none], serviceAccount: ${name}, ports: [{name: http, protocol: http}]}
---`,
	)
	.join("")}${["good", "broken"].map(service).join("")}`;

const route = (to: string, version: string): string => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: good, namespace: shop}
spec:
  hosts: [good]
  http:
    - headers: {response: {set: {x-version: "${version}"}}}
      route: [{destination: {host: ${to}}}]
`;

interface RolloutView {
	readonly id: string;
	readonly state: string;
	readonly reason?: string;
	readonly touched: number;
	readonly canaries: readonly string[];
}

interface Client {
	readonly instance: WorkloadInstance;
	readonly nodeId: string;
	readonly port: number;
}

/** A control plane, a service that answers, one that answers 500, and clients with sidecars. */
async function startWorld(t: TestContext, kinds: readonly ProxyKind[], args: readonly string[] = []) {
	const stateFolder = join(makeTemporaryFolder(t), "state");
	const ports = { admin: await findFreePort(), xds: await findFreePort() };
	const start = (): Promise<ControlPlaneProcess> => startControlPlaneProcess(t, stateFolder, args, ports);
	let plane = await start();
	const put = async (text: string): Promise<void> => {
		const { status, body } = await plane.admin("PUT", "/v1/config", text);
		assert.equal(status, 200, body);
	};
	await put(config + route("good", "1"));
	const register = async (instance: WorkloadInstance): Promise<void> => {
		const path = `/v1/instances/${instance.namespace}/${instance.name}`;
		const answer = await plane.admin("PUT", path, JSON.stringify({ ...instance, leaseTtlMs: 600_000 }));
		assert.equal(answer.status, 200, answer.body);
	};
	for (const [name, status] of [
		["good", 200],
		["broken", 500],
	] as const) {
		const port = await startApplication(t, (_request, response) => void response.writeHead(status).end(name));
		const { httpProxyPort: _, adminPort: __, sidecar: ___, ...plain } = await createRunningInstance(name, port);
		await register({ ...plain, pattern: "none", ports: plain.ports.map((item) => ({ ...item, meshPort: port })) });
	}
	const startClient = async (kind: ProxyKind, ordinal: number): Promise<Client> => {
		const instance = await createRunningInstance("web", 1, ["good"], {
			name: `web-${ordinal}`,
			sidecar: kind,
			ports: [],
		});
		await register(instance);
		const { admin: _, ...bootstrap } = buildBootstrap({
			...{ instance, xdsAddresses: [plane.xdsAddress], meshName: "test", clusterDomain: "cluster.local" },
			secretSocket: "/nowhere.sock",
		});
		const proxy = await startProxyProcess(t, kind, makeTemporaryFolder(t), bootstrap);
		await register({ ...instance, adminPort: proxy.adminPort });
		return { instance, nodeId: formatNodeId(instance, "cluster.local"), port: instance.upstreams[0]!.listenPort };
	};
	const clients = await Promise.all(kinds.map(startClient));
	const versionOf = async ({ port }: Client): Promise<string> => {
		const { status, headers } = await sendRequest({ port, path: "/", headers: { host: "good" } });
		return `${status} ${String(headers["x-version"])}`;
	};
	for (const client of clients)
		await eventually(async () => assert.equal(await versionOf(client), "200 1"), { deadlineMs: 60_000 });
	const load = clients.map((client) => {
		const call = { port: client.port, path: "/", headers: { host: "good" } };
		return { client, ...startSteadyLoad(call, { perSecond: 40 }), call };
	});
	t.after(() => Promise.all(load.map(({ stop }) => stop())));
	return {
		clients,
		load,
		put,
		versionOf,
		admin: (method: string, path: string, body?: string) => plane.admin(method, path, body),
		async restart() {
			await plane.kill();
			plane = await start();
		},
		async begin(text: string, query: string): Promise<RolloutView> {
			const answer = await plane.admin("POST", `/v1/rollouts?${query}`, text);
			assert.equal(answer.status, 200, answer.body);
			return (JSON.parse(answer.body) as { rollout: RolloutView }).rollout;
		},
		rollout: async (id: string): Promise<RolloutView> =>
			JSON.parse((await plane.admin("GET", `/v1/rollouts/${id}`)).body) as RolloutView,
		until: (id: string, state: string): Promise<RolloutView> =>
			eventually(
				async () => {
					const found = JSON.parse((await plane.admin("GET", `/v1/rollouts/${id}`)).body) as RolloutView;
					assert.equal(found.state, state, JSON.stringify(found));
					return found;
				},
				{ deadlineMs: 90_000 },
			),
	};
}

for (const kind of ["amime", "envoy"] as const) {
	const skip = kind === "envoy" && skipWithout("envoy", findEnvoy());

	test(`a bad change hits the canary alone and is taken back, a good one reaches all (${kind})`, {
		skip,
	}, async (t) => {
		const world = await startWorld(t, [kind, kind, kind]);
		const bad = await world.begin(route("broken", "2"), "steps=30&watch=600&minRequests=30");
		const back = await world.until(bad.id, "taken-back");
		assert.match(back.reason!, /\d+(\.\d+)?% of \d+ requests failed, /);
		assert.equal(back.touched, 3);
		const canary = world.clients.find(({ nodeId }) => nodeId === back.canaries[0])!;
		assert.deepEqual(back.canaries, [canary.nodeId]);
		for (const client of world.clients)
			await eventually(async () => assert.equal(await world.versionOf(client), "200 1"));
		const failures = world.load.map(({ client, failures: found }) => [client.nodeId, found.length > 0]);
		assert.deepEqual(
			failures,
			world.clients.map(({ nodeId }) => [nodeId, nodeId === canary.nodeId]),
		);
		assert.doesNotMatch((await world.admin("GET", "/v1/config?kind=VirtualService")).body, /broken/);

		const refused = await world.begin(route("good", "%NO_SUCH_OPERATOR%"), "steps=30&watch=600");
		assert.match((await world.until(refused.id, "taken-back")).reason!, /refused it: .*NO_SUCH_OPERATOR/);

		const before = world.load.map(({ failures: found }) => found.length);
		const good = await world.begin(route("good", "3"), "steps=30,100&watch=3&minRequests=20");
		await world.until(good.id, "observing");
		await eventually(async () => {
			const seen = await Promise.all(world.clients.map(world.versionOf));
			assert.deepEqual(seen.sort(), ["200 1", "200 1", "200 3"]);
		});
		const again = await world.admin("PUT", "/v1/config", route("good", "4"));
		assert.deepEqual([again.status, /ROLLOUT_RUNNING/.test(again.body)], [409, true]);
		assert.equal((await world.admin("DELETE", "/v1/config/VirtualService/shop/good")).status, 409);
		assert.equal((await world.admin("POST", "/v1/rollouts", route("good", "5"))).status, 409);
		assert.equal((await world.admin("POST", "/v1/rollback/1")).status, 409);
		await world.put(service("other"));
		const done = await world.until(good.id, "completed");
		for (const client of world.clients)
			await eventually(async () => assert.equal(await world.versionOf(client), "200 3"));
		assert.deepEqual(
			world.load.flatMap(({ failures: found }, position) => found.slice(before[position])),
			[],
			"nobody noticed",
		);
		assert.match(done.reason!, /3 of 3 proxies: outbound requests: 0% of \d+ requests failed/);
		const { items } = JSON.parse((await world.admin("GET", "/v1/history")).body) as {
			items: { author: string; action: string; note?: string; changes: unknown[] }[];
		};
		assert.deepEqual(
			items.slice(0, 4).map(({ author, action, changes }) => [author, action, changes.length]),
			[
				["owner", "canary", 1],
				["owner", "apply", 1],
				["owner", "canary-taken-back", 0],
				["owner", "canary-taken-back", 0],
			],
		);
		assert.match(items[3]!.note!, /VirtualService shop\/good: /);
	});
}

test("a control plane that is killed in the middle goes on with what it began", async (t) => {
	const world = await startWorld(t, ["amime", "amime"]);
	const rollout = await world.begin(route("good", "2"), "steps=50&watch=6&minRequests=20");
	await world.until(rollout.id, "observing");
	await eventually(async () =>
		assert.deepEqual((await Promise.all(world.clients.map(world.versionOf))).sort(), ["200 1", "200 2"]),
	);
	await world.restart();
	assert.equal((await world.admin("PUT", "/v1/config", route("good", "3"))).status, 409);
	assert.deepEqual((await Promise.all(world.clients.map(world.versionOf))).sort(), ["200 1", "200 2"]);
	await world.until(rollout.id, "completed");
	for (const client of world.clients)
		await eventually(async () => assert.equal(await world.versionOf(client), "200 2"));
	assert.deepEqual(
		world.load.flatMap(({ failures }) => failures),
		[],
	);
});

test("control planes on one etcd roll out together, whoever is asked", {
	skip: skipWithout("etcd", findEtcd()),
}, async (t) => {
	const etcd = await startEtcd(t);
	await untilEtcdAnswers(etcd.address);
	const store = ["--store", `etcd://${etcd.address}/mesh`];
	const world = await startWorld(t, ["amime", "amime"], store);
	const other = await startControlPlaneProcess(t, join(makeTemporaryFolder(t), "state"), store);
	const answer = await other.admin("POST", "/v1/rollouts?steps=50&watch=3", route("broken", "2"));
	assert.equal(answer.status, 200, answer.body);
	const { rollout } = JSON.parse(answer.body) as { rollout: RolloutView };
	const back = await world.until(rollout.id, "taken-back");
	assert.deepEqual([back.touched, back.canaries.length], [2, 1]);
	await eventually(async () =>
		assert.match((await other.admin("GET", `/v1/rollouts/${rollout.id}`)).body, /"state":"taken-back"/),
	);
	const { body } = await other.admin("GET", "/v1/history");
	assert.equal(body.match(/canary-taken-back/g)?.length, 1, "one of them says so");
});
