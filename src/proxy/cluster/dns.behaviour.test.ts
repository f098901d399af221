import assert from "node:assert/strict";
import { test } from "node:test";
import {
	createAssignment,
	createClusterConfig,
	createEndpoint,
	createLocality,
} from "../../../test/support/cluster-config.ts";
import { addressesOf, createClusterDeps, reach } from "../../../test/support/cluster-deps.ts";
import { createMetricsRegistry } from "../../telemetry/index.ts";
import type { ClusterConfig, DnsConfig } from "../runtime-config/index.ts";
import { createDnsStats } from "../stats/index.ts";
import { createCluster, createDnsResolver, type DnsAnswer, type DnsResolver } from "./index.ts";

const dns: DnsConfig = {
	family: "v4-only",
	refreshMs: 5000,
	failureRefresh: undefined,
	respectTtl: false,
	jitterMs: 0,
	minRefreshMs: 0,
	servers: [],
};

/** Answers from a table that the test changes; a missing name fails. */
function createFakeResolver() {
	const answers = new Map<string, DnsAnswer>();
	const asked: string[] = [];
	const resolver: DnsResolver = {
		resolve(name) {
			asked.push(name);
			const answer = answers.get(name);
			return answer === undefined ? Promise.reject(new Error("no answer")) : Promise.resolve(answer);
		},
	};
	const set = (name: string, addresses: readonly string[], ttlMs?: number): void =>
		void answers.set(name, { addresses, ttlMs });
	return { resolver, set, fail: (name: string) => answers.delete(name), asked };
}

function create(kind: "strict-dns" | "logical-dns", names: readonly string[], options: Partial<DnsConfig> = {}) {
	const { deps, ...rest } = createClusterDeps();
	const fake = createFakeResolver();
	const assignment = createAssignment([createLocality(names.map((name) => createEndpoint(80, {}, name)))]);
	const config: ClusterConfig = createClusterConfig({
		discovery: { kind, assignment, dns: { ...dns, ...options } },
	});
	const start = () => createCluster(config, { ...deps, resolver: fake.resolver });
	return { ...rest, ...fake, start };
}

test("a strict DNS cluster has every address of every name, and is warm when each was asked", async () => {
	const { clock, set, start, counter } = create("strict-dns", ["a.test", "b.test", "10.9.9.9"]);
	set("a.test", ["10.0.0.1", "10.0.0.2"]);
	const cluster = start();
	assert.equal(cluster.isWarm, false);
	await clock.advanceAsync(0);
	assert.equal(cluster.isWarm, true);
	assert.deepEqual(addressesOf(cluster.hosts), ["10.0.0.1:80", "10.0.0.2:80", "10.9.9.9:80"]);
	assert.equal(cluster.hosts.find((host) => host.address === "10.0.0.1:80")?.hostname, "a.test");
	assert.equal(counter("cluster.backend.update_success"), 2);
	assert.equal(counter("cluster.backend.update_failure"), 1);
	cluster.close();
});

test("names are asked again after the refresh rate; a failure keeps what was known", async () => {
	const { clock, set, fail, start, asked } = create("strict-dns", ["a.test"]);
	set("a.test", ["10.0.0.1"]);
	const cluster = start();
	await clock.advanceAsync(4999);
	assert.equal(asked.length, 1);
	const [host] = cluster.hosts;
	set("a.test", ["10.0.0.2", "10.0.0.1"]);
	await clock.advanceAsync(1);
	await clock.advanceAsync(0);
	assert.deepEqual(addressesOf(cluster.hosts), ["10.0.0.1:80", "10.0.0.2:80"]);
	assert.equal(
		cluster.hosts.find((one) => one.address === "10.0.0.1:80"),
		host,
	);
	fail("a.test");
	await clock.advanceAsync(5000);
	assert.equal(asked.length, 3);
	assert.equal(cluster.hosts.length, 2);
	set("a.test", []);
	await clock.advanceAsync(5000);
	await clock.advanceAsync(0);
	assert.deepEqual(cluster.hosts, []);
	cluster.close();
	await clock.advanceAsync(60_000);
	assert.equal(asked.length, 4);
});

test("a time to live takes the place of the refresh rate when it is to be respected", async () => {
	const { clock, set, start, asked } = create("strict-dns", ["a.test"], { respectTtl: true });
	set("a.test", ["10.0.0.1"], 2000);
	const cluster = start();
	await clock.advanceAsync(0);
	await clock.advanceAsync(2000);
	assert.equal(asked.length, 2);
	cluster.close();
});

