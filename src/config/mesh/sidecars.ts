import type { Sidecar } from "../../model/index.ts";
import { completeHost } from "./hosts.ts";

/** A Sidecar with full names. A namespace `.` stays: of one in the root namespace it is that of each client (Istio). */
export function resolveSidecar(sidecar: Sidecar, clusterDomain: string): Sidecar {
	const policy = sidecar.outboundTrafficPolicy;
	return {
		...sidecar,
		egress: sidecar.egress.map((listener) => ({
			...listener,
			hosts: listener.hosts.map(({ namespace, host, ...more }) => ({
				...more,
				namespace,
				host:
					host === "*"
						? host
						: completeHost(host, namespace === "*" || namespace === "." ? sidecar.namespace : namespace, clusterDomain),
			})),
		})),
		...(policy?.egressProxy !== undefined && {
			outboundTrafficPolicy: {
				...policy,
				egressProxy: {
					...policy.egressProxy,
					host: completeHost(policy.egressProxy.host, sidecar.namespace, clusterDomain),
				},
			},
		}),
	};
}
