import assert from "node:assert/strict";
import { test } from "node:test";
import { createControlPlane } from "../../src/control/index.ts";
import { silentLog } from "../../src/core/index.ts";
import { createRunningInstance, startApplication, startControlPlane, testToken } from "../support/control-plane.ts";
import { startEtcd, untilEtcdAnswers } from "../support/etcd.ts";
import { eventually } from "../support/eventually.ts";
import { sendRequest } from "../support/http-call.ts";
import { ask, limitedServices, limitPolicy, startLoad, startOrders } from "../support/limited-mesh.ts";
import { findEnvoy, findEtcd, skipWithout } from "../support/peers.ts";

const kinds = (["amime", "envoy"] as const).map((kind) => ({
	kind,
	options: { skip: kind === "envoy" && skipWithout("envoy", findEnvoy()) },
}));
const atService = "{ kind: Service, name: orders }";
const sum = (rates: readonly number[]): number => rates.reduce((total, rate) => total + rate, 0);

for (const { kind, options } of kinds)
	test(`${kind}: a local limit counts by header, path and method, and says what is left`, options, async (t) => {
		const control = await startControlPlane(
			t,
			limitedServices +
				limitPolicy(
					atService,
					"{ name: by-user, requests: 2, unit: Hour, keys: [{ type: Header, name: X-User }], match: { methods: [GET, PUT], paths: [{ type: Exact, value: /limited }, { value: /tree }] } }",
				),
		);
		const [orders] = await startOrders(t, control, [kind]);
		const statuses = async (path: string, headers: Readonly<Record<string, string>> = {}): Promise<number[]> => {
			const seen: number[] = [];
			for (let times = 0; times < 3; times++) seen.push((await ask(orders!, path, headers)).status);
			return seen;
		};
		assert.deepEqual(await statuses("/limited?x=1", { "x-user": "a" }), [200, 200, 429]);
		assert.deepEqual(await statuses("/tree/deep", { "x-user": "b" }), [200, 200, 429]);
		assert.deepEqual(await statuses("/limited"), [200, 200, 429], "requests without the header share a budget");
		assert.deepEqual(await statuses("/limitedx", { "x-user": "a" }), [200, 200, 200]);
		const refused = await ask(orders!, "/limited", { "x-user": "a" });
		assert.equal(refused.headers["retry-after"], "1800");
		assert.equal(refused.headers["x-ratelimit-limit"], "2");
		assert.equal(refused.headers["x-ratelimit-remaining"], "0");
		assert.equal(refused.headers["x-amime-reason"], undefined, "a caller from outside is not told the policy");
	});

for (const { kind, options } of kinds)
	test(
		`${kind}: limits by the caller's identity, and of a route, name their policy to callers of the mesh`,
		options,
		async (t) => {
			const route = `---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: orders, namespace: shop }
spec:
  parentRefs: [{ group: "", kind: Service, name: orders }]
  rules:
    - { name: slow, matches: [{ path: { value: /slow } }], backendRefs: [{ name: orders, port: 80 }] }
    - { name: rest, backendRefs: [{ name: orders, port: 80 }] }
`;
			const byRoute = limitPolicy(
				"{ group: gateway.networking.k8s.io, kind: HTTPRoute, name: orders, sectionName: slow }",
				"{ name: slow, requests: 1, unit: Day, scope: Global, keys: [{ type: Principal }] }",
				"{ name: slow-locally, requests: 50, unit: Second }",
			).replace("name: orders, namespace", "name: routes, namespace");
			const control = await startControlPlane(
				t,
				limitedServices +
					route +
					byRoute +
					limitPolicy(
						atService,
						"{ name: by-account, requests: 2, unit: Hour, keys: [{ type: ServiceAccount }, { type: Namespace }], match: { paths: [{ value: /by-account }] } }",
						"{ name: only-batch, requests: 1, unit: Hour, match: { principals: [cluster.local/ns/shop/sa/batch], paths: [{ value: /batch }] } }",
					),
			);
			await startOrders(t, control, [kind]);
			const appPort = await startApplication(t, (_request, response) => response.end("unused"));
			const callers = new Map<string, number>();
			for (const name of ["web", "batch"]) {
				const instance = { ...(await createRunningInstance(name, appPort)), sidecar: kind };
				await control.register(instance);
				await control.startProxy(t, instance, kind);
				callers.set(name, instance.httpProxyPort!);
			}
			const call = (from: string, path: string) =>
				sendRequest({
					port: callers.get(from)!,
					method: "GET",
					path: `http://orders${path}`,
					headers: { host: "orders" },
				});
			for (const name of callers.keys())
				await eventually(async () => assert.equal((await call(name, "/free")).status, 200), { deadlineMs: 30_000 });
			for (const name of callers.keys()) {
				assert.equal((await call(name, "/by-account")).status, 200);
				assert.equal((await call(name, "/by-account")).status, 200);
				const refused = await call(name, "/by-account");
				assert.equal(refused.status, 429);
				assert.equal(
					refused.headers["x-amime-reason"],
					"rate limited by RateLimitPolicy shop/orders, limit by-account",
				);
			}
			assert.equal((await call("batch", "/batch")).status, 200);
			assert.equal((await call("batch", "/batch")).status, 429);
			assert.equal((await call("web", "/batch")).status, 200);
			assert.equal((await call("web", "/batch")).status, 200);
			// Of the route, in the caller's own sidecar, by leases: one a day for each identity.
			for (const name of callers.keys()) {
				await eventually(async () => {
					const { status, headers } = await call(name, "/slow");
					assert.equal(status, 429);
					assert.equal(headers["x-amime-reason"], "rate limited by RateLimitPolicy shop/routes, limit slow");
				});
			}
			assert.equal((await call("web", "/free")).status, 200);
		},
	);

