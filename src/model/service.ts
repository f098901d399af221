import type { PortProtocol } from "./instance.ts";
import type { Labels, ObjectName } from "./names.ts";
import type { Source } from "./source.ts";

/** A `v1/Service`: a name, and the workloads behind it. */
export interface Service extends ObjectName {
	readonly labels: Labels;
	/** Selects instances by label; undefined selects none. */
	readonly selector?: Labels;
	readonly ports: readonly ServicePort[];
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

/** The fully qualified name, e.g. `reviews.shop.svc.cluster.local`. */
export function formatServiceHost(service: ObjectName, clusterDomain: string): string {
	return `${service.name}.${service.namespace}.svc.${clusterDomain}`;
}
