import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import type { WorkloadInstance } from "../../src/model/index.ts";
import { startControlPlane, type TestControlPlane } from "../support/control-plane.ts";
import { eventually } from "../support/eventually.ts";
import { findFreePort } from "../support/free-port.ts";
import { startGrpcService } from "../support/grpc-service.ts";
import { findProxylessPeer, type ProxylessLanguage, skipWithout } from "../support/peers.ts";
import { fetchSvid, type ProxylessPeer, startProxylessPeer } from "../support/proxyless-peer.ts";

const target = "reviews.shop.svc.cluster.local:80";

const world = `
apiVersion: amime.dev/v1alpha1
kind: Workload
metadata: {name: web, namespace: shop}
spec: {command: [none], pattern: proxyless, serviceAccount: web}
---
apiVersion: amime.dev/v1alpha1
kind: Workload
metadata: {name: intruder, namespace: shop}
spec: {command: [none], pattern: none, serviceAccount: intruder}
---
apiVersion: amime.dev/v1alpha1
kind: Workload
metadata: {name: reviews, namespace: shop}
spec: {command: [none], pattern: none, ports: [{name: grpc, protocol: grpc}]}
---
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: shop}
spec: {selector: {app: reviews}, ports: [{name: grpc, port: 80, targetPort: grpc}]}
---
apiVersion: amime.dev/v1alpha1
kind: Workload
metadata: {name: ratings, namespace: shop}
spec: {command: [none], pattern: proxyless, serviceAccount: ratings, ports: [{name: grpc, protocol: grpc}]}
---
apiVersion: v1
kind: Service
metadata: {name: ratings, namespace: shop}
spec: {selector: {app: ratings}, ports: [{name: grpc, port: 9080, targetPort: grpc}]}
`;

const subsets = `
  subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]`;

function destinationRule(spec: string): string {
	return `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews, namespace: shop}
spec:
  host: reviews${spec}
`;
}

function virtualService(http: string): string {
	return `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: shop}
spec:
  hosts: [reviews]
  http:${http}
`;
}

/** Runs the conformance tests of one language's stock gRPC library. */
export function testProxyless(language: ProxylessLanguage): void {
	const command = findProxylessPeer(language);
	test(`gRPC for ${language} is a client and a server of the mesh without a proxy`, {
		skip: skipWithout(`gRPC for ${language}`, command?.program),
	}, async (t) => {
		const control = await startControlPlane(t, world, { load: { intervalMs: 500 } });
		const web = instanceOf("web", 0, { pattern: "proxyless", locality: near });
		await control.register(web);
		const peer = await startProxylessPeer(t, command!, control, web);
		await testRouting(t, control, peer);
		await testEndpoints(t, control, peer, language);
		await t.test("it tells what load it put on which locality", async () => {
			const cluster = "outbound|80||reviews.shop.svc.cluster.local";
			await eventually(async () => {
				const listed = await control.items<{ cluster: string; requests: number; clients: number }>(
					"/v1/load?client=web-0.shop",
				);
				const own = listed.filter((row) => row.cluster === cluster);
				assert.ok(own.length > 0 && own.every(({ clients }) => clients === 1), JSON.stringify(listed));
				assert.ok(own.reduce((sum, { requests }) => sum + requests, 0) > 0, JSON.stringify(listed));
			});
		});
		const ratings = instanceOf("ratings", await findFreePort(), { pattern: "proxyless" });
		await control.register(ratings);
		const server = await startProxylessPeer(t, command!, control, ratings);
		await testServer(t, control, peer, server, ratings.ports[0]!.appPort);
	});
}

const near = { region: "near", zone: "", subZone: "" };

