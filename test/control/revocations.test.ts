/** Identities that are taken away: a ban and an entry that goes reach open connections of amime's proxies, as server and as client. */
import assert from "node:assert/strict";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, connect as connectTcp, createServer } from "node:net";
import { type TestContext, test } from "node:test";
import { connect, createServer as createTlsServer } from "node:tls";
import { application } from "../support/control-mesh.ts";
import { createRunningInstance } from "../support/control-plane.ts";
import { eventually } from "../support/eventually.ts";
import { findFreePort } from "../support/free-port.ts";
import { startNodeWorld, type TestAgent } from "../support/node-agent.ts";
import { openEcho } from "../support/open-echo.ts";
import { createWorkloadClient } from "../support/workload-client.ts";

/** Certificate and key of an identity, as its workload gets them. */
async function fetchSvid(agent: TestAgent, name: string) {
	const client = createWorkloadClient(agent.socketPath);
	const { svids } = await client.ask("FetchX509SVID");
	client.close();
	const found = svids.find(({ spiffeId }) => spiffeId.endsWith(`/sa/${name}`));
	assert.ok(found, `no identity ${name}`);
	const pem = [];
	for (let rest = Buffer.from(found.x509Svid); rest.length > 0; ) {
		const one = new X509Certificate(rest);
		pem.push(one.toString());
		rest = rest.subarray(one.raw.length);
	}
	const key = createPrivateKey({ key: Buffer.from(found.x509SvidKey), format: "der", type: "pkcs8" });
	return { cert: pem.join(""), key: key.export({ format: "pem", type: "pkcs8" }) };
}

async function startEcho(t: TestContext, svid?: Awaited<ReturnType<typeof fetchSvid>>): Promise<number> {
	const listening = svid === undefined ? createServer() : createTlsServer({ ...svid, ALPNProtocols: ["istio"] });
	listening.on(svid === undefined ? "connection" : "secureConnection", (socket) => {
		socket.on("error", () => socket.destroy());
		socket.pipe(socket);
	});
	listening.listen(0, "127.0.0.1");
	t.after(() => void listening.close());
	await once(listening, "listening");
	return (listening.address() as AddressInfo).port;
}

test("open TCP connections of a banned agent's workloads are cut, in both directions, and they open none", async (t) => {
	const world = await startNodeWorld(t);
	await world.createEntry({ id: "web" });
	await world.createEntry({ id: "store", spiffeId: "/ns/shop/sa/store" });
	const lost = await world.startAgent(t);
	const good = await world.startAgent(t);
	world.writeConfig(
		["db", "store"].map((name) => application(name, { protocol: "tcp", port: 5432 })).join("---") +
			`---${application("caller")}`,
	);
	const tcp = async (name: string, port: number, meshPort?: number) => {
		const instance = await createRunningInstance(name, port, [], { sidecar: "amime" });
		const [first] = instance.ports;
		return {
			...instance,
			ports: [{ ...first!, name: "tcp", protocol: "tcp" as const, ...(meshPort && { meshPort }) }],
		};
	};
	const stores = [];
	for (const agent of [lost, good]) stores.push(await startEcho(t, await fetchSvid(agent, "store")));
	const db = await tcp("db", await startEcho(t));
	const store = await tcp("store", await findFreePort(), stores[0]!);
	const upstreams = [{ service: { namespace: "shop", name: "store" }, port: 5432, listenPort: await findFreePort() }];
	const caller = await createRunningInstance("caller", await findFreePort(), [], { sidecar: "amime", upstreams });
	for (const instance of [db, store, caller]) await world.register(instance);
	for (const instance of [db, caller]) await world.startProxy(t, instance, "amime");
	const knock = (svid: Awaited<ReturnType<typeof fetchSvid>>) =>
		openEcho(
			t,
			connect({ port: db.ports[0]!.meshPort!, ...svid, rejectUnauthorized: false, ALPNProtocols: ["istio"] }),
		);
	const dial = async (agent: TestAgent) => knock(await fetchSvid(agent, "web"));
	const inbound = await eventually(() => dial(lost), { deadlineMs: 60_000 });
	const stays = await dial(good);
	const outbound = await eventually(() => openEcho(t, connectTcp(upstreams[0]!.listenPort, "127.0.0.1")), {
		deadlineMs: 60_000,
	});
	const stolen = await fetchSvid(lost, "web");
	const id = encodeURIComponent(lost.session.spiffeId()!);
	assert.equal((await world.admin("POST", `/v1/identity/agents/ban?spiffeId=${id}`)).status, 200);
	await Promise.all([inbound.closed, outbound.closed]);
	await stays.echo();
	await assert.rejects(knock(stolen), "its certificate is good still, and refused");
	await assert.rejects(openEcho(t, connectTcp(upstreams[0]!.listenPort, "127.0.0.1")));
	const kept = await fetchSvid(good, "web");
	await knock(kept);
	await world.deleteEntry("web");
	await eventually(() => assert.rejects(knock(kept), "its entry is gone"));
});
