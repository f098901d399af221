/** Three control planes on one etcd: what one is told all know, and proxies move over when theirs is killed. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createSecretServer } from "../../src/agent/secret-server/index.ts";
import { buildBootstrap, formatNodeId } from "../../src/agent/supervise/bootstrap.ts";
import { createRemoteSigner } from "../../src/agent/svid-client/index.ts";
import { createSvidSource } from "../../src/identity/index.ts";
import { formatSpiffeId, type WorkloadInstance } from "../../src/model/index.ts";
import { createRunningInstance, startApplication } from "../support/control-plane.ts";
import { type ControlPlaneProcess, startControlPlaneProcess } from "../support/control-plane-process.ts";
import { startEtcd, untilEtcdAnswers } from "../support/etcd.ts";
import { eventually } from "../support/eventually.ts";
import { sendRequest } from "../support/http-call.ts";
import { findEnvoy, findEtcd, skipWithout } from "../support/peers.ts";
import { type ProxyKind, startProxyProcess } from "../support/proxy-process.ts";
import { startSteadyLoad } from "../support/steady-load.ts";
import { makeTemporaryFolder } from "../support/temporary-folder.ts";

const skip = skipWithout("etcd", findEtcd()) || skipWithout("envoy", findEnvoy());

const workload = (name: string): string => `
apiVersion: amime.dev/v1alpha1
kind: Workload
metadata: {name: ${name}, namespace: shop, labels: {app: ${name}}}
spec: {command: [none], serviceAccount: ${name}, ports: [{name: http, protocol: http}]}
---`;

const config = (version: string): string => `${workload("a")}${workload("b")}
apiVersion: v1
kind: Service
metadata: {name: a, namespace: shop}
spec: {selector: {app: a}, ports: [{name: http, port: 80, targetPort: http}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: a, namespace: shop}
spec:
  parentRefs: [{group: "", kind: Service, name: a}]
  rules:
    - filters: [{type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: x-version, value: "${version}"}]}}]
      backendRefs: [{name: a, port: 80}]
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec: {mtls: {mode: STRICT}}
`;

async function startSidecar(
	t: TestContext,
	kind: ProxyKind,
	instance: WorkloadInstance,
	planes: readonly ControlPlaneProcess[],
): Promise<void> {
	const { namespace, serviceAccount } = instance;
	const folder = makeTemporaryFolder(t);
	const { adminUrl, token } = planes[0]!;
	const svid = createSvidSource({
		spiffeId: formatSpiffeId({ trustDomain: "cluster.local", namespace, serviceAccount }),
		sign: createRemoteSigner({ adminUrl, token, namespace, serviceAccount }),
	});
	t.after(() => svid.close());
	const secretSocket = join(folder, "sds.sock");
	const secrets = createSecretServer({ socketPath: secretSocket, svid });
	await secrets.start();
	t.after(() => secrets.close());
	const bootstrap = buildBootstrap({
		instance,
		xdsAddresses: planes.map((plane) => plane.xdsAddress),
		secretSocket,
		meshName: "test",
		clusterDomain: "cluster.local",
	});
	const { admin: _, ...rest } = bootstrap;
	await startProxyProcess(t, kind, folder, rest);
}

/** The control planes that say that the proxy is connected to them. */
async function holdersOf(instance: WorkloadInstance, planes: readonly ControlPlaneProcess[]) {
	const id = formatNodeId(instance, "cluster.local");
	const holders: ControlPlaneProcess[] = [];
	for (const plane of planes) {
		if (plane.process.signalCode !== null) continue;
		const { body } = await plane.admin("GET", "/v1/proxies");
		if (body.includes(id)) holders.push(plane);
	}
	return holders;
}

test("three control planes share an etcd, and none is missed when it is killed", { skip }, async (t) => {
	const etcd = await startEtcd(t);
	await untilEtcdAnswers(etcd.address);
	const root = makeTemporaryFolder(t);
	const store = ["--store", `etcd://${etcd.address}/mesh`];
	const planes: ControlPlaneProcess[] = [];
	// Each has a folder of its own, and all share one authority.
	for (const name of ["state-0", "state-1", "state-2"])
		planes.push(await startControlPlaneProcess(t, join(root, name), store));
	const bundles = await Promise.all(planes.map((plane) => plane.admin("GET", "/v1/identity/bundle")));
	assert.equal(new Set(bundles.map(({ body }) => JSON.parse(body).bundle)).size, 1);
	const [first, second, third] = planes as [ControlPlaneProcess, ControlPlaneProcess, ControlPlaneProcess];
	assert.equal((await first.admin("PUT", "/v1/config", config("1"))).status, 200);
	await eventually(async () => assert.match((await third.admin("GET", "/v1/config?kind=HTTPRoute")).body, /x-version/));

	const appPort = await startApplication(t, (_request, response) => void response.end("a"));
	const server = await createRunningInstance("a", appPort);
	const client = await createRunningInstance("b", appPort, ["a"]);
	for (const instance of [server, client]) {
		const path = `/v1/instances/${instance.namespace}/${instance.name}`;
		const answer = await second.admin("PUT", path, JSON.stringify({ ...instance, leaseTtlMs: 60_000 }));
		assert.equal(answer.status, 200, answer.body);
	}
	await startSidecar(t, "envoy", server, planes);
	await startSidecar(t, "amime", client, planes);
	const call = { port: client.upstreams[0]!.listenPort, path: "/", headers: { host: "a" } };
	const untilVersion = (version: string) =>
		eventually(
			async () => {
				const { status, headers } = await sendRequest(call);
				assert.deepEqual([status, headers["x-version"]], [200, version]);
			},
			{ deadlineMs: 60_000 },
		);
	await untilVersion("1");

	const load = startSteadyLoad(call, { perSecond: 50 });
	for (const version of ["2", "3"]) {
		const [holder] = await holdersOf(client, planes);
		assert.ok(holder, "the client's sidecar is connected");
		await holder.kill();
		const alive = planes.find((plane) => plane.process.signalCode === null)!;
		assert.equal((await alive.admin("PUT", "/v1/config", config(version))).status, 200);
		await untilVersion(version);
	}
	await etcd.stop();
	const last = planes.find((plane) => plane.process.signalCode === null)!;
	assert.equal((await last.admin("PUT", "/v1/config", config("4"))).status, 503);
	await load.stop();
	assert.deepEqual(load.failures, []);
});
