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
import { computePriorityLoads, type PriorityCounts } from "./priority-load.ts";
import type { BalancedHost, BalancerContext, BalancerStats, CommonBalancerConfig, LoadBalancer } from "./types.ts";

const roundRobin = { kind: "round-robin", slowStart: undefined } as const;
const terms = { overprovisioningFactor: 140, panicThreshold: 50, weightedPriorityHealth: false };

function counts(hosts: number, healthy: number, degraded = 0, excluded = 0): PriorityCounts {
	return { hosts, healthy, degraded, excluded, countedWeight: 0, healthyWeight: 0, degradedWeight: 0 };
}

test("load spills over to the next priority as healthy hosts go", () => {
	// Envoy, "Priority levels": the tables of the documentation.
	const documented: [number[], number[]][] = [
		[[100], [100, 0]],
		[[72], [100, 0]],
		[[71], [99, 1]],
		[[50], [70, 30]],
		[[25], [35, 65]],
		[[0], [0, 100]],
	];
	for (const [[healthy], expected] of documented) {
		const loads = computePriorityLoads([counts(100, healthy!), counts(100, 100)], terms);
		assert.deepEqual(loads.healthy, expected, `${healthy} % healthy`);
	}
	const threeLevels: [number[], number[]][] = [
		[
			[100, 100, 100],
			[100, 0, 0],
		],
		[
			[72, 72, 100],
			[100, 0, 0],
		],
		[
			[71, 71, 100],
			[99, 1, 0],
		],
		[
			[50, 50, 100],
			[70, 30, 0],
		],
		[
			[25, 100, 100],
			[35, 65, 0],
		],
		[
			[25, 25, 100],
			[35, 35, 30],
		],
	];
	for (const [healthy, expected] of threeLevels) {
		const loads = computePriorityLoads(
			healthy.map((one) => counts(100, one)),
			terms,
		);
		assert.deepEqual(loads.healthy, expected, healthy.join(" "));
	}
});

test("availability is normalized when all priorities together have too little", () => {
	// 20 % and 20 % healthy make 28 % and 28 % of 56.
	const loads = computePriorityLoads([counts(100, 20), counts(100, 20)], { ...terms, panicThreshold: 0 });
	assert.deepEqual(loads.healthy, [50, 50]);
	assert.deepEqual(loads.panic, [false, false]);
});

test("degraded hosts take what healthy ones of no priority take", () => {
	const loads = computePriorityLoads([counts(100, 25, 75), counts(100, 25, 0)], terms);
	assert.deepEqual(loads.healthy, [35, 35]);
	assert.deepEqual(loads.degraded, [30, 0]);
});

test("panic comes to a priority below the threshold unless others can take the load", () => {
	assert.deepEqual(computePriorityLoads([counts(10, 4), counts(10, 10)], terms).panic, [false, false]);
	assert.deepEqual(computePriorityLoads([counts(10, 1), counts(10, 6)], terms).panic, [true, false]);
	const total = computePriorityLoads([counts(4, 1), counts(12, 1)], terms);
	assert.deepEqual(total.panic, [true, true]);
	assert.deepEqual(total.healthy, [25, 75]);
	assert.deepEqual(computePriorityLoads([counts(0, 0), counts(0, 0)], terms).healthy, [100, 0]);
	assert.deepEqual(computePriorityLoads([counts(4, 0)], { ...terms, panicThreshold: 0 }).panic, [false]);
});

test("excluded hosts count neither as healthy nor as hosts", () => {
	assert.deepEqual(computePriorityLoads([counts(10, 5, 0, 5), counts(10, 10)], terms).healthy, [100, 0]);
});

test("weighted priority health goes by weight", () => {
	const heavy = { ...counts(2, 1), countedWeight: 10, healthyWeight: 9 };
	const weighted = { ...terms, weightedPriorityHealth: true };
	assert.deepEqual(
		computePriorityLoads([heavy, { ...counts(1, 1), countedWeight: 1, healthyWeight: 1 }], weighted).healthy,
		[100, 0],
	);
});

test("every load adds up to 100 and lies on priorities that have hosts", () => {
	const random = createSeededRandom(11);
	const draw = (limit: number): number => Math.floor(random.next() * (limit + 1));
	for (let round = 0; round < 2000; round++) {
		const priorities = Array.from({ length: 1 + draw(3) }, () => {
			const hosts = draw(20);
			const healthy = draw(hosts);
			return counts(hosts, healthy, draw(hosts - healthy));
		});
		const loads = computePriorityLoads(priorities, { ...terms, panicThreshold: draw(100) });
		const sum = [...loads.healthy, ...loads.degraded].reduce((left, right) => left + right, 0);
		assert.equal(sum, 100, JSON.stringify(priorities));
		if (!priorities.some(({ hosts }) => hosts > 0)) continue;
		for (const [priority, { hosts, healthy, degraded }] of priorities.entries()) {
			if (hosts === 0) assert.equal(loads.healthy[priority], 0);
			if (!loads.panic[priority] && healthy === 0 && priorities.some((one) => one.healthy + one.degraded > 0))
				assert.equal(loads.healthy[priority], 0);
			if (degraded === 0) assert.equal(loads.degraded[priority], 0);
		}
	}
});

