import type { AssignmentConfig, DnsConfig, EndpointConfig } from "../../runtime-config/index.ts";
import type { EndpointCluster } from "../endpoint-cluster.ts";
import type { DnsResolver } from "./dns-resolver.ts";
import { NameWatch } from "./name-watch.ts";

interface Target {
	readonly endpoint: EndpointConfig;
	readonly watch: NameWatch | undefined;
	/** undefined before the first answer. */
	addresses: readonly string[] | undefined;
}

/** STRICT_DNS: every address of every name is a host. A name that fails keeps the addresses it had. */
export class StrictDnsDiscovery {
	readonly #cluster: EndpointCluster;
	readonly #assignment: AssignmentConfig;
	/** By locality, then endpoint, as in the assignment. */
	readonly #targets: readonly (readonly Target[])[];
	#waiting = 0;

	constructor(cluster: EndpointCluster, assignment: AssignmentConfig, dns: DnsConfig, resolver: DnsResolver) {
		this.#cluster = cluster;
		this.#assignment = assignment;
		this.#targets = assignment.localities.map(({ endpoints }) =>
			endpoints.map((endpoint) => this.#createTarget(endpoint, dns, resolver)),
		);
	}

	start(): void {
		const targets = this.#targets.flat();
		this.#waiting = targets.filter(({ watch }) => watch !== undefined).length;
		this.#cluster.isDiscovered = this.#waiting === 0 || !this.#cluster.config.waitForWarmOnInit;
		if (this.#cluster.isDiscovered) this.#apply();
		for (const { watch } of targets) watch?.start();
	}

	close(): void {
		for (const { watch } of this.#targets.flat()) watch?.close();
	}

	#createTarget(endpoint: EndpointConfig, dns: DnsConfig, resolver: DnsResolver): Target {
		const { address } = endpoint;
		if (address.kind !== "socket") return { endpoint, watch: undefined, addresses: undefined };
		const { name: clusterName, stats, deps, nameProblems } = this.#cluster;
		let isFirst = true;
		const watch = new NameWatch({
			...deps,
			name: address.address,
			dns,
			resolver,
			clusterName,
			needsAddress: false,
			nameProblems,
			stats,
			onAnswer: (addresses) => {
				if (isFirst) this.#waiting--;
				// A first answer without addresses changes nothing.
				if (addresses?.length === 0 && this.#cluster.assignment === undefined) stats.update_no_rebuild.value++;
				const changed = addresses !== undefined || isFirst;
				isFirst = false;
				if (addresses !== undefined) target.addresses = addresses;
				if (this.#waiting === 0) this.#cluster.isDiscovered = true;
				if (changed) this.#apply();
			},
		});
		const target: Target = { endpoint, watch, addresses: undefined };
		return target;
	}

	#apply(): void {
		this.#cluster.updateAssignment({
			...this.#assignment,
			localities: this.#assignment.localities.map((locality, index) => ({
				...locality,
				endpoints: this.#targets[index]!.flatMap(expandTarget),
			})),
		});
	}
}

function expandTarget({ endpoint, addresses }: Target): EndpointConfig[] {
	const { address } = endpoint;
	if (address.kind !== "socket") return [endpoint];
	const hostname = endpoint.hostname === "" ? address.address : endpoint.hostname;
	return (addresses ?? []).map((resolved) => ({
		...endpoint,
		hostname,
		address: { ...address, address: resolved },
		additionalAddresses: undefined,
	}));
}
