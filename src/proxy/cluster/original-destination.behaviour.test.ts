import assert from "node:assert/strict";
import { test } from "node:test";
import { createBalancerContext } from "../../../test/support/balanced-host.ts";
import { createClusterConfig } from "../../../test/support/cluster-config.ts";
import { addressesOf, createClusterDeps } from "../../../test/support/cluster-deps.ts";
import { createCluster, type Host } from "./index.ts";

function create(options: { readonly header?: string; readonly portOverride?: number } = {}) {
	const { deps, ...rest } = createClusterDeps();
	const cluster = createCluster(
		createClusterConfig({
			balancer: { kind: "cluster-provided" },
			discovery: { kind: "original-dst", header: "", portOverride: 0, cleanupIntervalMs: 5000, ...options },
		}),
		deps,
	);
	const choose = (destination: string | undefined, header?: string): Host | undefined => {
		const [address, port] = destination?.split(":") ?? [];
		return cluster.chooseHost(
			createBalancerContext<Host>({
				originalDestination: address === undefined ? undefined : { address, port: Number(port) },
				getRequestHeader: () => header,
			}),
		);
	};
	return { cluster, choose, ...rest };
}

test("a request goes where its connection was going, over the same host each time", () => {
	const { cluster, choose, gauge } = create();
	assert.equal(cluster.isWarm, true);
	const added: string[] = [];
	cluster.onHostsChanged((hosts) => added.push(...addressesOf(hosts)));
	const host = choose("10.0.0.1:80");
	assert.equal(host?.address, "10.0.0.1:80");
	assert.equal(choose("10.0.0.1:80"), host);
	assert.equal(choose("10.0.0.2:80")?.address, "10.0.0.2:80");
	assert.deepEqual(added, ["10.0.0.1:80", "10.0.0.2:80"]);
	assert.equal(gauge("cluster.backend.membership_total"), 2);
	assert.equal(choose(undefined), undefined);
	cluster.close();
});

test("a header may name the destination; nonsense in it is counted and passed over", () => {
	const { cluster, choose, counter } = create({ header: "x-envoy-original-dst-host" });
	const table: [header: string | undefined, expected: string | undefined][] = [
		["10.1.1.1:8080", "10.1.1.1:8080"],
		["[::1]:8080", "[::1]:8080"],
		[undefined, "10.0.0.1:80"],
		["reviews:8080", "10.0.0.1:80"],
		["10.1.1.1", "10.0.0.1:80"],
		["10.1.1.1:99999", "10.0.0.1:80"],
		["::1:80", "10.0.0.1:80"],
	];
	for (const [header, expected] of table) assert.equal(choose("10.0.0.1:80", header)?.address, expected, `${header}`);
	assert.equal(counter("cluster.backend.original_dst_host_invalid"), 4);
	cluster.close();
});

test("the port may be another one", () => {
	const { cluster, choose } = create({ portOverride: 15_006 });
	assert.equal(choose("10.0.0.1:80")?.address, "10.0.0.1:15006");
	cluster.close();
});

test("a host that was not used for an interval goes, unless it has connections", () => {
	const { cluster, choose, clock, gauge } = create();
	const [idle, busy, used] = [choose("10.0.0.1:80")!, choose("10.0.0.2:80")!, choose("10.0.0.3:80")!];
	busy.activeConnections = 1;
	clock.advance(5000);
	assert.equal(cluster.hosts.length, 3);
	choose("10.0.0.3:80");
	clock.advance(5000);
	assert.deepEqual(addressesOf(cluster.hosts), ["10.0.0.2:80", "10.0.0.3:80"]);
	assert.deepEqual([idle.removed, busy.removed, used.removed], [true, false, false]);
	assert.equal(gauge("cluster.backend.membership_total"), 2);
	assert.notEqual(choose("10.0.0.1:80"), idle);
	cluster.close();
	assert.equal(clock.pending, 0);
});
