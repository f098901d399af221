/** Istio's debug paths, as its tools read them. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { credentials } from "@grpc/grpc-js";
import { clusterType, endpointType, listenerType, routeType, secretType } from "../../src/xds/server/index.ts";
import { application } from "../support/control-mesh.ts";
import { createRunningInstance, startControlPlane } from "../support/control-plane.ts";
import { holdStream, mutualTls } from "../support/discovery-call.ts";
import { eventually } from "../support/eventually.ts";
import { sendRequest } from "../support/http-call.ts";
import { createTestPki } from "../support/pki.ts";

type Json = Record<string, unknown>;

const entry = `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: outside, namespace: shop}
spec: {hosts: [api.example.com], ports: [{number: 443, name: tls, protocol: TLS}], resolution: DNS, location: MESH_EXTERNAL}
`;
const nodeId = "sidecar~127.0.0.1~web-0.shop~shop.svc.cluster.local";

async function start(t: TestContext, more = "") {
	const control = await startControlPlane(t, `${application("web")}---${application("orders")}---${entry}${more}`, {
		xdsTlsAddress: "127.0.0.1:0",
	});
	const web = await createRunningInstance("web", 4_000, ["orders"]);
	await control.register(web);
	await control.register(await createRunningInstance("orders", 4_001));
	const get = async <T = Json>(path: string): Promise<T> => {
		const answer = await sendRequest({ port: control.plane.adminPort, path });
		assert.equal(answer.status, 200, answer.body);
		assert.match(String(answer.headers["content-type"]), /^application\/json/);
		return JSON.parse(answer.body) as T;
	};
	const stream = holdStream(t, {
		...{ port: control.plane.xdsPort, credentials: credentials.createInsecure() },
		node: { id: nodeId, metadata: { LABELS: { app: "web" }, CLUSTER_ID: "east" } },
	});
	return { control, web, get, stream };
}

test("adsz, connections and syncz tell who is connected, what it watches and how far it is", async (t) => {
	const { get, stream } = await start(t);
	assert.deepEqual(await get("/debug/adsz"), { totalClients: 0 });
	await stream.subscribe(clusterType);
	await stream.subscribe(endpointType, ["outbound|80||orders.shop.svc.cluster.local"]);
	await stream.subscribe(listenerType, [], { refusing: "listener of no use" });
	await eventually(async () => {
		const [sync] = await get<Json[]>("/debug/syncz");
		const resources = sync!["resources"] as Record<string, Json>;
		assert.equal(resources[listenerType]?.["lastError"], "listener of no use");
		assert.deepEqual(
			[sync!["proxy"], sync!["proxy_type"], sync!["cluster_id"], sync!["cluster_sent"] === sync!["cluster_acked"]],
			["web-0.shop", "sidecar", "east", true],
		);
		assert.notEqual(sync!["listener_sent"], sync!["listener_acked"]);
	});
	assert.deepEqual(await get("/debug/syncz?namespace=other"), []);
	const { clients, totalClients } = await get<{ clients: Json[]; totalClients: number }>(
		"/debug/adsz?proxyID=web-0.shop",
	);
	assert.equal(totalClients, 1);
	const [client] = clients;
	assert.match(String(client!["connectionId"]), /^web-0\.shop-/);
	assert.deepEqual(client!["labels"], { app: "web" });
	assert.deepEqual(client!["watches"], {
		[clusterType]: [],
		[endpointType]: ["outbound|80||orders.shop.svc.cluster.local"],
		[listenerType]: [],
	});
	const [connection] = (await get<{ clients: Json[] }>("/debug/connections")).clients;
	assert.deepEqual(Object.keys(connection!), ["connectionId", "connectedAt", "address"]);
});

test("config_dump, edsz and their likes tell what a proxy was given", async (t) => {
	const { control, get, stream } = await start(t);
	await stream.subscribe(clusterType);
	await stream.subscribe(endpointType, ["outbound|80||orders.shop.svc.cluster.local"]);
	await stream.subscribe(listenerType);
	await stream.subscribe(routeType, ["orders.shop.svc.cluster.local:80"]);
	const { configs } = await get<{ configs: Json[] }>("/debug/config_dump?proxyID=web-0.shop&pretty");
	const of = (name: string): Json => configs.find((config) => String(config["@type"]).endsWith(`.${name}`))!;
	assert.deepEqual(
		configs.map((config) => String(config["@type"]).split(".").at(-1)),
		[
			...["BootstrapConfigDump", "ClustersConfigDump", "ListenersConfigDump", "ScopedRoutesConfigDump"],
			...["RoutesConfigDump", "SecretsConfigDump", "EcdsConfigDump"],
		],
	);
	const clusters = of("ClustersConfigDump")["dynamicActiveClusters"] as { cluster: Json; clientStatus: string }[];
	const orders = clusters.find(({ cluster }) => cluster["name"] === "outbound|80||orders.shop.svc.cluster.local")!;
	assert.equal(orders.cluster["@type"], clusterType);
	assert.equal(orders.cluster["type"], "EDS");
	const listeners = of("ListenersConfigDump")["dynamicListeners"] as {
		name: string;
		activeState: { listener: Json };
	}[];
	assert.ok(listeners.every(({ name, activeState }) => activeState.listener["name"] === name));
	assert.equal((of("RoutesConfigDump")["dynamicRouteConfigs"] as Json[]).length, 1);
	const withEndpoints = await get<{ configs: Json[] }>(`/debug/config_dump?proxyID=${nodeId}&include_eds`);
	assert.ok(withEndpoints.configs.some((config) => String(config["@type"]).endsWith("EndpointsConfigDump")));
	const typed = await get<{ configs: Json[] }>("/debug/config_dump?proxyID=web-0.shop&types=rds,cds");
	assert.deepEqual(new Set(typed.configs.map((config) => config["@type"])), new Set([routeType, clusterType]));
	const endpoints = await get<{ configs: { clusterName: string }[] }>("/debug/edsz?proxyID=web-0");
	assert.deepEqual(
		endpoints.configs.map(({ clusterName }) => clusterName),
		["outbound|80||orders.shop.svc.cluster.local"],
	);
	const status = async (path: string) => (await sendRequest({ port: control.plane.adminPort, path })).status;
	assert.equal(await status("/debug/config_dump"), 400);
	assert.equal(await status("/debug/config_dump?proxyID=nobody.shop"), 404);
	assert.equal(await status("/debug/config_dump?proxyID=web-0.shop&types=xyz"), 400);
});

test("registryz, endpointz and configz tell the mesh as it is understood", async (t) => {
	const secret = `---
{apiVersion: v1, kind: Secret, metadata: {name: key, namespace: shop}, type: Opaque, stringData: {password: hidden-word}}
`;
	const { get, web } = await start(t, secret);
	await eventually(async () => {
		const shards =
			await get<Record<string, Record<string, { Shards: Record<string, Json[]>; ServiceAccounts: Json }>>>(
				"/debug/endpointz",
			);
		const own = shards["web.shop.svc.cluster.local"]!["shop"]!;
		assert.deepEqual(own.ServiceAccounts, { "spiffe://cluster.local/ns/shop/sa/web": {} });
		const [endpoint] = own.Shards["Kubernetes/amime"]!;
		assert.deepEqual(
			[endpoint!["Addresses"], endpoint!["EndpointPort"], endpoint!["TLSMode"], endpoint!["HealthStatus"]],
			[["127.0.0.1"], web.ports[0]!.meshPort, "istio", 1],
		);
	});
	const services = await get<Json[]>("/debug/registryz");
	const outside = services.find(({ hostname }) => hostname === "api.example.com")!;
	assert.deepEqual(
		[outside["MeshExternal"], outside["Resolution"], (outside["Attributes"] as Json)["ServiceRegistry"]],
		[true, 1, "External"],
	);
	const own = services.find(({ hostname }) => hostname === "web.shop.svc.cluster.local")!;
	assert.deepEqual(own["ports"], [{ name: "http", port: 80, protocol: "HTTP" }]);
	const objects = await get<{ kind: string; metadata: Json }[]>("/debug/configz");
	assert.ok(objects.some(({ kind, metadata }) => kind === "ServiceEntry" && metadata["name"] === "outside"));
	assert.doesNotMatch(JSON.stringify(objects), /hidden-word/);
	assert.ok((await get<string[]>("/debug/list")).includes("config_dump"));
});

test("a dump of a gateway has its certificates and not their keys", async (t) => {
	const own = createTestPki();
	const pair = own.issue(own.idOf("anything"), { dnsNames: ["web.example"] });
	const gateway = `---
apiVersion: amime.dev/v1alpha1
kind: Workload
metadata: {name: gw, namespace: edge, labels: {app: gw}}
spec: {command: [none], serviceAccount: gw, pattern: none}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: ig, namespace: edge}
spec:
  selector: {app: gw}
  servers:
    - {port: {number: 8443, name: https, protocol: HTTPS}, bind: 127.0.0.1, hosts: [web.example], tls: {mode: SIMPLE, credentialName: web}}
---
${JSON.stringify({
	...{ apiVersion: "v1", kind: "Secret", metadata: { name: "web", namespace: "edge" }, type: "kubernetes.io/tls" },
	stringData: { "tls.crt": pair.certificateChainPem, "tls.key": pair.privateKeyPem },
})}
`;
	const { control, get } = await start(t, gateway);
	const pki = createTestPki({ stateFolder: control.stateFolder });
	const stream = holdStream(t, {
		port: control.plane.xdsTlsPort!,
		credentials: mutualTls(pki.issue(pki.idOf("gw", "edge")), pki.bundlePem),
		node: { id: "router~127.0.0.1~gw-0.edge~edge.svc.cluster.local", metadata: { LABELS: { app: "gw" } } },
	});
	await stream.subscribe(secretType, ["kubernetes-gateway://edge/web"]);
	const text = JSON.stringify(await get("/debug/config_dump?proxyID=gw-0.edge"));
	assert.match(text, /kubernetes-gateway:\/\/edge\/web/);
	const [, line] = pair.privateKeyPem.split("\n");
	const decoded = text.replace(/"inlineBytes":"([^"]*)"/g, (_, bytes: string) =>
		Buffer.from(bytes, "base64").toString(),
	);
	assert.match(decoded, /\[redacted\]/);
	assert.ok(!decoded.includes(line!), "the key is nowhere");
	assert.match(JSON.stringify(await get("/debug/config_dump?proxyID=gw-0.edge&types=sds")), /certificateChain/);
});