const shared = limitPolicy(
	atService,
	"{ name: all, requests: 100, unit: Second, burst: 20, scope: Global, match: { paths: [{ value: /limited }] } }",
);

test("three proxies, a stock Envoy among them, keep one budget under uneven load; also while the control plane is away", {
	skip: skipWithout("envoy", findEnvoy()),
}, async (t) => {
	const control = await startControlPlane(t, limitedServices + shared);
	const orders = await startOrders(t, control, ["amime", "amime", "envoy"]);
	const load = startLoad(
		t,
		orders.map((instance, position) => ({ instance, perSecond: [150, 10, 60][position]! })),
	);
	// Within 15 % of the budget; the one that is asked for little gets it.
	const settled = async (): Promise<void> => {
		const rates = await load.measure(2_000);
		assert.ok(sum(rates) > 85 && sum(rates) < 115 && rates[1]! > 8, `${rates}`);
	};
	await eventually(settled, { deadlineMs: 60_000 });
	await control.plane.close();
	const rates = await load.measure(2_000);
	assert.ok(sum(rates) < 125, `${rates}`);
	assert.ok(
		load.counts().every(({ limited, passed }, position) => passed > 0 && (position === 1 || limited > 0)),
		JSON.stringify(load.counts()),
	);
});

test("two control planes on one etcd give out one budget; when one ends, the other gives out all of it", {
	skip: skipWithout("etcd", findEtcd()),
}, async (t) => {
	const etcd = await startEtcd(t);
	await untilEtcdAnswers(etcd.address);
	const store = { address: `etcd://${etcd.address}` };
	const startPlane = () => startControlPlane(t, limitedServices + shared, { store });
	const planes = [await startPlane(), await startPlane()] as const;
	const appPort = await startApplication(t, (_request, response) => response.end("ok"));
	const orders = [];
	for (const [position, plane] of planes.entries()) {
		const instance = { ...(await createRunningInstance("orders", appPort)), name: `orders-${position}` };
		await plane.register(instance);
		await plane.startProxy(t, instance, "amime");
		orders.push(instance);
	}
	for (const instance of orders)
		await eventually(async () => assert.equal((await ask(instance, "/free")).status, 200), { deadlineMs: 30_000 });
	const load = startLoad(
		t,
		orders.map((instance, position) => ({ instance, perSecond: [150, 20][position]! })),
	);
	// Within 15 % of the budget; each control plane has at least its half of the fifth that is divided alike.
	await eventually(
		async () => {
			const rates = await load.measure(2_000);
			assert.ok(sum(rates) > 85 && sum(rates) < 115 && rates[1]! > 8, `${rates}`);
		},
		{ deadlineMs: 60_000 },
	);
	await planes[1].plane.close();
	const shareOf = async (): Promise<number> => {
		const [limit] = await planes[0].items<{ budgets: { share: number }[] }>("/v1/limits");
		return limit!.budgets[0]!.share;
	};
	await eventually(async () => assert.equal(await shareOf(), 1), { deadlineMs: 60_000 });
});

test("when leases have ended each proxy goes by its share, and by leases again when the control plane is back", async (t) => {
	const quota = { leaseMs: 2_000 };
	const control = await startControlPlane(t, limitedServices + shared, { quota });
	const orders = await startOrders(t, control, ["amime", "amime"]);
	const load = startLoad(
		t,
		orders.map((instance, position) => ({ instance, perSecond: [120, 5][position]! })),
	);
	const isLeased = async (): Promise<void> => {
		const rates = await load.measure(1_000);
		assert.ok(rates[0]! > 80 && sum(rates) < 115, `${rates}`);
	};
	await eventually(isLeased, { deadlineMs: 60_000 });
	const { xdsPort } = control.plane;
	await control.plane.close();
	// Half of the limit: two proxies enforce it.
	await eventually(
		async () => {
			const rates = await load.measure(1_000);
			assert.ok(rates[0]! < 65 && rates[0]! > 30, `${rates}`);
		},
		{ deadlineMs: 60_000 },
	);
	const again = createControlPlane({
		configFolder: control.folder,
		stateFolder: control.stateFolder,
		xdsAddress: `127.0.0.1:${xdsPort}`,
		adminAddress: "127.0.0.1:0",
		token: testToken,
		log: silentLog,
		quota,
	});
	await again.start();
	t.after(() => again.close());
	await eventually(isLeased, { deadlineMs: 60_000 });
});
