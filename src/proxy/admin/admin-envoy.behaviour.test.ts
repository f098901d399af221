import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { createAdminCluster, createFakeAdminState, type FakeAdminState } from "../../../test/support/admin-state.ts";
import { createExampleBootstrap } from "../../../test/support/envoy-example.ts";
import { createFakeClock } from "../../../test/support/fake-clock.ts";
import { sendRequest } from "../../../test/support/http-call.ts";
import { findEnvoy, skipWithout } from "../../../test/support/peers.ts";
import { startEnvoy } from "../../../test/support/running-envoy.ts";
import { createAdmin } from "./index.ts";

const skip = skipWithout("envoy", findEnvoy());

type Json = Record<string, unknown>;

/** Our admin port and a stock Envoy's over the same bootstrap. */
async function startBoth(t: TestContext): Promise<{ ours: number; theirs: number; state: FakeAdminState }> {
	const bootstrap = createExampleBootstrap();
	const envoy = await startEnvoy(t, bootstrap);
	const state = createFakeAdminState(bootstrap);
	const admin = createAdmin({
		state,
		clock: createFakeClock(),
		address: { kind: "socket", address: "127.0.0.1", port: 0 },
	});
	const address = await admin.start();
	t.after(() => admin.close());
	assert.ok(address.kind === "socket");
	const ports: Json = {};
	for (const name of ["web", "raw"]) ports[name] = await envoy.portOf(name);
	state.listeners = () =>
		["web", "raw"].map((name) => ({
			name,
			addresses: [{ kind: "socket", address: "127.0.0.1", port: ports[name] as number }],
		}));
	return { ours: address.port, theirs: envoy.adminPort, state };
}

test("answers have a stock Envoy's status, content type and text", { skip }, async (t) => {
	const { ours, theirs } = await startBoth(t);
	const requests = [
		"GET /ready",
		"POST /ready",
		"GET /listeners",
		"GET /listeners?format=json",
		"GET /runtime",
		"GET /init_dump",
		"GET /stats?filter=%5Enothing$",
		"GET /stats?type=foo",
		"GET /stats?hidden=foo",
		"GET /logging",
		"GET /quitquitquit",
		"PUT /reset_counters",
		"GET /drain_listeners",
		"GET /healthcheck/fail",
		"GET /runtime_modify?a=b",
		"POST /reset_counters",
		"POST /reopen_logs",
		"POST /runtime_modify",
		"POST /runtime_modify?c.d=2",
		"GET /runtime",
		"GET /config_dump?resource=foo",
		"GET /config_dump?mask=foo",
		"GET /config_dump?resource=dynamic_listeners",
		"GET /clusters?filter=nothing",
		"POST /healthcheck/ok",
	];
	for (const request of requests) {
		const [method, path] = request.split(" ") as [string, string];
		const call = async (port: number) => {
			const { status, headers, body } = await sendRequest({ port, method, path });
			const named = ["content-type", "cache-control", "x-content-type-options", "server", "transfer-encoding"];
			// Envoy says nosniff twice in an answer of /config_dump that failed.
			return {
				status,
				// Envoy prints the keys of /runtime in no order.
				body: path === "/runtime" ? JSON.parse(body) : body,
				headers: named.map((name) => String(headers[name]).replace("nosniff, nosniff", "nosniff")),
			};
		};
		assert.deepEqual(await call(ours), await call(theirs), request);
	}
});

test("unknown paths and bad patterns are answered with Envoy's status", { skip }, async (t) => {
	const { ours, theirs } = await startBoth(t);
	for (const path of [
		"/nothing",
		"/stats?filter=(",
		"/stats?format=foo",
		"/stats?histogram_buckets=foo",
		"/clusters?filter=(",
	]) {
		const [own, envoys] = [await sendRequest({ port: ours, path }), await sendRequest({ port: theirs, path })];
		assert.deepEqual([own.status, own.headers["content-type"]], [envoys.status, envoys.headers["content-type"]], path);
	}
	const unknown = await sendRequest({ port: ours, path: "/nothing" });
	assert.match(unknown.body, /^invalid path\. admin commands are:\n {2}\/: Admin home page\n/);
});

