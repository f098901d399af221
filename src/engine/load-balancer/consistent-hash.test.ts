import assert from "node:assert/strict";
import { test } from "node:test";
import {
	assignmentTerms,
	commonBalancer,
	createBalancedHost,
	createBalancerContext,
	createBalancerStats,
	locality,
	plainSurroundings,
} from "../../../test/support/balanced-host.ts";
import { createSeededRandom } from "../../core/index.ts";
import { xxHash64 } from "../hash/index.ts";
import { createLoadBalancer } from "./create-load-balancer.ts";
import type { BalancedHost, BalancerConfig, BalancerStats, LoadBalancer } from "./types.ts";

const random = createSeededRandom(1);

function ringHash(minimumRingSize: number, hashFunction: "xx-hash" | "murmur-hash-2" = "xx-hash"): BalancerConfig {
	return {
		kind: "ring-hash",
		minimumRingSize,
		maximumRingSize: 8_388_608,
		hashFunction,
		useHostnameForHashing: false,
		hashBalanceFactor: 0,
	};
}

function maglev(tableSize: number): BalancerConfig {
	return { kind: "maglev", tableSize, useHostnameForHashing: false, hashBalanceFactor: 0 };
}

/** Hosts as in Envoy's tests. */
function hostsAt(ports: readonly number[]): BalancedHost[] {
	return ports.map((port) => createBalancedHost(port, { address: `127.0.0.1:${port}` }));
}

function create(
	config: BalancerConfig,
	hosts: readonly BalancedHost[],
	stats: BalancerStats = createBalancerStats(),
): LoadBalancer {
	const balancer = createLoadBalancer({ ...plainSurroundings, config, common: commonBalancer, stats });
	balancer.setHosts([[locality(hosts)]], assignmentTerms);
	return balancer;
}

function portFor(balancer: LoadBalancer, hash: bigint): string | undefined {
	return balancer.choose(createBalancerContext({ hash }), random, 0)?.address.split(":")[1];
}

const maximum = 0xffff_ffff_ffff_ffffn;

test("the ring has the points that Envoy's has", () => {
	const table: [BalancerConfig, number[], [bigint, string][]][] = [
		[
			ringHash(12),
			[90, 91, 92, 93, 94, 95],
			[
				[0n, "94"],
				[833437586790550860n, "94"],
				[1033482794131418490n, "90"],
				[3551244743356806947n, "95"],
				[3851675632748031481n, "93"],
				[5583722120771150861n, "91"],
				[13444792449719432967n, "92"],
				[16117243373044804880n, "90"],
				[maximum, "94"],
			],
		],
		[
			ringHash(12, "murmur-hash-2"),
			[80, 81, 82, 83, 84, 85],
			[
				[0n, "85"],
				[1358027074129602068n, "85"],
				[4361834613929391114n, "83"],
				[7224494972555149682n, "84"],
				[10150910876324007730n, "82"],
				[15427156902705414897n, "80"],
				[maximum, "85"],
			],
		],
	];
	for (const [config, ports, expected] of table) {
		const balancer = create(config, hostsAt(ports));
		for (const [hash, port] of expected) assert.equal(portFor(balancer, hash), port, `${hash}`);
	}
});

test("maglev's table is filled as Envoy fills it", () => {
	const byAddress = create(maglev(7), hostsAt([90, 91, 92, 93, 94, 95]));
	const byKey = create(
		maglev(7),
		[90, 91, 92, 93, 94, 95].map((port) =>
			createBalancedHost(port, { address: `127.0.0.1:${port}`, hashKey: `${port}` }),
		),
	);
	for (let hash = 0n; hash < 21n; hash++) {
		const place = Number(hash % 7n);
		assert.equal(portFor(byAddress, hash), ["92", "94", "90", "91", "95", "90", "93"][place]);
		assert.equal(portFor(byKey, hash), ["92", "95", "90", "93", "94", "91", "90"][place]);
	}
});

