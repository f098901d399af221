/** TCP services and broken applications between stock Envoys. */
import assert from "node:assert/strict";
import { type AddressInfo, connect, createServer } from "node:net";
import { type TestContext, test } from "node:test";
import type { WorkloadInstance } from "../../src/model/index.ts";
import { application } from "../support/control-mesh.ts";
import { createRunningInstance, startApplication, startControlPlane } from "../support/control-plane.ts";
import { eventually } from "../support/eventually.ts";
import { findFreePort } from "../support/free-port.ts";
import { sendRequest } from "../support/http-call.ts";
import { findEnvoy, skipWithout } from "../support/peers.ts";

const policies = `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: db, namespace: shop}
spec:
  selector: {matchLabels: {app: db}}
  rules: [{from: [{source: {principals: [cluster.local/ns/shop/sa/web]}}]}]
`;

test("TCP is carried with mutual TLS and authorized by identity", {
	skip: skipWithout("envoy", findEnvoy()),
	timeout: 120_000,
}, async (t) => {
	const config = [
		application("db", { protocol: "tcp", port: 5432 }),
		application("web"),
		application("other"),
		policies,
	];
	const control = await startControlPlane(t, config.join("---"));
	const dbPort = await startEcho(t);
	const base = await createRunningInstance("db", dbPort);
	const db: WorkloadInstance = { ...base, ports: [{ ...base.ports[0]!, name: "tcp", protocol: "tcp" }] };
	const clients = [];
	for (const name of ["web", "other"]) {
		const upstreams = [{ service: { namespace: "shop", name: "db" }, port: 5432, listenPort: await findFreePort() }];
		clients.push(await createRunningInstance(name, await findFreePort(), [], { upstreams }));
	}
	for (const instance of [db, ...clients]) await control.register(instance);
	for (const instance of [db, ...clients]) await control.startSidecar(t, instance);
	const [web, other] = clients as [WorkloadInstance, WorkloadInstance];
	await eventually(async () => assert.equal(await exchange(web.upstreams[0]!.listenPort, "hello"), "hello"), {
		deadlineMs: 30_000,
	});
	assert.equal(await exchange(other.upstreams[0]!.listenPort, "hello"), "");
	const tunnelled = await exchange(web.httpProxyPort!, "CONNECT db:5432 HTTP/1.1\r\nhost: db:5432\r\n\r\n", "through");
	assert.match(tunnelled, /^HTTP\/1\.1 200 [\s\S]*through$/);
});

test("a request that broke on its way is repeated when its method is safe, and only then", {
	skip: skipWithout("envoy", findEnvoy()),
	timeout: 120_000,
}, async (t) => {
	const control = await startControlPlane(t, application("web", { replicas: 2 }));
	const alive = await startApplication(t, (_request, response) => response.end("alive"));
	const broken = await startApplication(t, (request) => request.socket.destroy());
	const first = await createRunningInstance("web", alive, ["web"]);
	const second = await createRunningInstance("web", broken, [], { name: "web-1" });
	for (const instance of [first, second]) await control.register(instance);
	for (const instance of [first, second]) await control.startSidecar(t, instance);
	const { listenPort } = first.upstreams[0]!;
	const send = (method: string) => sendRequest({ port: listenPort, method, path: "/" });
	await eventually(async () => assert.equal((await send("GET")).status, 200), { deadlineMs: 30_000 });
	const statuses = new Set<number>();
	await eventually(async () => {
		const answer = await send("POST");
		statuses.add(answer.status);
		assert.equal(answer.headers["x-amime-unprocessed"], undefined);
		assert.deepEqual(statuses, new Set([200, 503]), "a POST that broke is not repeated");
	});
	for (let round = 0; round < 50; round++) assert.equal((await send("GET")).body, "alive");
});

async function startEcho(t: TestContext): Promise<number> {
	const server = createServer((socket) => {
		socket.on("error", () => socket.destroy());
		socket.pipe(socket);
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	t.after(() => server.close());
	return (server.address() as AddressInfo).port;
}

/** Sends texts, each after something came back for the one before; everything that came back until the peer or we closed. */
function exchange(port: number, ...texts: string[]): Promise<string> {
	const socket = connect(port, "127.0.0.1");
	const left = [...texts];
	let received = "";
	socket.write(left.shift()!);
	return new Promise((resolve) => {
		socket.on("data", (chunk) => {
			received += chunk.toString("latin1");
			const next = left.shift();
			if (next === undefined) socket.end();
			else socket.write(next);
		});
		socket.on("error", () => socket.destroy());
		socket.on("close", () => resolve(received));
	});
}