async function testRouting(t: TestContext, control: TestControlPlane, peer: ProxylessPeer): Promise<void> {
	const v1 = await startVersion(t, control, "v1");
	await startVersion(t, control, "v2");
	const use = (http: string, rule = subsets): void =>
		control.writeConfig(destinationRule(rule) + "---" + virtualService(http), "routes.yaml");

	await t.test("calls are spread over the endpoints of a Service", async () => {
		await seesBoth(peer);
		assert.deepEqual(await peer.call({ target: "reviews:80" }).then(statuses), ["ok"], "by its short name");
	});
	await t.test("weights send a share to a canary", async () => {
		use(`
  - route:
    - {destination: {host: reviews, subset: v1}, weight: 80}
    - {destination: {host: reviews, subset: v2}, weight: 20}`);
		await eventually(async () => {
			const counts = count(await peer.call({ target, count: 200 }));
			assert.equal((counts.get("v1") ?? 0) + (counts.get("v2") ?? 0), 200, [...counts].join());
			assert.ok(counts.get("v1")! > 130 && counts.get("v2")! > 10, [...counts].join());
		}, patient);
	});
	await t.test("headers and paths choose the route", async () => {
		use(`
  - match: [{headers: {x-user: {exact: jason}}}]
    route: [{destination: {host: reviews, subset: v2}}]
  - match: [{uri: {prefix: /amime.test.Echo/Admin}}]
    route: [{destination: {host: reviews, subset: v2}}]
  - route: [{destination: {host: reviews, subset: v1}}]`);
		await settles(peer, { target, count: 20, headers: { "x-user": "jason" } }, "v2");
		await settles(peer, { target, count: 20, method: "Admin" }, "v2");
		await settles(peer, { target, count: 10 }, "v1");
	});
	await t.test("a subset that does not exist fails at once, and only its route", async () => {
		use(`
  - match: [{headers: {x-user: {exact: nobody}}}]
    route: [{destination: {host: reviews, subset: v9}}]
  - match: [{method: {exact: GET}}]
    route: [{destination: {host: reviews, subset: v1}}]
  - match: [{headers: {x-answer: {exact: fixed}}}]
    directResponse: {status: 403}
  - route: [{destination: {host: reviews, subset: v2}}]`);
		await settles(peer, { target, count: 10 }, "v2");
		const headers = { "x-user": "nobody" };
		assert.deepEqual(statuses(await peer.call({ target, headers, timeoutMs: 8_000 })), ["!14"]);
		assert.deepEqual(statuses(await peer.call({ target, headers: { "x-answer": "fixed" } })), ["!7"]);
	});
	await t.test("an injected fault has its status", async () => {
		use(`
  - fault: {abort: {grpcStatus: RESOURCE_EXHAUSTED, percentage: {value: 100}}}
    route: [{destination: {host: reviews, subset: v1}}]`);
		await eventually(async () => assert.deepEqual(statuses(await peer.call({ target })), ["!8"]), patient);
	});
	await t.test("calls that failed as UNAVAILABLE are tried again", async () => {
		use(`
  - retries: {attempts: 3, retryOn: "unavailable"}
    route: [{destination: {host: reviews, subset: v1}}]`);
		await settles(peer, { target, count: 5 }, "v1");
		v1.failNext(2);
		assert.deepEqual(await names(peer, { target }), ["v1"]);
		assert.equal(v1.failuresLeft(), 0);
	});
	await t.test("a route's timeout ends a call", async () => {
		use(`
  - match: [{headers: {x-marker: {exact: "here"}}}]
    route: [{destination: {host: reviews, subset: v2}}]
  - timeout: 0.2s
    route: [{destination: {host: reviews, subset: v1}}]`);
		v1.hangOn("x-hang");
		await settles(peer, { target, headers: { "x-marker": "here" } }, "v2");
		// Its own deadline is longer than the test may take.
		const call = { target, headers: { "x-hang": "1" }, timeoutMs: 600_000 };
		assert.deepEqual(statuses(await peer.call(call)), ["!4"]);
	});
}

