import assert from "node:assert/strict";
import { test } from "node:test";
import { createBalancerContext } from "../../../test/support/balanced-host.ts";
import { createClusterConfig } from "../../../test/support/cluster-config.ts";
import { createClusterDeps } from "../../../test/support/cluster-deps.ts";
import type { DnsCacheConfig } from "../runtime-config/index.ts";
import { createCluster, DynamicForwardCluster, type Host } from "./index.ts";

const cache: DnsCacheConfig = {
	name: "names",
	dns: {
		family: "v4-only",
		refreshMs: 60_000,
		failureRefresh: undefined,
		respectTtl: false,
		jitterMs: 0,
		minRefreshMs: 5000,
		servers: [],
	},
	hostTtlMs: 300_000,
	maxHosts: 2,
	maxPendingRequests: 2,
	queryTimeoutMs: 5000,
	preresolve: [],
};

function create() {
	const { deps, clock, counter, gauge } = createClusterDeps();
	const known = new Map([["a.test", "10.0.0.1"]]);
	const resolver = {
		resolve: async (name: string) => ({ addresses: [known.get(name) ?? []].flat(), ttlMs: undefined }),
	};
	const config = createClusterConfig({
		name: "any",
		balancer: { kind: "cluster-provided" },
		discovery: { kind: "dynamic-forward", cache },
	});
	const cluster = createCluster(config, { ...deps, resolver });
	assert.ok(cluster instanceof DynamicForwardCluster);
	const chosen = (authority: string) =>
		cluster.chooseHost(createBalancerContext<Host>({ getRequestHeader: () => authority }))?.address;
	const ask = (authority: string) => {
		const outcomes: string[] = [];
		cluster.prepare(authority, (outcome) => outcomes.push(outcome));
		return outcomes;
	};
	return { cluster, clock, counter, gauge, chosen, ask, known };
}

test("a name is looked up when it is first asked for, and answered at once from then on", async () => {
	const { cluster, clock, chosen, ask } = create();
	assert.equal(chosen("a.test"), undefined);
	const first = ask("a.test");
	assert.deepEqual(first, []);
	await clock.advanceAsync(0);
	assert.deepEqual(first, ["found"]);
	assert.equal(chosen("a.test"), "10.0.0.1:80");
	assert.equal(chosen("a.test:8080"), undefined);
	assert.deepEqual(ask("a.test:80"), ["found"]);
	cluster.close();
});

test("names without an address fail, and too many names or waiting requests are turned away", async () => {
	const { cluster, clock, counter, ask } = create();
	const none = ask("none.test");
	ask("a.test");
	assert.deepEqual(ask("a.test"), ["requests-overflow"]);
	await clock.advanceAsync(0);
	assert.deepEqual(none, ["failed"]);
	assert.deepEqual(ask("third.test"), ["hosts-overflow"]);
	assert.equal(counter("dns_cache.names.host_overflow"), 1);
	assert.equal(counter("dns_cache.names.dns_rq_pending_overflow"), 1);
	cluster.close();
});

test("an address in place of a name needs no look-up", () => {
	const { cluster, ask, chosen } = create();
	assert.deepEqual(ask("10.1.1.1:81"), ["found"]);
	assert.equal(chosen("10.1.1.1:81"), "10.1.1.1:81");
	cluster.close();
});

test("a name follows its address, and is forgotten when nobody asks for it", async () => {
	const { cluster, clock, gauge, chosen, ask, known } = create();
	ask("a.test");
	await clock.advanceAsync(0);
	known.set("a.test", "10.0.0.2");
	await clock.advanceAsync(60_000);
	assert.equal(chosen("a.test"), "10.0.0.2:80");
	await clock.advanceAsync(420_000);
	assert.equal(gauge("dns_cache.names.num_hosts"), 0);
	assert.equal(chosen("a.test"), undefined);
	cluster.close();
});
