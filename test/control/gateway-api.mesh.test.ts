/** Routes of the Gateway API with Service parents, through what the proxy of a captured client is given. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { captureClient, clientPod, clusterService } from "../support/captured-client.ts";

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