async function testEndpoints(
	t: TestContext,
	control: TestControlPlane,
	peer: ProxylessPeer,
	language: ProxylessLanguage,
): Promise<void> {
	control.writeConfig("", "routes.yaml");
	await t.test("an endpoint that fails is ejected", async () => {
		control.writeConfig(
			destinationRule(`
  trafficPolicy:
    outlierDetection: {consecutive5xxErrors: 3, interval: 0.3s, baseEjectionTime: 60s, maxEjectionPercent: 60}`),
			"routes.yaml",
		);
		const broken = await startVersion(t, control, "broken");
		await eventually(async () => assert.ok(statuses(await peer.call({ target, count: 10 })).includes("!13")), patient);
		await eventually(async () => {
			assert.deepEqual(statuses(await peer.call({ target, count: 12 })), ["ok"]);
		}, patient);
		await control.deregister(broken.instance);
	});
	await t.test("a far region stands in for a near one", async () => {
		const closest = await startVersion(t, control, "near", { locality: near });
		await settles(peer, { target, count: 10 }, "near");
		await control.register({ ...closest.instance, health: "unready" });
		await eventually(async () => {
			const answers = await names(peer, { target, count: 10 });
			assert.ok(!answers.includes("near") && answers.every((answer) => !answer.startsWith("!")), answers.join());
		}, patient);
		await control.deregister(closest.instance);
	});
	await t.test("no call fails while an endpoint goes", async () => {
		control.writeConfig("", "routes.yaml");
		const leaving = await startVersion(t, control, "leaving");
		await eventually(async () => {
			assert.ok((await names(peer, { target, count: 12 })).includes("leaving"));
		}, patient);
		const calls = peer.call({ target, count: 600, timeoutMs: 5_000, retries: false });
		await control.register({ ...leaving.instance, health: "draining" });
		await control.deregister(leaving.instance);
		const answers = await calls;
		assert.deepEqual(
			// In grpc-java a call that its transport loses may hang past its deadline (issue 12456): that says nothing of endpoints.
			answers.filter((answer) => answer.startsWith("!") && (language !== "java" || answer !== "!stuck")),
			[],
		);
		await eventually(async () => {
			assert.ok(!(await names(peer, { target, count: 12 })).includes("leaving"));
		}, patient);
	});
}

async function testServer(
	t: TestContext,
	control: TestControlPlane,
	peer: ProxylessPeer,
	server: ProxylessPeer,
	port: number,
): Promise<void> {
	const service = { target: "ratings.shop.svc.cluster.local:9080" };
	const protect = (principal: string): void =>
		control.writeConfig(
			`
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec: {mtls: {mode: STRICT}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: ratings, namespace: shop}
spec:
  selector: {matchLabels: {app: ratings}}
  rules: [{from: [{source: {principals: ["cluster.local/ns/shop/sa/${principal}"]}}]}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: no-admin, namespace: shop}
spec:
  selector: {matchLabels: {app: ratings}}
  action: DENY
  rules: [{to: [{operation: {paths: ["/amime.test.Echo/Admin"]}}]}]
`,
			"security.yaml",
		);
	await t.test("an xDS server takes mutual TLS of the mesh and nothing else", async () => {
		protect("web");
		await server.serve(`0.0.0.0:${port}`, "ratings", true);
		await eventually(async () => assert.match(await callDirectly(t, port, undefined), /^!14/), patient);
		await settles(peer, { ...service, count: 3 }, "ratings");
	});
	await t.test("an xDS server denies by principal and by method", async () => {
		await eventually(async () => {
			assert.deepEqual(statuses(await peer.call({ ...service, method: "Admin" })), ["!7"]);
		}, patient);
		const intruder = await fetchSvid(t, control, "shop", "intruder");
		assert.match(await callDirectly(t, port, intruder), /^!7/);
		protect("nobody");
		await eventually(async () => assert.deepEqual(statuses(await peer.call(service)), ["!7"]), patient);
	});
}

const patient = { deadlineMs: 45_000 };

