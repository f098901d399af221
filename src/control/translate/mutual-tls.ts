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
	return decideMutualTls(index, instance, port).mode;
}

/** What policies are chosen by. */
type SelectedWorkload = Pick<WorkloadInstance, "namespace" | "workload" | "labels">;

/** A mode with what decided it. */
export interface MutualTlsDecision {
	readonly mode: ResolvedMutualTlsMode;
	/** Undefined where no policy says anything. */
	readonly policy?: PeerAuthentication;
	/** The field of the policy. */
	readonly path?: string;
}

/** {@link resolveMutualTlsMode} with the policy that decided; `undefined` as the port means one that no Service leads to. */
export function decideMutualTls(
	index: MeshIndex,
	instance: SelectedWorkload,
	port: Pick<InstancePort, "name" | "appPort"> | undefined,
): MutualTlsDecision {
	if (port === undefined) return decideMode(index, instance, () => false);
	const workload = index.workload({ namespace: instance.namespace, name: instance.workload });
	return decideMode(index, instance, (number) => isPortNumber(port, number, workload));
}

/** Whether a port takes mutual TLS: where a sidecar does, or the application is an xDS server that was told to. */
export function takesMutualTls(index: MeshIndex, instance: WorkloadInstance, port: InstancePort): boolean {
	if (instance.pattern === "none") return false;
	if (instance.pattern === "proxyless") return resolveProxylessMode(index, instance, port) === "STRICT";
	return resolveMutualTlsMode(index, instance, port) !== "DISABLE";
}

/** gRPC servers take either mutual TLS or plain text, never both (gRFC A36): permissive ones plain text, as every client has that, unless
 *  the workload's label says `security.istio.io/tlsMode: istio` (Istio). */
export function resolveProxylessMode(
	index: MeshIndex,
	instance: WorkloadInstance,
	port: InstancePort,
): "STRICT" | "DISABLE" {
	if (port.protocol !== "grpc") return "DISABLE";
	const mode = resolveMutualTlsMode(index, instance, port);
	if (mode !== "PERMISSIVE") return mode;
	return instance.labels["security.istio.io/tlsMode"] === "istio" ? "STRICT" : "DISABLE";
}

/** The mode of ports that no Service leads to: what holds for the workload. */
export function resolvePassthroughMode(index: MeshIndex, instance: WorkloadInstance): ResolvedMutualTlsMode {
	return decideMutualTls(index, instance, undefined).mode;
}

function decideMode(
	index: MeshIndex,
	instance: SelectedWorkload,
	isThisPort: (number: number) => boolean,
): MutualTlsDecision {
	const { rootNamespace } = index.mesh.settings;
	let decision: MutualTlsDecision = { mode: "PERMISSIVE" };
	for (const policy of [
		findPolicy(index.peerAuthenticationsIn(rootNamespace), undefined),
		findPolicy(index.peerAuthenticationsIn(instance.namespace), undefined),
	])
		if (policy !== undefined && policy.mode !== "UNSET")
			decision = { mode: policy.mode, policy, path: "spec.mtls.mode" };
	const own = findPolicy(index.peerAuthenticationsIn(instance.namespace), instance);
	if (own === undefined) return decision;
	if (own.mode !== "UNSET") decision = { mode: own.mode, policy: own, path: "spec.mtls.mode" };
	for (const [number, portMode] of Object.entries(own.portModes))
		if (portMode !== "UNSET" && isThisPort(Number(number)))
			return { mode: portMode, policy: own, path: `spec.portLevelMtls.${number}.mode` };
	return decision;
}

function findPolicy(policies: readonly PeerAuthentication[], instance: SelectedWorkload | undefined) {
	return policies.find(({ selector }) => {
		const isWide = selector === undefined || Object.keys(selector).length === 0;
		return instance === undefined ? isWide : !isWide && matchesLabels(selector, instance.labels);
	});
}