test("failures are retried after a delay of their own that grows", async () => {
	const { clock, start, asked } = create("strict-dns", ["a.test"], {
		failureRefresh: { baseMs: 100, maxMs: 1000 },
	});
	const cluster = start();
	assert.equal(cluster.isWarm, false);
	for (let step = 0; step < 100; step++) await clock.advanceAsync(10);
	assert.ok(asked.length >= 3, `${asked.length} times in a second instead of once in five`);
	assert.equal(cluster.isWarm, true);
	cluster.close();
});

test("a cluster that is not to wait is warm before any answer", () => {
	const { deps } = createClusterDeps();
	for (const kind of ["strict-dns", "logical-dns"] as const) {
		const assignment = createAssignment([createLocality([createEndpoint(80, {}, "a.test")])]);
		const config = createClusterConfig({ discovery: { kind, assignment, dns }, waitForWarmOnInit: false });
		const resolver: DnsResolver = { resolve: () => new Promise(() => undefined) };
		const cluster = createCluster(config, { ...deps, resolver });
		assert.equal(cluster.isWarm, true, kind);
		cluster.close();
	}
});

test("a logical DNS cluster has one host that moves to the first address", async () => {
	const { clock, set, fail, start, counter } = create("logical-dns", ["a.test"]);
	set("a.test", ["10.0.0.1", "10.0.0.2"]);
	const cluster = start();
	await clock.advanceAsync(0);
	assert.equal(cluster.isWarm, true);
	assert.deepEqual(reach(cluster), ["10.0.0.1:80"]);
	const [host] = cluster.hosts;
	host!.pools = "connections";
	set("a.test", ["10.0.0.2", "10.0.0.1"]);
	await clock.advanceAsync(5000);
	await clock.advanceAsync(0);
	assert.equal(cluster.hosts[0], host);
	assert.deepEqual(reach(cluster), ["10.0.0.2:80"]);
	assert.deepEqual(host!.endpoint, { kind: "socket", address: "10.0.0.2", port: 80, ipv4Compatible: false });
	assert.equal(host!.hostname, "a.test");
	assert.equal(counter("cluster.backend.membership_change"), 1);
	fail("a.test");
	await clock.advanceAsync(5000);
	await clock.advanceAsync(0);
	assert.deepEqual(reach(cluster), ["10.0.0.2:80"]);
	cluster.close();
});

test("a logical DNS cluster without an answer is warm and has no host", async () => {
	const { clock, start } = create("logical-dns", ["a.test"]);
	const cluster = start();
	await clock.advanceAsync(0);
	assert.equal(cluster.isWarm, true);
	assert.deepEqual(reach(cluster), ["none"]);
	cluster.close();
});

test("the machine's resolver knows localhost", async () => {
	const resolver = createDnsResolver(createDnsStats(createMetricsRegistry().root));
	assert.deepEqual((await resolver.resolve("localhost", "v4-only", false)).addresses, ["127.0.0.1"]);
});

test("why a name has no address is known until it has one, or the cluster goes", async () => {
	const error = Object.assign(new Error("getaddrinfo EAI_AGAIN a.test"), { code: "EAI_AGAIN" });
	let next: () => Promise<DnsAnswer> = () => Promise.reject(error);
	const { deps, clock } = createClusterDeps();
	const assignment = createAssignment([createLocality([createEndpoint(80, {}, "a.test")])]);
	const config = createClusterConfig({ discovery: { kind: "strict-dns", assignment, dns } });
	const cluster = createCluster(config, { ...deps, resolver: { resolve: () => next() } });
	const answer = async (addresses: readonly string[]): Promise<void> => {
		next = () => Promise.resolve({ addresses, ttlMs: undefined });
		await clock.advanceAsync(5000);
		await clock.advanceAsync(0);
	};
	await clock.advanceAsync(0);
	assert.deepEqual([...cluster.nameProblems.values()], ["a.test: the name server does not answer (EAI_AGAIN)"]);
	await answer([]);
	assert.deepEqual([...cluster.nameProblems.values()], ["there is no name a.test, or it has no IPv4 address"]);
	await answer(["10.0.0.1"]);
	assert.equal(cluster.nameProblems.size, 0);
	await answer([]);
	cluster.close();
	assert.equal(cluster.nameProblems.size, 0);
});
