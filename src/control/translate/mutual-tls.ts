import {
	type InstancePort,
	type MutualTlsMode,
	matchesLabels,
	type PeerAuthentication,
	type WorkloadInstance,
} from "../../model/index.ts";
import type { MeshIndex } from "./mesh-index.ts";
import { isPortNumber } from "./port.ts";

export type ResolvedMutualTlsMode = Exclude<MutualTlsMode, "UNSET">;

/** Whether a port takes only mutual TLS, both, or only plain text: mesh < namespace < workload < port, the oldest policy of each
 *  level; PERMISSIVE without any (Istio). A selector in the root namespace means workloads of that namespace. */
export function resolveMutualTlsMode(
	index: MeshIndex,
	instance: WorkloadInstance,
	port: InstancePort,
): ResolvedMutualTlsMode {
	const workload = index.workload({ namespace: instance.namespace, name: instance.workload });
	return resolveMode(index, instance, (number) => isPortNumber(port, number, workload));
}

/** The mode of ports that no Service leads to: what holds for the workload. */
export function resolvePassthroughMode(index: MeshIndex, instance: WorkloadInstance): ResolvedMutualTlsMode {
	return resolveMode(index, instance, () => false);
}

function resolveMode(
	index: MeshIndex,
	instance: WorkloadInstance,
	isThisPort: (number: number) => boolean,
): ResolvedMutualTlsMode {
	const { rootNamespace } = index.mesh.settings;
	let mode: ResolvedMutualTlsMode = "PERMISSIVE";
	for (const policy of [
		findPolicy(index.peerAuthenticationsIn(rootNamespace), undefined),
		findPolicy(index.peerAuthenticationsIn(instance.namespace), undefined),
	])
		if (policy !== undefined && policy.mode !== "UNSET") mode = policy.mode;
	const own = findPolicy(index.peerAuthenticationsIn(instance.namespace), instance);
	if (own === undefined) return mode;
	if (own.mode !== "UNSET") mode = own.mode;
	for (const [number, portMode] of Object.entries(own.portModes))
		if (portMode !== "UNSET" && isThisPort(Number(number))) return portMode;
	return mode;
}

function findPolicy(policies: readonly PeerAuthentication[], instance: WorkloadInstance | undefined) {
	return policies.find(({ selector }) => {
		const isWide = selector === undefined || Object.keys(selector).length === 0;
		return instance === undefined ? isWide : !isWide && matchesLabels(selector, instance.labels);
	});
}
