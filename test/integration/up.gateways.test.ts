/** Gateways of a folder in `amime up`: proxies of their own, on amime and on a stock Envoy, with TLS, restarts and changes while they serve. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { askTls as askOverTls } from "../support/ask-tls.ts";
import { eventually } from "../support/eventually.ts";
import { sendRequest } from "../support/http-call.ts";
import { findEnvoy, skipWithout } from "../support/peers.ts";
import { createTestPki } from "../support/pki.ts";
import { type RunningMesh, startMesh } from "../support/running-mesh.ts";

const pki = createTestPki();

function secretOf(name: string, namespace: string, host: string): string {
	const pair = pki.issue(pki.idOf(name), { dnsNames: [host] });
	return JSON.stringify({
		apiVersion: "v1",
		kind: "Secret",
		metadata: { name, namespace },
		type: "kubernetes.io/tls",
		stringData: { "tls.crt": pair.certificateChainPem, "tls.key": pair.privateKeyPem },
	});
}

const patient = { deadlineMs: 60_000 };

/** A backend that answers at once, or after the given time. */
async function startBackend(t: TestContext): Promise<number> {
	const server = createServer((request, response) => {
		const ms = Number(new URL(request.url ?? "/", "http://x").searchParams.get("ms") ?? 0);
		setTimeout(() => response.end(`backend ${request.headers.host} ${request.url}`), ms);
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	t.after(() => server.close());
	return (server.address() as AddressInfo).port;
}

const entry = (port: number): string => `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: backend, namespace: edge}
spec:
  hosts: [backend.example]
  ports: [{number: 80, name: http, protocol: HTTP, targetPort: ${port}}]
  resolution: STATIC
  endpoints: [{address: 127.0.0.1}]
`;

const toBackend = "{group: networking.istio.io, kind: Hostname, name: backend.example, port: 80}";

const ofApi = (program: string): string => `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: public, namespace: edge, annotations: {amime.dev/proxy: ${program}}}
spec:
  gatewayClassName: amime
  listeners:
    - {name: http, port: 80, protocol: HTTP}
    - {name: https, port: 443, protocol: HTTPS, hostname: shop.example, tls: {certificateRefs: [{name: shop}]}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop, namespace: edge}
spec:
  parentRefs: [{name: public}]
  hostnames: [shop.example]
  rules: [{backendRefs: [${toBackend}]}]
`;

const ofIstio = (program: string): string => `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: web, namespace: edge, annotations: {amime.dev/proxy: ${program}}}
spec:
  selector: {istio: ingressgateway}
  servers:
    - {port: {number: 443, name: https, protocol: HTTPS}, hosts: [web.example], tls: {mode: SIMPLE, credentialName: web}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: edge}
spec:
  hosts: [web.example]
  gateways: [web]
  http: [{route: [{destination: {host: backend.example, port: {number: 80}}}]}]
`;

const extra = `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: late, namespace: edge}
spec: {gatewayClassName: amime, listeners: [{name: http, port: 80, protocol: HTTP}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: late, namespace: edge}
spec:
  parentRefs: [{name: late}]
  rules: [{backendRefs: [${toBackend}]}]
`;

interface ListedGateway {
	readonly name: string;
	readonly proxies: readonly {
		readonly health: string;
		readonly program: string;
		readonly ports: readonly { readonly port: number; readonly listenPort: number }[];
	}[];
}

function printed(mesh: RunningMesh, text: RegExp): Promise<void> {
	return eventually(() => assert.match(mesh.output(), text), patient);
}

/** Where a port of a Gateway is listened for. */
async function portOf(mesh: RunningMesh, gateway: string, port: number): Promise<number> {
	const listed = JSON.parse(await mesh.run("gateways", gateway, "-o", "json")) as readonly ListedGateway[];
	const found = listed[0]?.proxies[0]?.ports.find((candidate) => candidate.port === port);
	assert.ok(found !== undefined, JSON.stringify(listed));
	return found.listenPort;
}

const askTls = (port: number, host: string, path: string) => askOverTls({ port, host, path, ca: pki.bundlePem });

/** The process whose bootstrap is that of an instance. */
async function processOf(mesh: RunningMesh, instance: string): Promise<number> {
	const { adminPort } = (await mesh.instances()).find(({ name }) => name === instance)!;
	const { body } = await sendRequest({ port: adminPort!, path: "/server_info" });
	const processes = JSON.parse(readFileSync(join(mesh.stateFolder, "run/processes.json"), "utf8")) as { pid: number }[];
	assert.match(body, /LIVE/);
	const own = processes.find(({ pid }) =>
		readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(`proxies/${instance}/bootstrap.yaml`),
	);
	return own!.pid;
}

for (const [first, second] of [
	["amime", "envoy"],
	["envoy", "amime"],
] as const)
	test(`Gateways of both kinds are served: the Gateway API's on ${first}, Istio's on ${second}`, {
		skip: skipWithout("envoy", findEnvoy()),
		timeout: 180_000,
	}, async (t) => {
		const backend = await startBackend(t);
		const mesh = await startMesh(t, undefined, (folder) => {
			writeFileSync(join(folder, "entry.yaml"), entry(backend));
			writeFileSync(join(folder, "api.yaml"), `${ofApi(first)}---\n${secretOf("shop", "edge", "shop.example")}`);
			writeFileSync(
				join(folder, "istio.yaml"),
				`${ofIstio(second)}---\n${secretOf("web", "istio-system", "web.example")}`,
			);
		});
		await printed(mesh, new RegExp(`edge/public-amime +gateway \\(${first}\\) .*80 on \\d+, 443 on \\d+.* ready`));
		await printed(mesh, new RegExp(`istio-system/istio-ingressgateway +gateway \\(${second}\\) .*443 on \\d+.* ready`));

		const plain = await portOf(mesh, "public", 80);
		const tls = await portOf(mesh, "edge/public", 443);
		const istioTls = await portOf(mesh, "web", 443);
		const ask = (port: number, host: string, path = "/") => sendRequest({ port, path, headers: { host } });
		await eventually(async () => assert.equal((await ask(plain, "shop.example")).status, 200), patient);
		assert.equal((await ask(plain, "other.example")).status, 404);
		await eventually(
			async () => assert.match((await askTls(tls, "shop.example", "/a")).body, /^backend .* \/a$/),
			patient,
		);
		await assert.rejects(askTls(tls, "other.example", "/"));
		await eventually(async () => assert.equal((await askTls(istioTls, "web.example", "/")).status, 200), patient);

		const { items } = JSON.parse((await mesh.admin("GET", "/v1/config?kind=Gateway&name=public")).body) as {
			readonly items: readonly { readonly status: { readonly addresses: unknown } }[];
		};
		assert.deepEqual(items[0]?.status.addresses, [{ type: "IPAddress", value: "127.0.0.1" }]);
		assert.match(await mesh.run("status"), /edge\/public +HTTP 80/);
		const explained = await mesh.run("explain", "--from", "edge/public", "--to", "shop.example", "/a");
		assert.match(explained, /backend\.example/);

		await t.test("one that is killed comes back on its port", async () => {
			process.kill(await processOf(mesh, "public-amime-0"), "SIGKILL");
			await eventually(
				() => assert.match(mesh.output(), /public-amime-0 ended: killed by SIGKILL; starting it again/),
				patient,
			);
			await eventually(async () => assert.equal((await ask(plain, "shop.example")).status, 200), patient);
			await eventually(async () => assert.equal((await askTls(tls, "shop.example", "/")).status, 200), patient);
		});

		await t.test("a new Gateway starts a proxy; one that goes ends when its requests have their answers", async () => {
			const text = extra.replace("namespace: edge}", `namespace: edge, annotations: {amime.dev/proxy: ${first}}}`);
			writeFileSync(join(mesh.folder, "late.yaml"), text);
			const late = await eventually(() => portOf(mesh, "late", 80), patient);
			await eventually(async () => assert.equal((await ask(late, "any.example")).status, 200), patient);
			const pid = await processOf(mesh, "late-amime-0");
			const slow = ask(late, "any.example", "/slow?ms=1500");
			await eventually(async () => assert.match(await readActive(mesh, "late-amime-0"), /: 1/));
			rmSync(join(mesh.folder, "late.yaml"));
			assert.equal((await slow).status, 200);
			await eventually(() => assert.equal(existsSync(`/proc/${pid}`), false), patient);
			await assert.rejects(ask(late, "any.example"));
		});

		assert.equal(await mesh.stop(), 0);
		for (const port of [plain, tls, istioTls]) await assert.rejects(ask(port, "shop.example"));
	});

async function readActive(mesh: RunningMesh, instance: string): Promise<string> {
	const { adminPort } = (await mesh.instances()).find(({ name }) => name === instance)!;
	const { body } = await sendRequest({
		port: adminPort!,
		path: "/stats?filter=%5Ehttp%5C.outbound_.*downstream_rq_active%24",
	});
	return body;
}

test("a port that is taken is moved, and that is said; a new listener is served by the proxy that runs", async (t) => {
	const backend = await startBackend(t);
	const taken = createServer().listen(0, "127.0.0.1");
	await new Promise((resolve) => taken.once("listening", resolve));
	t.after(() => taken.close());
	const { port } = taken.address() as AddressInfo;
	const of = (more: string): string => `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: public, namespace: edge}
spec: {gatewayClassName: amime, listeners: [{name: http, port: ${port}, protocol: HTTP}${more}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop, namespace: edge}
spec:
  parentRefs: [{name: public}]
  rules: [{backendRefs: [${toBackend}]}]
`;
	const mesh = await startMesh(t, undefined, (folder) => {
		mkdirSync(join(folder, "edge"));
		writeFileSync(join(folder, "edge/entry.yaml"), entry(backend));
		writeFileSync(join(folder, "edge/gateway.yaml"), of(""));
	});
	await printed(mesh, new RegExp(`port ${port} is taken: public-amime-0 port ${port} is on \\d+`));
	const ask = async (declared: number) =>
		(await sendRequest({ port: await portOf(mesh, "public", declared), path: "/", headers: { host: "x.example" } }))
			.status;
	await eventually(async () => assert.equal(await ask(port), 200), patient);
	const pid = await processOf(mesh, "public-amime-0");
	writeFileSync(join(mesh.folder, "edge/gateway.yaml"), of(", {name: more, port: 81, protocol: HTTP}"));
	await eventually(async () => assert.equal(await ask(81), 200), patient);
	assert.equal(await ask(port), 200);
	assert.equal(await processOf(mesh, "public-amime-0"), pid, "the same process");
});