test("/clusters says the same of the same clusters, as text and as JSON", { skip }, async (t) => {
	const { ours, theirs, state } = await startBoth(t);
	const long = "outbound|80|v1|reviews.shop.svc.cluster.local";
	const backend = createAdminCluster("backend");
	state.shownClusters = [
		{
			...backend,
			limits: { ...backend.limits, default: { ...backend.limits.default, maxConnections: 50 } },
			outlier: {
				successRateAverage: -1,
				successRateThreshold: -1,
				localOriginSuccessRateAverage: -1,
				localOriginSuccessRateThreshold: -1,
			},
		},
		{ ...createAdminCluster(long), observabilityName: `${long};` },
		createAdminCluster("secure", { healthFlags: ["failed_active_hc", "active_hc_timeout"] }),
	];
	const text = async (port: number): Promise<string[]> =>
		(await sendRequest({ port, path: "/clusters" })).body
			.split("\n")
			// Health checks of the example fail at their own pace.
			.filter((line) => !/secure.*(health_flags|cx_|rq_)/.test(line))
			.sort();
	assert.deepEqual(await text(ours), await text(theirs));
	const json = async (port: number): Promise<Json[]> => {
		const all = JSON.parse((await sendRequest({ port, path: "/clusters?format=json" })).body) as {
			cluster_statuses: Json[];
		};
		return all.cluster_statuses
			.filter(({ name }) => name !== "secure")
			.sort((left, right) => (String(left["name"]) < String(right["name"]) ? -1 : 1));
	};
	assert.deepEqual(await json(ours), await json(theirs));
});

test("/config_dump shows the same bootstrap, clusters, endpoints, listeners and routes", { skip }, async (t) => {
	const { ours, theirs, state } = await startBoth(t);
	const long = "outbound|80|v1|reviews.shop.svc.cluster.local";
	state.shownClusters = ["backend", long, "secure"].map((name) => createAdminCluster(name));
	const dump = async (port: number): Promise<Map<string, Json>> => {
		const { configs } = JSON.parse((await sendRequest({ port, path: "/config_dump?include_eds" })).body) as {
			configs: Json[];
		};
		return new Map(configs.map((section) => [String(section["@type"]), section]));
	};
	const [own, envoys] = [await dump(ours), await dump(theirs)];
	assert.deepEqual([...own.keys()], [...envoys.keys()]);
	const section = (name: string): [unknown, unknown] =>
		[own, envoys].map((all) => withoutTimes(all.get(`type.googleapis.com/envoy.admin.v3.${name}`))) as [
			unknown,
			unknown,
		];
	for (const name of ["ClustersConfigDump", "ListenersConfigDump", "RoutesConfigDump", "SecretsConfigDump"]) {
		assert.deepEqual(...section(name));
	}
	const [ownBootstrap, envoysBootstrap] = section("BootstrapConfigDump") as [Json, Json];
	const resources = (bootstrap: Json): unknown => (bootstrap["bootstrap"] as Json)["static_resources"];
	assert.deepEqual(resources(ownBootstrap), resources(envoysBootstrap));
	const [ownEndpoints, envoysEndpoints] = section("EndpointsConfigDump") as [Json, Json];
	const first = (endpoints: Json): unknown =>
		(endpoints["static_endpoint_configs"] as Json[]).find(
			(config) => (config["endpoint_config"] as Json)["cluster_name"] === "backend",
		);
	assert.deepEqual(first(ownEndpoints), first(envoysEndpoints));
});

test("/config_dump takes Envoy's resource, mask and name_regex", { skip }, async (t) => {
	const { ours, theirs } = await startBoth(t);
	for (const query of [
		"resource=static_clusters",
		"resource=static_clusters&mask=cluster.name,cluster.type",
		"resource=static_listeners&name_regex=web",
		"mask=static_clusters",
		"name_regex=backend&mask=static_clusters",
	]) {
		const path = `/config_dump?${query}`;
		const read = async (port: number): Promise<unknown> =>
			withoutTimes(JSON.parse((await sendRequest({ port, path })).body));
		assert.deepEqual(await read(ours), await read(theirs), query);
	}
});

function withoutTimes(value: unknown): unknown {
	if (Array.isArray(value)) return value.map(withoutTimes);
	if (typeof value !== "object" || value === null) return value;
	return Object.fromEntries(
		Object.entries(value)
			.filter(([name]) => name !== "last_updated")
			.map(([name, field]) => [name, withoutTimes(field)]),
	);
}
