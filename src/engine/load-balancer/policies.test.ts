import assert from "node:assert/strict";
import { test } from "node:test";
import {
	assignmentTerms,
	commonBalancer,
	createBalancedHosts,
	createBalancerContext,
	createBalancerStats,
	locality,
	plainSurroundings,
} from "../../../test/support/balanced-host.ts";
import { createSeededRandom } from "../../core/index.ts";
import { createLoadBalancer } from "./create-load-balancer.ts";
import { HostLoad } from "./load-report.ts";
import type { BalancedHost, BalancerConfig, CommonBalancerConfig, LoadBalancer } from "./types.ts";

const roundRobin: BalancerConfig = { kind: "round-robin", slowStart: undefined };
const leastRequest: BalancerConfig = {
	kind: "least-request",
	choiceCount: 2,
	activeRequestBias: 1,
	fullScan: false,
	slowStart: undefined,
};

function create(
	config: BalancerConfig,
	hosts: readonly BalancedHost[],
	common: CommonBalancerConfig = commonBalancer,
): LoadBalancer {
	const balancer = createLoadBalancer({ ...plainSurroundings, config, common, stats: createBalancerStats() });
	balancer.setHosts([[locality(hosts)]], assignmentTerms);
	return balancer;
}

/** How often each host is chosen in `picks` choices. */
function count(balancer: LoadBalancer, picks: number, seed = 1, now = 0): Map<string, number> {
	const random = createSeededRandom(seed);
	const counts = new Map<string, number>();
	for (let pick = 0; pick < picks; pick++) {
		const address = balancer.choose(createBalancerContext(), random, now)?.address ?? "none";
		counts.set(address, (counts.get(address) ?? 0) + 1);
	}
	return counts;
}

test("a cluster without hosts gives none", () => {
	for (const config of [roundRobin, leastRequest, { kind: "random" } as const]) {
		assert.deepEqual([...count(create(config, []), 2)], [["none", 2]]);
	}
});

test("round robin gives every host its turn before any has a second one", () => {
	const balancer = create(roundRobin, createBalancedHosts(7));
	const random = createSeededRandom(3);
	const first = Array.from({ length: 7 }, () => balancer.choose(undefined, random, 0)!.address);
	const second = Array.from({ length: 7 }, () => balancer.choose(undefined, random, 0)!.address);
	assert.equal(new Set(first).size, 7);
	assert.deepEqual(second, first);
});

test("weighted round robin is exact over a whole round and never bursts", () => {
	const hosts = createBalancedHosts(3);
	hosts[0]!.weight = 5;
	hosts[1]!.weight = 3;
	hosts[2]!.weight = 2;
	const balancer = create(roundRobin, hosts);
	const random = createSeededRandom(5);
	let last = "";
	let run = 0;
	const counts = new Map<string, number>();
	for (let pick = 0; pick < 1000; pick++) {
		const { address } = balancer.choose(undefined, random, 0)!;
		counts.set(address, (counts.get(address) ?? 0) + 1);
		run = address === last ? run + 1 : 1;
		last = address;
		assert.ok(run <= 2, `${address} ${run} times in a row`);
	}
	const shares = hosts.map((host) => counts.get(host.address)!);
	for (const [index, expected] of [500, 300, 200].entries()) {
		assert.ok(Math.abs(shares[index]! - expected) <= 1, `host ${index}: ${shares[index]}`);
	}
});

test("random spreads evenly and ignores weights", () => {
	const hosts = createBalancedHosts(4);
	hosts[0]!.weight = 100;
	const counts = count(create({ kind: "random" }, hosts), 8000);
	for (const host of hosts) assert.ok(Math.abs(counts.get(host.address)! - 2000) < 200);
});

test("least request prefers the host with fewer requests in flight", () => {
	const hosts = createBalancedHosts(2);
	hosts[0]!.activeRequests = 10;
	// The busy one is taken only when both draws fall on it: one time in four.
	const counts = count(create(leastRequest, hosts), 8000);
	assert.ok(Math.abs(counts.get(hosts[0]!.address)! - 2000) < 200);
});

test("a full scan takes the least busy host, and any of equals", () => {
	const hosts = createBalancedHosts(5);
	hosts[0]!.activeRequests = 3;
	hosts[1]!.activeRequests = 1;
	const balancer = create({ ...leastRequest, fullScan: true }, hosts);
	const counts = count(balancer, 3000);
	assert.equal(counts.get(hosts[0]!.address), undefined);
	assert.equal(counts.get(hosts[1]!.address), undefined);
	for (const host of hosts.slice(2)) assert.ok(Math.abs(counts.get(host.address)! - 1000) < 150);
});

test("least request with weights divides the weight by the requests in flight", () => {
	const hosts = createBalancedHosts(2);
	hosts[0]!.weight = 4;
	hosts[0]!.activeRequests = 1;
	// 4/(1+1) against 1/(0+1).
	const counts = count(create(leastRequest, hosts), 3000);
	assert.ok(Math.abs(counts.get(hosts[0]!.address)! - 2000) <= 2);
	const unbiased = count(create({ ...leastRequest, activeRequestBias: 0 }, hosts), 5000);
	assert.ok(Math.abs(unbiased.get(hosts[0]!.address)! - 4000) <= 2);
});

