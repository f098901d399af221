import assert from "node:assert/strict";
import { test } from "node:test";
import { createSeededRandom } from "../../core/index.ts";
import type { Service, Workload } from "../../model/index.ts";
import { buildBootstrap } from "./bootstrap.ts";
import { buildEnvironment, expandVariables, planInstance } from "./plan-instance.ts";
import { createPortAllocator } from "./ports.ts";

const source = { file: "mesh.yaml", line: 1 };
const workload: Workload = {
	namespace: "shop",
	name: "web",
	labels: { app: "web" },
	command: ["node", "web.ts"],
	env: { MODE: "test", no_proxy: "mine" },
	ports: [
		{ name: "http", protocol: "http" },
		{ name: "side-door", protocol: "tcp" },
	],
	replicas: 1,
	serviceAccount: "web",
	pattern: "sidecar",
	sidecar: "amime",
	source,
};

function service(namespace: string, name: string, ports: readonly string[] = ["http"]): Service {
	return {
		namespace,
		name,
		labels: {},
		ports: ports.map((port, index) => ({ name: port, port: 80 + index, protocol: "http", targetPort: "http" })),
		source,
	};
}

const services = [service("shop", "reviews-v1"), service("bank", "ledger", ["api", "more"])];
const createPorts = () => createPortAllocator(createSeededRandom(1), async () => true);

test("every listener of an instance has a port of its own, the same when it is planned again", async () => {
	const ports = createPorts();
	const first = await planInstance(workload, 0, services, ports, 1);
	const all = [
		...first.ports.flatMap((port) => [port.appPort, port.meshPort]),
		...first.upstreams.map((upstream) => upstream.listenPort),
		first.adminPort!,
		first.httpProxyPort!,
	];
	assert.equal(all.length, 9);
	assert.equal(new Set(all).size, 9);
	assert.deepEqual(await planInstance(workload, 0, services, ports, 1), first);
	const second = await planInstance(workload, 1, services, ports, 1);
	assert.equal(second.name, "web-1");
	assert.ok(!all.includes(second.adminPort!));
});

test("a host with a wildcard has no listener: nobody connects to it", async () => {
	const planned = await planInstance(workload, 0, [service("shop", "*.wild.example"), ...services], createPorts(), 1);
	assert.deepEqual(
		planned.upstreams.map(({ service: { name } }) => name),
		["reviews-v1", "ledger", "ledger"],
	);
});

test("an instance is where its label says", async () => {
	const labels = { app: "web", "istio-locality": "earth.east.a" };
	const planned = await planInstance({ ...workload, labels }, 0, [], createPorts(), 1);
	assert.deepEqual(planned.locality, { region: "earth", zone: "east", subZone: "a" });
	assert.equal((await planInstance(workload, 0, [], createPorts(), 1)).locality, undefined);
});

test("a gateway listens where its Gateways say, 8000 higher where only the superuser may, elsewhere when that is taken", async () => {
	const gateway = {
		...workload,
		name: "public-amime",
		ports: [],
		pattern: "gateway" as const,
		gatewayPorts: [80, 443, 9000],
	};
	const ports = createPortAllocator(createSeededRandom(1), async (port) => port !== 9000);
	const planned = await planInstance(gateway, 0, services, ports, 1);
	assert.deepEqual(planned.gatewayPorts?.slice(0, 2), [
		{ port: 80, listenPort: 8080 },
		{ port: 443, listenPort: 8443 },
	]);
	assert.ok(![9000, undefined].includes(planned.gatewayPorts?.[2]?.listenPort));
	assert.deepEqual([planned.upstreams, planned.ports, planned.httpProxyPort], [[], [], undefined]);
	assert.deepEqual(await planInstance(gateway, 0, services, ports, 1), planned);
	const bootstrap = buildBootstrap({
		instance: planned,
		xdsAddresses: ["127.0.0.1:15012"],
		xdsServerId: "spiffe://cluster.local/amime/server",
		secretSocket: "/run/sds.sock",
		meshName: "m",
		clusterDomain: "cluster.local",
	});
	assert.equal((bootstrap["node"] as { id: string }).id, "router~127.0.0.1~public-amime-0.shop~shop.svc.cluster.local");
	assert.match(JSON.stringify(bootstrap), /"exact":"spiffe:\/\/cluster.local\/amime\/server"/);
});