async function seesBoth(peer: ProxylessPeer): Promise<void> {
	await eventually(async () => {
		const counts = count(await peer.call({ target, count: 20 }));
		assert.ok(counts.has("v1") && counts.has("v2"), [...counts].join());
	}, patient);
}

/** Waits until every call of a batch is answered by one server. */
async function settles(peer: ProxylessPeer, call: Parameters<ProxylessPeer["call"]>[0], name: string): Promise<void> {
	await eventually(async () => assert.deepEqual(await names(peer, call), [name]), patient);
}

async function names(peer: ProxylessPeer, call: Parameters<ProxylessPeer["call"]>[0]): Promise<string[]> {
	return [...new Set(await peer.call(call))];
}

/** `ok` or the status of calls, each once. */
function statuses(results: readonly string[]): string[] {
	return [...new Set(results.map((result) => /^!\d+/.exec(result)?.[0] ?? (result.startsWith("!") ? result : "ok")))];
}

function count(results: readonly string[]): Map<string, number> {
	const counts = new Map<string, number>();
	for (const result of results) counts.set(result, (counts.get(result) ?? 0) + 1);
	return counts;
}

/** A version of the service, plain gRPC behind no proxy; `broken` answers INTERNAL. */
async function startVersion(
	t: TestContext,
	control: TestControlPlane,
	version: string,
	change: Partial<WorkloadInstance> = {},
) {
	let failures = 0;
	let hangHeader: string | undefined;
	const service = await startGrpcService(t, {
		onEnd(call) {
			if (version === "broken") return call.finish(13, "broken");
			if (hangHeader !== undefined && call.headers[hangHeader] !== undefined) return;
			if (failures > 0) {
				failures--;
				return call.finish(14, "try again");
			}
			call.send(Buffer.from(version));
			call.finish();
		},
	});
	const instance = instanceOf("reviews", service.port, {
		name: `reviews-${version}`,
		labels: { app: "reviews", version },
		...change,
	});
	await control.register(instance);
	return {
		instance,
		failNext: (times: number): void => {
			failures = times;
		},
		failuresLeft: () => failures,
		hangOn: (header: string): void => {
			hangHeader = header;
		},
	};
}

function instanceOf(workload: string, appPort: number, change: Partial<WorkloadInstance> = {}): WorkloadInstance {
	return {
		name: `${workload}-0`,
		namespace: "shop",
		workload,
		labels: { app: workload },
		serviceAccount: workload === "reviews" ? "default" : workload,
		address: "127.0.0.1",
		pattern: "none",
		ports: appPort === 0 ? [] : [{ name: "grpc", protocol: "grpc", appPort, meshPort: appPort }],
		upstreams: [],
		health: "ready",
		registeredAt: 0,
		...change,
	};
}

/** A call past the mesh's configuration: with a certificate, or in plain text. */
async function callDirectly(
	t: TestContext,
	port: number,
	svid: Awaited<ReturnType<typeof fetchSvid>> | undefined,
): Promise<string> {
	const secure =
		svid === undefined
			? credentials.createInsecure()
			: credentials.createSsl(
					Buffer.from(svid.bundlePem),
					Buffer.from(svid.privateKeyPem),
					Buffer.from(svid.certificateChainPem),
					{ checkServerIdentity: () => undefined },
				);
	const client = new Client(`127.0.0.1:${port}`, secure, { "grpc.ssl_target_name_override": "localhost" });
	t.after(() => client.close());
	const { promise, resolve } = Promise.withResolvers<string>();
	const pass = (value: Buffer): Buffer => value;
	const options = { deadline: Date.now() + 15_000 };
	client.makeUnaryRequest(
		"/amime.test.Echo/Echo",
		pass,
		pass,
		Buffer.from("hello"),
		new Metadata(),
		options,
		(error, reply) => resolve(error === null ? String(reply) : `!${error.code} ${error.details}`),
	);
	return promise;
}
