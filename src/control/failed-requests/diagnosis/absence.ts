import { findNearest } from "../../../core/index.ts";
import type { ObjectRef } from "../../provenance/index.ts";
import { hostOf } from "../../translate/index.ts";
import type { Whereabouts } from "./diagnosis.ts";
import type { MeshClient, Upstream } from "./upstream.ts";

/** What a route leads to in vain. */
export interface Absence {
	/** Goes on from "leads to". */
	readonly what: string;
	readonly fix: string;
	readonly objects: readonly ObjectRef[];
}

/** What of an upstream is not there for a client: its host, its port, its subset; undefined when all are. */
export function describeAbsence(
	{ host, port, subset, service, servicePort, policy, objects }: Upstream,
	{ namespace }: MeshClient,
	{ index }: Whereabouts,
): Absence | undefined {
	if (service === undefined) {
		if (index.serviceByHost(host) !== undefined)
			return {
				what: `${host}, which is not exported to namespace ${namespace}`,
				fix: `add ${namespace} to its exportTo`,
				objects,
			};
		const nearest = findNearest(
			host,
			index.services.map((one) => hostOf(one, index.mesh.settings)),
		);
		return {
			what: `${host}, which no Service and no ServiceEntry of ${namespace} has`,
			fix:
				nearest === undefined ? "correct the host, or add a Service or a ServiceEntry" : `did you mean '${nearest}'?`,
			objects,
		};
	}
	if (servicePort === undefined) {
		const ports = service.ports.map((candidate) => candidate.port).join(", ");
		return {
			what: `port ${port} of ${host}, which has no port ${port}; it has ${ports || "none"}`,
			fix: ports === "" ? "give the Service a port" : `use ${ports}`,
			objects,
		};
	}
	const names = policy.subsets.map(({ name }) => name);
	if (subset === "" || names.includes(subset)) return undefined;
	const nearest = findNearest(subset, names);
	const [rule] = policy.rules;
	const where = rule === undefined ? `a DestinationRule for ${host}` : `DestinationRule ${rule.namespace}/${rule.name}`;
	return {
		what: `the subset ${subset} of ${host}: no DestinationRule for ${host} has a subset ${subset}; ${names.length === 0 ? "there is none" : `there are ${names.join(", ")}`}`,
		fix: nearest === undefined ? `add the subset to ${where}` : `did you mean '${nearest}'?`,
		// The DestinationRules first: it is one of them that lacks something.
		objects: objects.toReversed(),
	};
}