test("a host in slow start gets a share that grows over the window", () => {
	const hosts = createBalancedHosts(2);
	hosts[1]!.healthySince = 0;
	const slowStart = { windowMs: 10_000, aggression: 1, minWeightPercent: 10 };
	for (const config of [
		{ kind: "round-robin", slowStart },
		{ ...leastRequest, slowStart },
	] as const) {
		const shareAt = (now: number): number => {
			const counts = count(create(config, hosts), 11_000, 1, now);
			return counts.get(hosts[1]!.address)! / counts.get(hosts[0]!.address)!;
		};
		assert.ok(Math.abs(shareAt(0) - 0.1) < 0.01);
		assert.ok(Math.abs(shareAt(5000) - 0.5) < 0.01);
		assert.ok(Math.abs(shareAt(10_000) - 1) < 0.01);
	}
});

test("aggression bends the slow start", () => {
	const hosts = createBalancedHosts(2);
	hosts[1]!.healthySince = 0;
	const slowStart = { windowMs: 10_000, aggression: 2, minWeightPercent: 10 };
	const counts = count(create({ kind: "round-robin", slowStart }, hosts), 15_000, 1, 2500);
	// (1/4)^(1/2) of the weight.
	assert.ok(Math.abs(counts.get(hosts[1]!.address)! - 5000) < 10);
});

test("a host that turned unhealthy is left out, and taken back", () => {
	const hosts = createBalancedHosts(3);
	const balancer = create(roundRobin, hosts);
	hosts[1]!.health = "unhealthy";
	balancer.markChanged(0);
	assert.equal(count(balancer, 300).get(hosts[1]!.address), undefined);
	hosts[1]!.health = "healthy";
	balancer.markChanged(0);
	assert.equal(count(balancer, 300).get(hosts[1]!.address), 100);
});

test("a retry's predicate turns a host down as often as the policy says, then any host is taken", () => {
	const hosts = createBalancedHosts(2);
	const balancer = create(roundRobin, hosts);
	let asked = 0;
	const refuse = (host: BalancedHost): boolean => {
		asked++;
		return host === hosts[0];
	};
	const context = createBalancerContext({ shouldSelectAnotherHost: refuse, hostSelectionMaxAttempts: 5 });
	const random = createSeededRandom(1);
	for (let pick = 0; pick < 10; pick++) assert.equal(balancer.choose(context, random, 0), hosts[1]);
	asked = 0;
	const refuseAll = createBalancerContext({
		shouldSelectAnotherHost: () => {
			asked++;
			return true;
		},
		hostSelectionMaxAttempts: 3,
	});
	assert.ok(balancer.choose(refuseAll, random, 0) !== undefined);
	assert.equal(asked, 3);
});

test("a choice costs the same kind of work among 10 and 10,000 hosts", () => {
	for (const config of [roundRobin, leastRequest, { kind: "random" } as const]) {
		for (const size of [10, 10_000]) {
			let reads = 0;
			const hosts = createBalancedHosts(size).map((host) => {
				return new Proxy(host, {
					get(target, name) {
						reads++;
						return Reflect.get(target, name);
					},
				});
			});
			const balancer = create(config, hosts);
			const random = createSeededRandom(1);
			balancer.choose(undefined, random, 0);
			reads = 0;
			for (let pick = 0; pick < 1000; pick++) balancer.choose(undefined, random, 0);
			assert.ok(reads <= 3000, `${config.kind} of ${size}: ${reads} reads`);
		}
	}
});

test("reported weights come once an interval, the median for who reports nothing, and starve nobody", () => {
	const terms = {
		blackoutMs: 0,
		expirationMs: 60_000,
		errorPenalty: 1,
		utilizationMetrics: [],
		updateMs: 1000,
	};
	const hosts = createBalancedHosts(4).map((host) => Object.assign(host, { load: new HostLoad(terms) }));
	const balancer = create({ kind: "client-side-weighted", slowStart: undefined, ...terms }, hosts);
	const report = (index: number, requestsPerSecond: number): void => {
		const load = {
			cpuUtilization: 0.1,
			applicationUtilization: 0,
			errorsPerSecond: 0,
			named: new Map<string, number>(),
		};
		hosts[index]!.load.observe({ ...load, requestsPerSecond }, 0);
	};
	report(0, 300);
	assert.deepEqual([...count(balancer, 40).values()], [10, 10, 10, 10], "weights that are not in force yet");
	report(1, 100);
	report(2, 100);
	const counts = count(balancer, 600, 1, 1000);
	assert.deepEqual(
		hosts.map(({ weight }) => weight),
		[3000, 1000, 1000, 1000],
	);
	for (const [index, share] of [300, 100, 100, 100].entries()) {
		assert.ok(
			Math.abs(counts.get(hosts[index]!.address)! - share) <= 2,
			`${index}: ${counts.get(hosts[index]!.address)}`,
		);
	}
});