test("a port that is taken is passed over, and a wanted one is had when it is free", async () => {
	const ports = createPortAllocator(createSeededRandom(1), async (port) => port % 2 === 0);
	assert.equal((await ports.take("any")) % 2, 0);
	assert.equal(await ports.takePreferred("wanted", 8080), 8080);
	assert.notEqual(await ports.takePreferred("other", 8080), 8080, "it is held already");
	assert.notEqual(await ports.takePreferred("odd", 8081), 8081, "it is taken");
	ports.release("wanted");
	assert.equal(await ports.takePreferred("next", 8080), 8080);
});

test("an application learns its ports, its proxy and its upstreams from its environment", async () => {
	const instance = await planInstance(workload, 0, services, createPorts(), 1);
	const env = buildEnvironment(workload, instance, services, { PATH: "/usr/bin", http_proxy: "outer" }, "/node/bin");
	assert.equal(env["PORT"], String(instance.ports[0]!.appPort));
	assert.equal(env["PORT_SIDE_DOOR"], String(instance.ports[1]!.appPort));
	assert.equal(env["http_proxy"], `http://127.0.0.1:${instance.httpProxyPort}`);
	assert.equal(env["HTTP_PROXY"], env["http_proxy"]);
	assert.equal(env["NO_PROXY"], "localhost,127.0.0.1,::1");
	assert.equal(env["NODE_USE_ENV_PROXY"], "1");
	assert.equal(env["PATH"], "/node/bin:/usr/bin");
	assert.equal(env["AMIME_UPSTREAM_REVIEWS_V1"], `http://127.0.0.1:${instance.upstreams[0]!.listenPort}`);
	assert.equal(env["AMIME_UPSTREAM_LEDGER_BANK"], `http://127.0.0.1:${instance.upstreams[1]!.listenPort}`);
	assert.equal(env["AMIME_UPSTREAM_LEDGER_BANK_MORE"], `http://127.0.0.1:${instance.upstreams[2]!.listenPort}`);
	assert.equal(env["MODE"], "test");
	assert.equal(env["no_proxy"], "mine", "the Workload has the last word");
});

test("$(NAME) stands for a variable, as in Kubernetes, and a shell keeps its own words", () => {
	const env = { PORT: "8080", PORT_GRPC: "9090" };
	const cases: readonly (readonly [string, string])[] = [
		["--listen=127.0.0.1:$(PORT)", "--listen=127.0.0.1:8080"],
		["$(PORT)$(PORT_GRPC)", "80809090"],
		["$$(PORT)", "$(PORT)"],
		["$(date) $$ $PORT $(NOT_THERE) $(", "$(date) $$ $PORT $(NOT_THERE) $("],
	];
	for (const [text, wanted] of cases) assert.equal(expandVariables(text, env), wanted);
});

test("without a sidecar there is no proxy, and the mesh port is the application's", async () => {
	const bare: Workload = { ...workload, pattern: "none" };
	const instance = await planInstance(bare, 0, services, createPorts(), 1);
	assert.equal(instance.ports[0]!.meshPort, instance.ports[0]!.appPort);
	assert.equal(instance.adminPort, undefined);
	assert.deepEqual(instance.upstreams, []);
	assert.equal(buildEnvironment(bare, instance, services, {}, "/n")["HTTP_PROXY"], undefined);
});

test("the bootstrap names the node as Istio does and reaches the control plane and the secrets", async () => {
	const instance = await planInstance(workload, 0, [], createPorts(), 1);
	const bootstrap = buildBootstrap({
		instance,
		xdsAddresses: ["127.0.0.1:15010"],
		secretSocket: "/state/run/sds-web-0.sock",
		meshName: "amime",
		clusterDomain: "cluster.local",
	});
	const text = JSON.stringify(bootstrap);
	assert.match(text, /"id":"sidecar~127\.0\.0\.1~web-0\.shop~shop\.svc\.cluster\.local"/);
	assert.match(text, /"cluster":"web\.shop"/);
	assert.match(text, /"path":"\/state\/run\/sds-web-0\.sock"/);
	assert.match(text, /"port_value":15010/);
});
