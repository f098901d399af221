import type { Locality } from "./instance.ts";
import type { Labels, ObjectName } from "./names.ts";
import type { Resolution, ServicePort } from "./service.ts";
import type { Source } from "./source.ts";

/** A workload outside the cluster: what a WorkloadEntry says, and an endpoint of a ServiceEntry. */
export interface WorkloadEndpoint {
	/** IP address, DNS name or `unix:///path`; empty for one that is only known by its network. */
	readonly address: string;
	/** Port by the name of the service port. */
	readonly ports: Readonly<Record<string, number>>;
	readonly labels: Labels;
	readonly locality?: Locality;
	readonly weight: number;
	readonly serviceAccount?: string;
	/** It has a proxy that takes mutual TLS. */
	readonly isMutualTls: boolean;
}

/** `networking.istio.io/v1` WorkloadEntry. */
export interface WorkloadEntry extends ObjectName, WorkloadEndpoint {
	/** It asks for health checks, and none has found it healthy. */
	readonly isUnready?: boolean;
	readonly createdAt: number;
	readonly source: Source;
}

interface ProbeTiming {
	readonly initialDelayMs: number;
	readonly timeoutMs: number;
	readonly periodMs: number;
	/** Good probes in a row that make a workload ready. */
	readonly successThreshold: number;
	/** Bad probes in a row that make it unready. */
	readonly failureThreshold: number;
	readonly port: number;
	/** The workload's address when undefined. */
	readonly host?: string;
}

/** `probe` of a WorkloadGroup: a connection, or a request that is answered by 200 to 399. */
export type WorkloadProbe = ProbeTiming &
	(
		| { readonly kind: "tcp" }
		| {
				readonly kind: "http";
				readonly path: string;
				readonly isTls: boolean;
				readonly headers: readonly (readonly [name: string, value: string])[];
		  }
	);

/** `networking.istio.io/v1` WorkloadGroup: what workloads that register themselves have in common. */
export interface WorkloadGroup extends ObjectName {
	readonly labels: Labels;
	readonly template: Omit<WorkloadEndpoint, "address">;
	/** How the control plane finds out whether a workload can serve; it is believed when undefined. */
	readonly probe?: WorkloadProbe;
	readonly createdAt: number;
	readonly source: Source;
}

/** `networking.istio.io/v1` ServiceEntry: hosts that are added to those the mesh knows. */
export interface ServiceEntry extends ObjectName {
	readonly labels: Labels;
	readonly hosts: readonly string[];
	readonly addresses: readonly string[];
	readonly ports: readonly ServicePort[];
	readonly isExternal: boolean;
	readonly resolution: Resolution;
	readonly endpoints: readonly WorkloadEndpoint[];
	/** Selects WorkloadEntries and instances of its namespace. */
	readonly selector?: Labels;
	readonly exportTo?: readonly string[];
	readonly subjectAltNames: readonly string[];
	readonly createdAt: number;
	readonly source: Source;
}
