import type { Labels, ObjectName } from "./names.ts";
import type { Source } from "./source.ts";

/** A `v1/Namespace`, for its labels. */
export interface Namespace {
	readonly name: string;
	readonly labels: Labels;
}

/** A `v1/Node`, for the locality of what runs on it. */
export interface ClusterNode {
	readonly name: string;
	readonly labels: Labels;
}

/** A `v1/Pod` that has an address. */
export interface Pod extends ObjectName {
	readonly labels: Labels;
	readonly annotations: Readonly<Record<string, string>>;
	readonly serviceAccount: string;
	readonly nodeName?: string;
	/** Undefined before it has one. */
	readonly address?: string;
	readonly isReady: boolean;
	/** It has ended, or will not run any more. */
	readonly hasEnded: boolean;
	/** Ports that its containers declare. */
	readonly ports: readonly { readonly name: string; readonly port: number }[];
	readonly createdAt: number;
	readonly source: Source;
}

/** What makes Pods: a Deployment, StatefulSet or DaemonSet. Nothing of a mesh that runs; what only looks at documents takes its Pods to be there. */
export interface PodTemplate extends ObjectName {
	/** How many Pods there are to be; one for a DaemonSet. */
	readonly replicas: number;
	/** Of its Pods. */
	readonly labels: Labels;
	readonly annotations: Readonly<Record<string, string>>;
	readonly serviceAccount: string;
	readonly ports: Pod["ports"];
	readonly createdAt: number;
	readonly source: Source;
}

/** A `discovery.k8s.io/v1` EndpointSlice of one Service. */
export interface EndpointSlice extends ObjectName {
	/** Name of the Service in the same namespace; undefined for a slice of nobody. */
	readonly serviceName?: string;
	/** By the names of the Service's ports. */
	readonly ports: readonly { readonly name: string; readonly port: number }[];
	readonly endpoints: readonly SliceEndpoint[];
	readonly createdAt: number;
	readonly source: Source;
}

export interface SliceEndpoint {
	/** They are the same endpoint; the first is used. */
	readonly addresses: readonly string[];
	readonly isReady: boolean;
	readonly isServing: boolean;
	readonly isTerminating: boolean;
	readonly nodeName?: string;
	readonly zone?: string;
	/** The Pod behind it, when it says so. */
	readonly pod?: ObjectName;
	readonly hostname?: string;
}
