/** HTTPRoutes of Services hold for connections to the Service: at its address, whatever host a request names. From a Pod whose connections
 *  the kernel hands to its proxy, on amime and on Envoy. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { connect } from "node:net";
import { type TestContext, test } from "node:test";
import { captureBootstrap } from "../support/captured-pod.ts";
import { startControlPlane } from "../support/control-plane.ts";
import { eventually } from "../support/eventually.ts";
import { addAddresses, isInNamespace, redirect, testInNamespace } from "../support/network-namespace.ts";
import { toDocuments } from "../support/orders-workload.ts";
import { startProxyProcess } from "../support/proxy-process.ts";
import { makeTemporaryFolder } from "../support/temporary-folder.ts";

const patient = { deadlineMs: 60_000 };
const pod = "10.9.0.1";
/** Addresses of Services, and of their Pods. */
const [web, api, other] = ["10.8.0.1", "10.8.0.2", "10.8.0.3"];
const [webPod, apiPod, otherPod] = ["10.8.1.1", "10.8.1.2", "10.8.1.3"];

const service = (name: string, clusterIP: string, address: string): object[] => [
	{
		apiVersion: "v1",
		kind: "Service",
		metadata: { name, namespace: "shop" },
		spec: { clusterIP, ports: [{ name: "http", port: 80 }] },
	},
	{
		apiVersion: "discovery.k8s.io/v1",
		kind: "EndpointSlice",
		metadata: { name: `${name}-1`, namespace: "shop", labels: { "kubernetes.io/service-name": name } },
		addressType: "IPv4",
		ports: [{ name: "http", port: 80 }],
		endpoints: [{ addresses: [address], conditions: { ready: true } }],
	},
];

const route = {
	apiVersion: "gateway.networking.k8s.io/v1",
	kind: "HTTPRoute",
	metadata: { name: "web", namespace: "shop" },
	spec: {
		parentRefs: [{ group: "", kind: "Service", name: "web" }],
		rules: [
			{
				filters: [
					{ type: "ResponseHeaderModifier", responseHeaderModifier: { set: [{ name: "x-rule", value: "web" }] } },
				],
				backendRefs: [{ name: "web", port: 80 }],
			},
		],
	},
};

const world = [
	{
		apiVersion: "v1",
		kind: "Pod",
		metadata: { name: "client", namespace: "shop", labels: { app: "client" } },
		spec: { serviceAccountName: "client", containers: [] },
		status: { podIP: pod, conditions: [{ type: "Ready", status: "True" }] },
	},
	...service("web", web!, webPod!),
	...service("api", api!, apiPod!),
];

async function startPods(t: TestContext): Promise<void> {
	for (const [name, host] of [
		["web", webPod!],
		["api", apiPod!],
		["other", otherPod!],
	] as const) {
		const server = createServer((_request, response) => void response.end(name));
		await new Promise<void>((resolve) => server.listen({ host, port: 80 }, resolve));
		t.after(() => void server.close());
	}
}

/** Which Pod answered, and whether by the route. */
function get(address: string, host: string): Promise<string> {
	return new Promise((resolve) => {
		const socket = connect({ host: address, port: 80, localAddress: pod });
		let heard = "";
		const done = (): void => {
			socket.destroy();
			const [head = "", body = ""] = heard.split("\r\n\r\n");
			const name = /web|api|other/.exec(body)?.[0] ?? head.split(" ")[1] ?? "nothing";
			resolve(/^x-rule: web$/im.test(head) ? `${name} by the route` : name);
		};
		socket.setTimeout(20_000, done);
		socket.on("connect", () => socket.write(`GET / HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`));
		socket.on("data", (data) => {
			heard += data.toString("latin1");
		});
		for (const event of ["end", "error", "close"]) socket.on(event, done);
	});
}

if (isInNamespace) {
	addAddresses([pod, web!, api!, other!, webPod!, apiPod!, otherPod!]);
	redirect(pod, "ip daddr 10.8.0.0/16 tcp dport 1-65535", 15_001);
	for (const kind of ["amime", "envoy"] as const)
		test(`a route of a Service holds for connections to its address, on ${kind}`, async (t) => {
			await startPods(t);
			const control = await startControlPlane(t, toDocuments(...world, route));
			const bootstrap = await captureBootstrap(t, control, pod);
			await startProxyProcess(t, kind, makeTemporaryFolder(t), bootstrap);
			const answers = (address: string, host: string, expected: string) =>
				eventually(async () => assert.equal(await get(address, host), expected), patient);

			await t.test("by its own name and by any other", async () => {
				await answers(web!, "web", "web by the route");
				await answers(web!, "api", "web by the route");
				await answers(web!, "elsewhere.example", "web by the route");
			});

			await t.test("not at the address of another Service of the port, nor of a Pod", async () => {
				await answers(api!, "web", "api");
				await answers(api!, "api", "api");
				await answers(webPod!, webPod!, "web");
			});

			await t.test("a Service that comes later stands beside them", async () => {
				control.writeConfig(toDocuments(...world, ...service("other", other!, otherPod!), route));
				await answers(other!, "web", "other");
				await answers(web!, "other", "web by the route");
			});

			await t.test("without the route the host decides again, as in Istio", async () => {
				control.writeConfig(toDocuments(...world));
				await answers(api!, "web", "web");
				await answers(web!, "api", "api");
			});
		});
} else testInNamespace("routes of Services, in a network namespace", import.meta.filename);