interface Setup {
	readonly balancer: LoadBalancer;
	readonly stats: BalancerStats;
	/** Shares of picks by host, in percent. */
	shares(picks?: number, context?: BalancerContext): Map<BalancedHost, number>;
}

function createSetup(
	priorities: readonly (readonly { name: string; weight: number; hosts: readonly BalancedHost[] }[])[],
	common: Partial<CommonBalancerConfig> = {},
): Setup {
	const stats = createBalancerStats();
	const options = { ...plainSurroundings, config: roundRobin, common: { ...commonBalancer, ...common }, stats };
	const balancer = createLoadBalancer(options);
	balancer.setHosts(priorities, assignmentTerms);
	const random = createSeededRandom(9);
	return {
		balancer,
		stats,
		shares(picks = 10_000, context = createBalancerContext()) {
			const counted = new Map<BalancedHost, number>();
			for (let pick = 0; pick < picks; pick++) {
				const host = balancer.choose(context, random, 0);
				if (host !== undefined) counted.set(host, (counted.get(host) ?? 0) + 100 / picks);
			}
			return counted;
		},
	};
}

function near(actual: number | undefined, expected: number, tolerance = 2): void {
	assert.ok(Math.abs((actual ?? 0) - expected) <= tolerance, `${actual} is not near ${expected}`);
}

test("a balancer follows the loads", () => {
	const first = createBalancedHosts(2);
	const second = createBalancedHosts(1, { address: "10.0.1.1:1" });
	first[1]!.health = "unhealthy";
	const { shares } = createSetup([[locality(first)], [locality(second)]]);
	const result = shares();
	near(result.get(first[0]!), 70);
	near(result.get(second[0]!), 30);
	assert.equal(result.has(first[1]!), false);
});

test("in panic all hosts are used and counted, or none when traffic is to fail", () => {
	const hosts = createBalancedHosts(4);
	for (const host of hosts.slice(1)) host.health = "unhealthy";
	const setup = createSetup([[locality(hosts)]]);
	assert.equal(setup.shares(400).size, 4);
	assert.equal(setup.stats.lb_healthy_panic.value, 400);
	const failing = createSetup([[locality(hosts)]], {
		zoneAware: {
			routingEnabledPercent: 100,
			minClusterSize: 6,
			failTrafficOnPanic: true,
			forceDirect: false,
			forceMinHosts: 1,
		},
	});
	assert.equal(failing.shares(10).size, 0);
	const calm = createSetup([[locality(hosts)]], { healthyPanicThreshold: 0 });
	assert.deepEqual([...calm.shares(10).keys()], [hosts[0]]);
});

test("priorities that earlier tries used up are left out, unless none remains", () => {
	const first = createBalancedHosts(1);
	const second = createBalancedHosts(1, { address: "10.0.1.1:1" });
	const { shares } = createSetup([[locality(first)], [locality(second)]]);
	assert.deepEqual([...shares(50, createBalancerContext({ attemptedPriorities: [0] })).keys()], second);
	assert.deepEqual([...shares(50, createBalancerContext({ attemptedPriorities: [0, 1] })).keys()], first);
});

test("localities share by weight, and by what is left of their hosts", () => {
	const near1 = createBalancedHosts(2);
	const far = createBalancedHosts(2, { address: "10.0.1.1:1" });
	const setup = createSetup([[locality(near1, 3), locality(far, 1)]], { localityWeighted: true });
	let result = setup.shares(4000);
	near(result.get(near1[0]!)! + result.get(near1[1]!)!, 75, 0.1);
	// Half of the hosts are 70 % available: 3 × 0.7 to 1.
	near1[0]!.health = "unhealthy";
	setup.balancer.markChanged(0);
	result = setup.shares(4000);
	near(result.get(near1[1]!), (100 * 2.1) / 3.1, 0.1);
	// A locality of weight 0 gets nothing.
	const none = createSetup([[locality(near1, 0), locality(far, 1)]], { localityWeighted: true }).shares(100);
	assert.equal(none.has(near1[1]!), false);
});

test("without locality weighting localities do not matter", () => {
	const hosts = createBalancedHosts(4);
	const { shares } = createSetup([[locality(hosts.slice(0, 1), 100), locality(hosts.slice(1), 1)]]);
	for (const host of hosts) near(shares(4000).get(host), 25, 0.1);
});
