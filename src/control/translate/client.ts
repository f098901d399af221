import type { Labels, Locality, Sidecar } from "../../model/index.ts";

/** Whom resources are for, as far as it changes them. */
export interface Client {
	readonly namespace: string;
	/** Labels of its workload. */
	readonly labels: Labels;
	readonly locality?: Locality;
	readonly nodeName?: string;
	/** The Sidecar object in force. */
	readonly sidecar?: Sidecar;
	/** The kernel leads its traffic through the proxy, so the address it wanted is known. */
	readonly isCaptured: boolean;
	/** A gateway at the edge; without captured traffic. */
	readonly isGateway?: boolean;
}