test("a hash keeps its host, and hosts that leave move hardly more than their own hashes", () => {
	for (const config of [ringHash(1024), maglev(65_537)]) {
		const hosts = hostsAt([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
		const all = create(config, hosts);
		const without = create(config, hosts.slice(0, 9));
		let moved = 0;
		for (let key = 0; key < 2000; key++) {
			const hash = xxHash64(`user-${key}`);
			const before = portFor(all, hash);
			assert.equal(portFor(all, hash), before);
			if (before !== "10" && portFor(without, hash) !== before) moved++;
		}
		// A few more than must: the hosts that stay get more points of the ring, maglev fills its table in another order.
		assert.ok(moved <= 200, `${config.kind}: ${moved}`);
	}
});

test("weights are honoured", () => {
	for (const config of [ringHash(4096), maglev(65_537)]) {
		const hosts = hostsAt([1, 2]);
		hosts[1]!.weight = 3;
		const balancer = create(config, hosts);
		let second = 0;
		for (let key = 0; key < 4000; key++) if (portFor(balancer, xxHash64(`user-${key}`)) === "2") second++;
		assert.ok(Math.abs(second - 3000) < 300, `${config.kind}: ${second}`);
	}
});

test("without a hash any host is taken, without hosts none", () => {
	for (const config of [ringHash(1024), maglev(251)]) {
		const balancer = create(config, hostsAt([1, 2, 3]));
		const seen = new Set<string>();
		for (let pick = 0; pick < 100; pick++) seen.add(balancer.choose(undefined, random, 0)!.address);
		assert.equal(seen.size, 3);
		assert.equal(create(config, []).choose(undefined, random, 0), undefined);
	}
});

test("a retry's predicate leads to another host", () => {
	for (const config of [ringHash(1024), maglev(65_537)]) {
		const hosts = hostsAt([1, 2, 3, 4]);
		const balancer = create(config, hosts);
		let others = 0;
		for (let key = 0; key < 100; key++) {
			const hash = xxHash64(`user-${key}`);
			const first = balancer.choose(createBalancerContext({ hash }), random, 0);
			const second = balancer.choose(
				createBalancerContext({
					hash,
					hostSelectionMaxAttempts: 10,
					shouldSelectAnotherHost: (host) => host === first,
				}),
				random,
				0,
			);
			if (second !== first) others++;
		}
		assert.ok(others >= 95, `${config.kind}: ${others}`);
	}
});

test("an unhealthy host leaves the table, and all are used in panic", () => {
	const stats = createBalancerStats();
	const hosts = hostsAt([1, 2, 3, 4]);
	const balancer = create(ringHash(1024), hosts, stats);
	const key = Array.from({ length: 100 }, (_, index) => xxHash64(`${index}`)).find(
		(hash) => portFor(balancer, hash) === "1",
	)!;
	hosts[0]!.health = "unhealthy";
	balancer.markChanged(0);
	assert.notEqual(portFor(balancer, key), "1");
	for (const host of hosts) host.health = "unhealthy";
	balancer.markChanged(0);
	assert.equal(portFor(balancer, key), "1");
	assert.equal(stats.lb_healthy_panic.value, 1);
});

test("a bounded load passes over a host with too many requests in flight, the same way each time", () => {
	for (const config of [ringHash(1024), maglev(65_537)] as (BalancerConfig & { kind: "ring-hash" | "maglev" })[]) {
		const stats = createBalancerStats();
		const hosts = hostsAt([1, 2, 3, 4, 5]);
		const balancer = create({ ...config, hashBalanceFactor: 125 }, hosts, stats);
		const hash = xxHash64("user");
		const first = balancer.choose(createBalancerContext({ hash }), random, 0)!;
		stats.upstream_rq_active.value = 20;
		for (const host of hosts) host.activeRequests = 4;
		assert.equal(balancer.choose(createBalancerContext({ hash }), random, 0), first);
		// (20 + 1) × 1.25 / 5 is 5.25 slots, so 6.
		first.activeRequests = 7;
		const second = balancer.choose(createBalancerContext({ hash }), random, 0)!;
		assert.notEqual(second, first);
		assert.equal(balancer.choose(createBalancerContext({ hash }), random, 0), second);
		// When all are over, the least loaded is taken.
		for (const host of hosts) host.activeRequests = 50;
		hosts[3]!.activeRequests = 40;
		assert.equal(balancer.choose(createBalancerContext({ hash }), random, 0), hosts[3]);
	}
});
