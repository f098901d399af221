import type { LocalityHosts } from "../../engine/load-balancer/index.ts";
import type { AssignmentConfig, ClusterConfig, EndpointConfig, LocalityConfig } from "../runtime-config/index.ts";
import type { Host, HostStats } from "./cluster.ts";
import {
	createHost,
	formatHostAddress,
	formatLocality,
	isSameLocality,
	listAddresses,
	selectTransportSocket,
	updateHost,
} from "./host.ts";

/** What an assignment changed. */
export interface HostChanges {
	readonly added: readonly Host[];
	readonly removed: readonly Host[];
	/** Whether anything changed that balancing depends on. */
	readonly isChanged: boolean;
	/** In how many priorities hosts came or went. */
	readonly changedPriorities: number;
}

interface Placed {
	readonly locality: LocalityConfig;
	/** Of the last group of this locality that has one. */
	weight: number;
	readonly hosts: Host[];
}

/** The hosts of a cluster by address, and their places in priorities and localities. */
export class HostTable {
	readonly #config: ClusterConfig;
	readonly #createStats: ((address: string) => HostStats) | undefined;
	#byAddress = new Map<string, Host>();
	#hosts: readonly Host[] = [];
	#priorities: readonly (readonly LocalityHosts<Host>[])[] = [];
	/** Weights and sizes of the localities, to tell whether an update changes anything. */
	#shape = "";

	/** `createStats` makes the counts of a host by its address where they are shown one by one. */
	constructor(config: ClusterConfig, createStats?: (address: string) => HostStats) {
		this.#config = config;
		this.#createStats = createStats;
	}

	get hosts(): readonly Host[] {
		return this.#hosts;
	}

	get priorities(): readonly (readonly LocalityHosts<Host>[])[] {
		return this.#priorities;
	}

	/** Takes an assignment: hosts with a known address stay the same object. `prepare` is called for new ones; `mayGo` can
	 *  keep a host that is not in the assignment any more. */
	apply(assignment: AssignmentConfig, prepare: (host: Host) => void, mayGo: (host: Host) => boolean): HostChanges {
		const before = this.#byAddress;
		const byAddress = new Map<string, Host>();
		const added: Host[] = [];
		const removed: Host[] = [];
		const placed: Placed[][] = [];
		const copies = new Map<string, number>();
		let isChanged = false;
		for (const locality of assignment.localities) {
			const place = findPlace(placed, locality);
			for (const endpoint of locality.endpoints) {
				const address = formatHostAddress(endpoint.address);
				const key = this.#chooseKey(address, byAddress, copies);
				if (key === undefined) continue;
				let known = before.get(key);
				if (known !== undefined && this.#isAnother(known, endpoint, locality)) {
					removed.push(known);
					known = undefined;
				}
				const host = known ?? createHost(this.#config, endpoint, locality, this.#createStats?.(address));
				if (updateHost(this.#config, host, endpoint, locality)) isChanged = true;
				if (known === undefined) {
					prepare(host);
					added.push(host);
				}
				byAddress.set(key, host);
				place.hosts.push(host);
			}
		}
		for (const [address, host] of before) {
			if (byAddress.has(address)) continue;
			if (mayGo(host)) {
				removed.push(host);
				continue;
			}
			byAddress.set(address, host);
			findPlace(placed, localityOf(host)).hosts.push(host);
		}
		const shape = describeShape(placed);
		if (shape !== this.#shape || added.length > 0 || removed.length > 0) isChanged = true;
		this.#shape = shape;
		this.#byAddress = byAddress;
		this.#hosts = [...byAddress.values()];
		const priorities = Array.from(placed, (places) =>
			(places ?? []).map(({ locality, weight, hosts }) => ({
				name: formatLocality(locality.locality),
				weight,
				hosts,
			})),
		);
		const changedPriorities = countChanged(this.#priorities, priorities);
		this.#priorities = priorities;
		for (const host of removed) host.removed = true;
		return { added, removed, isChanged, changedPriorities };
	}

	/** An address that was there before is no other host, unless the cluster is STATIC: Envoy counts every endpoint there.
	 *  @param copies how many endpoints of an address there are so far, of those with several
	 *  @returns undefined for an endpoint to pass over */
	#chooseKey(address: string, taken: ReadonlyMap<string, Host>, copies: Map<string, number>): string | undefined {
		if (!taken.has(address)) return address;
		if (this.#config.discovery.kind !== "static") return undefined;
		const copy = (copies.get(address) ?? 1) + 1;
		copies.set(address, copy);
		return `${address} ${copy}`;
	}

	/** Whether an endpoint is another host at the address of `known`: connections would go on with another socket, counts under
	 *  another name or locality. */
	#isAnother(known: Host, endpoint: EndpointConfig, locality: LocalityConfig): boolean {
		return (
			known.hostname !== endpoint.hostname ||
			!isSameLocality(known.locality, locality.locality) ||
			known.transportSocket !== selectTransportSocket(this.#config, endpoint, locality)
		);
	}

	/** Takes one host out. @returns false when it is not there */
	remove(host: Host): boolean {
		if (this.#byAddress.get(host.address) !== host) return false;
		this.#byAddress.delete(host.address);
		this.#hosts = [...this.#byAddress.values()];
		this.#priorities = this.#priorities.map((localities) =>
			localities.map((locality) => ({ ...locality, hosts: locality.hosts.filter((one) => one !== host) })),
		);
		this.#shape = "";
		host.removed = true;
		return true;
	}

	/** Gives the only host another address. */
	readdress(endpoint: EndpointConfig): void {
		const host = this.#hosts[0] as { -readonly [key in keyof Host]: Host[key] } | undefined;
		if (host === undefined) return;
		this.#byAddress.delete(host.address);
		host.endpoint = endpoint.address;
		host.addresses = listAddresses(this.#config, endpoint);
		host.address = formatHostAddress(endpoint.address);
		this.#byAddress.set(host.address, host);
	}
}

type Priorities = readonly (readonly LocalityHosts<Host>[])[];

/** In how many priorities there are other hosts than before. */
function countChanged(before: Priorities, after: Priorities): number {
	let count = 0;
	for (let priority = 0; priority < Math.max(before.length, after.length); priority++) {
		const old = new Set(before[priority]?.flatMap(({ hosts }) => hosts));
		const now = new Set(after[priority]?.flatMap(({ hosts }) => hosts));
		if (old.size !== now.size || [...now].some((host) => !old.has(host))) count++;
	}
	return count;
}

/** Localities of one name within a priority are one. */
function findPlace(placed: Placed[][], locality: LocalityConfig): Placed {
	placed[locality.priority] ??= [];
	const places = placed[locality.priority]!;
	const found = places.find((place) => isSameLocality(place.locality.locality, locality.locality));
	if (found !== undefined) {
		if (locality.weight > 0) found.weight = locality.weight;
		return found;
	}
	const place = { locality, weight: locality.weight, hosts: [] };
	places.push(place);
	return place;
}

/** Where a host that outlives its assignment stays. */
function localityOf(host: Host): LocalityConfig {
	return {
		locality: host.locality,
		priority: host.priority,
		weight: 0,
		metadata: {},
		endpoints: [] as EndpointConfig[],
	};
}

function describeShape(placed: readonly (readonly Placed[])[]): string {
	return Array.from(placed, (places) =>
		(places ?? []).map(({ weight, hosts }) => `${weight}:${hosts.length}`).join(","),
	).join(";");
}
