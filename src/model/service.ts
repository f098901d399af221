import type { Locality, PortProtocol } from "./instance.ts";
import type { Labels, ObjectName } from "./names.ts";
import type { Source } from "./source.ts";

/** How the endpoints of a service are found: known to the mesh, by DNS (every address, or one at a time; of a wildcard that of the name
 *  that a request asks for), or wherever the client was going. */
export type Resolution = "endpoints" | "dns" | "dns-round-robin" | "dynamic-dns" | "passthrough";

/** A host with ports: a `v1/Service`, or one host of a ServiceEntry. */
export interface Service extends ObjectName {
	/** The full host when it is not `name.namespace.svc.<cluster domain>`, e.g. of a ServiceEntry; may be a wildcard. */
	readonly host?: string;
	/** Name of the ServiceEntry that it is of. */
	readonly entry?: string;
	readonly labels: Labels;
	/** Selects instances by label; undefined selects none. */
	readonly selector?: Labels;
	readonly ports: readonly ServicePort[];
	/** Virtual addresses or CIDR blocks that clients connect to; empty has none. */
	readonly addresses?: readonly string[];
	/** `endpoints` by default. */
	readonly resolution?: Resolution;
	/** Whether clients connect to its endpoints directly, as to a headless Service. */
	readonly isHeadless?: boolean;
	/** The host that this one is another name of (ExternalName). */
	readonly aliasOf?: string;
	/** It is outside the mesh: no mutual TLS. */
	readonly isExternal?: boolean;
	/** Endpoints said by the object itself, beside selected instances. */
	readonly endpoints?: readonly ServiceEndpoint[];
	/** Namespaces that see it, `.` and `*` allowed; undefined is all. */
	readonly exportTo?: readonly string[];
	/** Names that its endpoints may carry in their certificates. */
	readonly subjectAltNames?: readonly string[];
	/** Prefers endpoints near the client, whatever DestinationRules say. */
	readonly trafficDistribution?: "PreferSameZone" | "PreferSameNode";
	/** Only endpoints on the client's node. */
	readonly isNodeLocal?: boolean;
	/** Milliseconds since the epoch; 0 or absent when unknown. */
	readonly createdAt?: number;
	readonly source: Source;
}

export interface ServicePort {
	/** Empty when the only port of a service has no name. */
	readonly name: string;
	readonly port: number;
	readonly protocol: PortProtocol;
	/** Port of the instance, by number (its application port) or by name. */
	readonly targetPort: number | string;
}

/** One endpoint that an object says itself: of a ServiceEntry, a WorkloadEntry or an EndpointSlice. */
export interface ServiceEndpoint {
	/** IP address, DNS name or `unix:///path`. */
	readonly address: string;
	/** Port by the name of the service port, where it is not the service's own target port. */
	readonly ports: Readonly<Record<string, number>>;
	/** Whether it has no port of the service beside those named there (EndpointSlice). */
	readonly hasOnlyNamedPorts?: boolean;
	readonly labels: Labels;
	readonly locality?: Locality;
	readonly nodeName?: string;
	/** Share among its neighbours; 1 by default. */
	readonly weight: number;
	readonly serviceAccount?: string;
	/** Its proxy takes mutual TLS. */
	readonly isMutualTls?: boolean;
	readonly health: "ready" | "unready" | "draining";
	/** Name of the workload, for telemetry. */
	readonly workload?: string;
	readonly namespace: string;
}

/** The fully qualified name, e.g. `reviews.shop.svc.cluster.local`. */
export function formatServiceHost(service: ObjectName & { readonly host?: string }, clusterDomain: string): string {
	return service.host ?? `${service.name}.${service.namespace}.svc.${clusterDomain}`;
}
