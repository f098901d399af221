/** Routes of the Gateway API with Service parents, through what the proxy of a captured client is given. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { listenerType } from "../../src/xds/server/index.ts";
import { type CapturedClient, captureClient, clientPod, clusterService } from "../support/captured-client.ts";

const tcp = "[{name: tcp, port: 7000, targetPort: 7000}, {name: tls-x, port: 443, targetPort: 443}]";
const world = [
	clientPod,
	clusterService("raw", 1, { ports: tcp }),
	clusterService("other", 2, { ports: tcp }),
	clusterService("far", 3, { namespace: "partner", ports: tcp }),
	clusterService("rpc", 4, { ports: "[{name: grpc, port: 9000, targetPort: 9000}]" }),
];

const routeOf = (kind: string, name: string, parent: object, backend: object, more: object = {}, namespace = "shop") =>
	JSON.stringify({
		apiVersion: "gateway.networking.k8s.io/v1",
		kind,
		metadata: { name, namespace },
		spec: { parentRefs: [{ group: "", kind: "Service", ...parent }], rules: [{ backendRefs: [backend] }], ...more },
	});

test("a TCPRoute of a Service leads its connections elsewhere, on the port that it names", () => {
	const to = { name: "other", port: 7000 };
	const client = captureClient([...world, routeOf("TCPRoute", "t", { name: "raw", port: 7000 }, to)]);
	assert.deepEqual(client.connect("10.0.0.1", 7000), ["outbound|7000||other.shop.svc.cluster.local"]);
	assert.deepEqual(client.connect("10.0.0.1", 443, "a.example"), ["outbound|443||raw.shop.svc.cluster.local"]);
	assert.deepEqual(client.connect("10.0.0.2", 7000), ["outbound|7000||other.shop.svc.cluster.local"]);
});

test("a route in another namespace is for its own clients, before the Service's own routes", () => {
	const documents = [
		...world,
		routeOf("TCPRoute", "own", { name: "raw" }, { name: "other", port: 7000 }),
		routeOf("TCPRoute", "consumer", { name: "raw", namespace: "shop" }, { name: "far", port: 7000 }, {}, "partner"),
	];
	const of = (pod: string) => captureClient(documents, pod).connect("10.0.0.1", 7000);
	assert.deepEqual(of("client.shop"), ["outbound|7000||other.shop.svc.cluster.local"]);
	assert.deepEqual(of("visitor.partner"), ["outbound|7000||far.partner.svc.cluster.local"]);
});

test("a TLSRoute of a Service goes by server name", () => {
	const client = captureClient([
		...world,
		routeOf(
			"TLSRoute",
			"t",
			{ name: "raw", sectionName: "tls-x" },
			{ name: "other", port: 443 },
			{ hostnames: ["a.example"] },
		),
	]);
	assert.deepEqual(client.connect("10.0.0.1", 443, "a.example"), ["outbound|443||other.shop.svc.cluster.local"]);
});

test("a GRPCRoute of a Service goes by service and method", () => {
	const client = captureClient([
		...world,
		clusterService("next", 5, { ports: "[{name: grpc, port: 9000, targetPort: 9000}]" }),
		routeOf(
			"GRPCRoute",
			"g",
			{ name: "rpc" },
			{ name: "rpc", port: 9000 },
			{
				rules: [
					{ matches: [{ method: { service: "a.B" } }], backendRefs: [{ name: "next", port: 9000 }] },
					{ backendRefs: [{ name: "rpc", port: 9000 }] },
				],
			},
		),
	]);
	assert.match(client.request("POST rpc:9000/a.B/C")!.cluster!, /next\.shop/);
	assert.match(client.request("POST rpc:9000/a.C/C")!.cluster!, /rpc\.shop/);
});

/** Addresses that have a listener for HTTP of their own. */
const addressesOf = ({ snapshot }: CapturedClient, port: number): string[] =>
	[...(snapshot.resources.get(listenerType)?.keys() ?? [])]
		.filter((name) => name.startsWith("10.0.0.") && name.endsWith(`_${port}`))
		.map((name) => name.slice(0, name.indexOf("_")));

test("services have listeners of their own at ports where one of them has an HTTPRoute, all while they are few", () => {
	const services = (count: number): string[] =>
		Array.from({ length: count }, (_, at) => clusterService(`s${at + 1}`, at + 1, { versions: [] }));
	const route = routeOf("HTTPRoute", "r", { name: "s2" }, { name: "s1", port: 80 });
	assert.deepEqual(addressesOf(captureClient([clientPod, ...services(3)]), 80), []);
	const few = captureClient([clientPod, ...services(3), route]);
	assert.deepEqual(addressesOf(few, 80).sort(), ["10.0.0.1", "10.0.0.2", "10.0.0.3"]);
	assert.deepEqual(addressesOf(captureClient([clientPod, ...services(101), route]), 80), ["10.0.0.2"]);
});

test("a port that a Sidecar opens for some hosts stays theirs alone, also by address", () => {
	const sidecar = `
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: shop}
spec:
  egress:
  - {port: {number: 80, protocol: HTTP, name: http}, hosts: [./s1]}
  - {hosts: ["*/*"]}`;
	const services = [1, 2].map((number) => clusterService(`s${number}`, number));
	const routes = [1, 2].map((number) =>
		routeOf("HTTPRoute", `r${number}`, { name: `s${number}` }, { name: "s1", port: 80 }),
	);
	assert.deepEqual(addressesOf(captureClient([clientPod, ...services, ...routes, sidecar]), 80), ["10.0.0.1"]);
});
