import assert from "node:assert/strict";
import { test } from "node:test";
import { buildMesh, parseDocuments } from "../index.ts";

const cluster = `
apiVersion: v1
kind: Node
metadata: { name: node-a, labels: { topology.kubernetes.io/region: r1, topology.kubernetes.io/zone: z1 } }
---
apiVersion: v1
kind: Namespace
metadata: { name: shop, labels: { team: shop } }
---
apiVersion: v1
kind: Pod
metadata: { name: web-a, namespace: shop, labels: { app: web, version: v1 } }
spec: { nodeName: node-a, serviceAccountName: web, containers: [{ name: c, image: x, ports: [{ name: admin, containerPort: 9090 }] }] }
status: { phase: Running, podIP: 10.0.0.1, conditions: [{ type: Ready, status: "True" }] }
---
apiVersion: v1
kind: Service
metadata: { name: web, namespace: shop }
spec:
  clusterIP: 10.96.0.1
  selector: { app: web }
  ports:
    - { name: http, port: 80, targetPort: 8080 }
    - { name: other, port: 81, targetPort: 8081 }
    - { name: https, port: 443, targetPort: 8443 }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: web-1, namespace: shop, labels: { kubernetes.io/service-name: web } }
addressType: IPv4
ports: [{ name: http, port: 8080 }, { name: other, port: 8081 }, { name: https, port: 8443 }]
endpoints:
  - addresses: [10.0.0.1]
    conditions: { ready: true }
    targetRef: { kind: Pod, name: web-a, namespace: shop }
  - addresses: [10.0.0.9]
    conditions: { ready: false }
---
apiVersion: v1
kind: Service
metadata: { name: plain, namespace: shop }
spec: { clusterIP: None, selector: { app: web }, ports: [{ name: http, port: 80, targetPort: admin }] }
`;

function build(text = cluster) {
	const { objects, problems } = parseDocuments(text, "a.yaml");
	assert.deepEqual(problems, []);
	return buildMesh(objects, []).mesh;
}

test("the label istio-locality says where a Pod or an entry is, in place of its node", () => {
	const mesh = build(
		`${cluster.replace("version: v1 }", "version: v1, istio-locality: r2.z2.s2 }")}---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: a, namespace: shop }
spec: { address: 10.0.0.5, labels: { istio-locality: r3.z3 } }
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: b, namespace: shop }
spec: { address: 10.0.0.6, locality: r4, labels: { istio-locality: r3.z3 } }
`,
	);
	const labelled = { region: "r2", zone: "z2", subZone: "s2" };
	assert.deepEqual(mesh.services.find(({ name }) => name === "web")!.endpoints![0]!.locality, labelled);
	assert.deepEqual(mesh.declaredInstances[0]!.locality, labelled);
	assert.deepEqual(
		mesh.workloadEntries.map(({ locality }) => locality),
		[
			{ region: "r3", zone: "z3", subZone: "" },
			{ region: "r4", zone: "", subZone: "" },
		],
	);
});

test("EndpointSlices are the endpoints of their Service, with what the Pods behind them say", () => {
	const web = build().services.find(({ name }) => name === "web")!;
	assert.equal(web.selector, undefined);
	assert.deepEqual(web.addresses, ["10.96.0.1"]);
	const ports = { http: 8080, other: 8081, https: 8443 };
	assert.deepEqual(web.endpoints, [
		{
			address: "10.0.0.1",
			ports,
			hasOnlyNamedPorts: true,
			labels: { app: "web", version: "v1" },
			locality: { region: "r1", zone: "z1", subZone: "" },
			nodeName: "node-a",
			weight: 1,
			serviceAccount: "web",
			workload: "web",
			health: "ready",
			namespace: "shop",
		},
		{
			address: "10.0.0.9",
			ports,
			hasOnlyNamedPorts: true,
			labels: {},
			weight: 1,
			health: "unready",
			namespace: "shop",
		},
	]);
});

test("a port of a cluster's Service that declares nothing is sniffed, and one of TLS is TLS", () => {
	const web = build().services.find(({ name }) => name === "web")!;
	assert.deepEqual(
		web.ports.map(({ protocol }) => protocol),
		["http", "auto", "tls"],
	);
});

test("a Pod is an instance with the ports that Services lead to, by slice or by selector and name", () => {
	const [pod, ...others] = build().instances;
	assert.deepEqual(others, []);
	assert.deepEqual(
		[pod!.name, pod!.serviceAccount, pod!.address, pod!.declaredBy],
		["web-a", "web", "10.0.0.1", "Pod"],
	);
	assert.deepEqual(
		pod!.ports.map(({ name, appPort, protocol }) => `${name} ${appPort} ${protocol}`),
		["http 9090 http", "http 8080 http", "other 8081 auto", "https 8443 tls"],
	);
});

test("a Pod that has ended or has no address is no instance", () => {
	assert.deepEqual(build(cluster.replace("phase: Running", "phase: Succeeded")).instances, []);
	assert.deepEqual(build(cluster.replace("podIP: 10.0.0.1,", "")).instances, []);
});

test("publishNotReadyAddresses makes every endpoint ready", () => {
	const web = build(cluster.replace("clusterIP: 10.96.0.1", "publishNotReadyAddresses: true")).services.find(
		({ name }) => name === "web",
	)!;
	assert.deepEqual(
		web.endpoints!.map(({ health }) => health),
		["ready", "ready"],
	);
});

test("headless Services, ExternalName and preferences reach the model", () => {
	const of = (spec: object, more: object = {}) =>
		build(JSON.stringify({ apiVersion: "v1", kind: "Service", metadata: { name: "a", namespace: "b", ...more }, spec }))
			.services[0]!;
	assert.equal(of({ clusterIP: "None", ports: [{ port: 80 }] }).isHeadless, true);
	assert.equal(of({ type: "ExternalName", externalName: "a.example.com" }).aliasOf, "a.example.com");
	assert.equal(of({ ports: [{ port: 80 }], trafficDistribution: "PreferClose" }).trafficDistribution, "PreferSameZone");
	assert.equal(of({ ports: [{ port: 80 }], internalTrafficPolicy: "Local" }).isNodeLocal, true);
	const annotations = { "networking.istio.io/exportTo": "., other" };
	assert.deepEqual(of({ ports: [{ port: 80 }] }, { annotations }).exportTo, ["b", "other"]);
});

test("an unknown field beside metadata is a problem where it is", () => {
	const { problems } = parseDocuments(cluster.replace("addressType: IPv4", "addressTypes: IPv4"), "a.yaml");
	assert.deepEqual(
		problems.map(({ path, problem }) => `${path}: ${problem.slice(0, 14)}`),
		["addressType: is required", "addressTypes: unknown field "],
	);
});
