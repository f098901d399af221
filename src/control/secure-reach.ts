import { ClusterSchema } from "../api/gen/envoy/config/cluster/v3/cluster_pb.js";
import { clusterType, packResource, type XdsResource, type XdsSnapshot } from "../xds/server/index.ts";
import { formatAddress, type ListenAddress } from "./listen-address.ts";
import { OnDemandMap } from "./snapshot/index.ts";
import { controlClusterNames, translateSecureControlCluster } from "./translate/index.ts";

/** Gives a snapshot to a proxy that came to an address over mutual TLS: what it asks the control plane goes there as well, not to the loopback
 *  port of this machine. */
export type SecureReach = (snapshot: XdsSnapshot, address: ListenAddress) => XdsSnapshot;

type Resources = ReadonlyMap<string, XdsResource>;

/** @param trustDomain of the authority, once it is there */
export function createSecureReach(trustDomain: () => string | undefined): SecureReach {
	/** Proxies with the same clusters that came to the same address share theirs again. */
	const known = new WeakMap<Resources, Map<string, Resources>>();
	const build = (clusters: Resources, names: readonly string[], address: ListenAddress, domain: string): Resources => {
		const secure = names.map((name) =>
			packResource(ClusterSchema, name, translateSecureControlCluster(name, address, domain)),
		);
		if (clusters instanceof OnDemandMap) return clusters.with(secure);
		return new Map([...clusters, ...secure.map((resource) => [resource.name, resource] as const)]);
	};
	return (snapshot, address) => {
		const clusters = snapshot.resources.get(clusterType);
		const domain = trustDomain();
		if (clusters === undefined || domain === undefined) return snapshot;
		const names = controlClusterNames.filter((name) => clusters.has(name));
		if (names.length === 0) return snapshot;
		const key = formatAddress(address);
		const byAddress = known.get(clusters) ?? new Map<string, Resources>();
		known.set(clusters, byAddress);
		const secure = byAddress.get(key) ?? build(clusters, names, address, domain);
		byAddress.set(key, secure);
		return { resources: new Map(snapshot.resources).set(clusterType, secure) };
	};
}
