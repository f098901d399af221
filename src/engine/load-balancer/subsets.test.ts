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
import type { JsonObject } from "../matcher/metadata.ts";
import type { MetadataCriteria } from "../matcher/types.ts";
import { createLoadBalancer } from "./create-load-balancer.ts";
import type { BalancedHost, SubsetConfig } from "./types.ts";

type Selector = SubsetConfig["selectors"][number];

function selector(keys: readonly string[], options: Partial<Selector> = {}): Selector {
	return { keys, fallback: "not-defined", fallbackKeys: [], singleHostPerSubset: false, ...options };
}

function config(selectors: readonly Selector[], options: Partial<SubsetConfig> = {}): SubsetConfig {
	return {
		fallback: "none",
		defaultSubset: {},
		selectors,
		localityWeightAware: false,
		scaleLocalityWeight: false,
		panicModeAny: false,
		listAsAny: false,
		metadataFallback: false,
		allowRedundantKeys: false,
		...options,
	};
}

function host(port: number, labels: JsonObject): BalancedHost {
	return createBalancedHost(port, { metadata: { "envoy.lb": labels } });
}

function create(subsets: SubsetConfig, hosts: readonly BalancedHost[]) {
	const stats = createBalancerStats();
	const options = { config: { kind: "round-robin", slowStart: undefined } as const, common: commonBalancer };
	const balancer = createLoadBalancer({ ...plainSurroundings, ...options, subsets, stats });
	balancer.setHosts([[locality(hosts)]], assignmentTerms);
	const random = createSeededRandom(4);
	/** The ports that requests with these criteria reach. */
	const ports = (metadataMatch?: MetadataCriteria): number[] => {
		const seen = new Set<number>();
		for (let pick = 0; pick < 50; pick++) {
			const chosen = balancer.choose(createBalancerContext({ metadataMatch }), random, 0);
			if (chosen !== undefined) seen.add(Number(chosen.address.split(":")[1]));
		}
		return [...seen].sort((left, right) => left - right);
	};
	return { balancer, stats, ports };
}

const hosts = [
	host(1, { version: "v1", stage: "prod" }),
	host(2, { version: "v1", stage: "dev" }),
	host(3, { version: "v2", stage: "prod" }),
	host(4, {}),
];

test("criteria choose the hosts that have just these values", () => {
	const { ports, stats } = create(config([selector(["version"]), selector(["stage", "version"])]), hosts);
	assert.deepEqual(ports({ version: "v1" }), [1, 2]);
	assert.deepEqual(ports({ version: "v2" }), [3]);
	assert.deepEqual(ports({ version: "v1", stage: "prod" }), [1]);
	assert.deepEqual(ports({ stage: "prod", version: "v1" }), [1], "in any order");
	assert.deepEqual(ports({ stage: "prod" }), [], "no selector has these keys");
	assert.equal(stats.lb_subsets_created.value, 10);
	assert.equal(stats.lb_subsets_active.value, 10);
	assert.ok(stats.lb_subsets_selected.value > 0);
});

test("the cluster's fallback policy takes requests without a subset", () => {
	const table: [Partial<SubsetConfig>, number[]][] = [
		[{ fallback: "none" }, []],
		[{ fallback: "any-endpoint" }, [1, 2, 3, 4]],
		[{ fallback: "default-subset", defaultSubset: { stage: "prod" } }, [1, 3]],
		[{ fallback: "default-subset", defaultSubset: { stage: "test" } }, []],
		[{ fallback: "default-subset", defaultSubset: { stage: "test" }, panicModeAny: true }, [1, 2, 3, 4]],
	];
	for (const [options, expected] of table) {
		const { ports } = create(config([selector(["version"])], options), hosts);
		assert.deepEqual(ports({ version: "v9" }), expected, JSON.stringify(options));
		assert.deepEqual(ports(undefined), expected, `${JSON.stringify(options)} without criteria`);
	}
});

test("a selector's own fallback policy goes before the cluster's", () => {
	const table: [Partial<Selector>, number[]][] = [
		[{ fallback: "none" }, []],
		[{ fallback: "any-endpoint" }, [1, 2, 3, 4]],
		[{ fallback: "default-subset" }, [2]],
		[{ fallback: "keys-subset", fallbackKeys: ["version"] }, [1, 2]],
		[{ fallback: "not-defined" }, [2]],
	];
	for (const [options, expected] of table) {
		const { ports } = create(
			config([selector(["stage", "version"], options), selector(["version"])], {
				fallback: "default-subset",
				defaultSubset: { stage: "dev" },
			}),
			hosts,
		);
		assert.deepEqual(ports({ stage: "none", version: "v1" }), expected, `${options.fallback}`);
	}
});

test("values are compared as JSON values, lists element by element when asked for", () => {
	const listed = [host(1, { zones: ["a", "b"] }), host(2, { zones: ["b"] }), host(3, { zones: "a" })];
	const any = create(config([selector(["zones"])], { listAsAny: true }), listed);
	assert.deepEqual(any.ports({ zones: "a" }), [1, 3]);
	assert.deepEqual(any.ports({ zones: "b" }), [1, 2]);
	const whole = create(config([selector(["zones"])]), listed);
	assert.deepEqual(whole.ports({ zones: "a" }), [3]);
	assert.deepEqual(whole.ports({ zones: ["a", "b"] }), [1]);
	const objects = create(config([selector(["x"])]), [host(1, { x: { a: 1, b: true } }), host(2, { x: "1" })]);
	assert.deepEqual(objects.ports({ x: { b: true, a: 1 } }), [1]);
	assert.deepEqual(objects.ports({ x: 1 }), []);
});

test("a subset in panic uses all of its own hosts, and a subset without healthy hosts is still chosen", () => {
	const own = [host(1, { version: "v1" }), host(2, { version: "v1" }), host(3, { version: "v2" })];
	const { ports, balancer } = create(config([selector(["version"])], { fallback: "any-endpoint" }), own);
	for (const one of own.slice(0, 2)) one.health = "unhealthy";
	balancer.markChanged(0);
	assert.deepEqual(ports({ version: "v1" }), [1, 2]);
});

test("subsets come and go with the hosts' labels", () => {
	const { balancer, stats, ports } = create(config([selector(["version"])]), hosts);
	assert.deepEqual(ports({ version: "v3" }), []);
	balancer.setHosts([[locality([host(7, { version: "v3" })])]], assignmentTerms);
	assert.deepEqual(ports({ version: "v3" }), [7]);
	assert.deepEqual(ports({ version: "v1" }), []);
	assert.equal(stats.lb_subsets_created.value, 6);
	assert.equal(stats.lb_subsets_removed.value, 4);
	assert.equal(stats.lb_subsets_active.value, 2);
});

test("single_host_per_subset keeps one host a value", () => {
	const { ports } = create(config([selector(["version"], { singleHostPerSubset: true })]), hosts);
	assert.deepEqual(ports({ version: "v1" }), [1]);
});

test("a fallback list is tried in order", () => {
	const { ports } = create(config([selector(["version"])], { metadataFallback: true }), hosts);
	assert.deepEqual(ports({ fallback_list: [{ version: "v9" }, { version: "v2" }, { version: "v1" }] }), [3]);
	assert.deepEqual(ports({ version: "v1", fallback_list: [] }), [1, 2]);
	assert.deepEqual(ports({ fallback_list: [{ version: "v9" }] }), []);
});
