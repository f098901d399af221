import { invariant } from "../../../core/index.ts";
import type { AssignmentConfig, DnsConfig, EndpointConfig } from "../../runtime-config/index.ts";
import type { EndpointCluster } from "../endpoint-cluster.ts";
import type { DnsResolver } from "./dns-resolver.ts";
import { NameWatch } from "./name-watch.ts";

/** LOGICAL_DNS: one host, at the addresses of the newest answer: the first is its own, the others are tried where that one does not answer.
 *  Connections to earlier addresses stay. */
export class LogicalDnsDiscovery {
	readonly #cluster: EndpointCluster;
	readonly #assignment: AssignmentConfig;
	readonly #endpoint: EndpointConfig;
	readonly #watch: NameWatch | undefined;
	#hasHost = false;

	constructor(cluster: EndpointCluster, assignment: AssignmentConfig, dns: DnsConfig, resolver: DnsResolver) {
		this.#cluster = cluster;
		this.#assignment = assignment;
		const endpoint = assignment.localities[0]?.endpoints[0];
		invariant(endpoint !== undefined, "a LOGICAL_DNS cluster has one endpoint");
		this.#endpoint = endpoint;
		const { address } = endpoint;
		if (address.kind !== "socket") return;
		this.#watch = new NameWatch({
			...cluster.deps,
			name: address.address,
			dns,
			resolver,
			clusterName: cluster.name,
			needsAddress: true,
			nameProblems: cluster.nameProblems,
			stats: cluster.stats,
			onAnswer: (addresses) => this.#onAnswer(addresses),
		});
	}

	start(): void {
		if (this.#watch === undefined) {
			this.#cluster.updateAssignment(this.#assignment);
			return;
		}
		this.#cluster.isDiscovered = !this.#cluster.config.waitForWarmOnInit;
		this.#cluster.tryWarm();
		this.#watch.start();
	}

	close(): void {
		this.#watch?.close();
	}

	#onAnswer(addresses: readonly string[] | undefined): void {
		this.#cluster.isDiscovered = true;
		const { address, hostname } = this.#endpoint;
		const [resolved, ...others] = addresses ?? [];
		if (resolved !== undefined && address.kind === "socket") {
			const endpoint: EndpointConfig = {
				...this.#endpoint,
				hostname: hostname === "" ? address.address : hostname,
				address: { ...address, address: resolved },
				additionalAddresses: others.map((other) => ({ ...address, address: other })),
			};
			if (this.#hasHost) {
				this.#cluster.readdress(endpoint);
			} else {
				this.#hasHost = true;
				const [locality] = this.#assignment.localities;
				this.#cluster.updateAssignment({
					...this.#assignment,
					localities: [{ ...locality!, endpoints: [endpoint] }],
				});
			}
		}
		this.#cluster.tryWarm();
	}
}
