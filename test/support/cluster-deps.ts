import { createSeededRandom, silentLog } from "../../src/core/index.ts";
import type { Host } from "../../src/proxy/cluster/index.ts";
import type { SecretSource } from "../../src/proxy/secret/index.ts";
import { createMetricsRegistry } from "../../src/telemetry/index.ts";
import { createBalancerContext } from "./balanced-host.ts";
import { createFakeClock } from "./fake-clock.ts";

/** No secret is there. */
export const noSecrets: SecretSource = {
	get: () => undefined,
	certificate: () => undefined,
	validation: () => undefined,
	ticketKeys: () => "none",
	onChange: () => () => undefined,
};

/** What clusters need, on a clock that a test turns, with a look at the statistics. */
export function createClusterDeps() {
	const clock = createFakeClock();
	const registry = createMetricsRegistry();
	const deps = { clock, random: createSeededRandom(1), log: silentLog, stats: registry.root, secrets: noSecrets };
	const gauge = (name: string): number | undefined => registry.gauges().find((one) => one.name === name)?.value;
	const counter = (name: string): number | undefined => registry.counters().find((one) => one.name === name)?.value;
	return { clock, deps, gauge, counter };
}

/** The addresses of hosts, sorted. */
export function addressesOf(hosts: readonly Host[]): string[] {
	return hosts.map((host) => host.address).sort();
}

/** The addresses that a number of requests reach; `none` for those without a host. */
export function reach(
	cluster: { chooseHost(context: ReturnType<typeof createBalancerContext<Host>>): Host | undefined },
	requests = 100,
): string[] {
	const context = createBalancerContext<Host>();
	const seen = new Set<string>();
	for (let request = 0; request < requests; request++) seen.add(cluster.chooseHost(context)?.address ?? "none");
	return [...seen].sort();
}
