import {
	type BackendTlsPolicy,
	formatObjectName,
	isServiceEntryParent,
	type Mesh,
	type ObjectName,
	type Service,
} from "../../model/index.ts";
import { type AttachedGateway, type Attachments, serviceController } from "./attach-routes.ts";
import { type BackendTlsTarget, findWinner, isTargetKind } from "./backend-tls-policies.ts";
import { isFault } from "./certificates.ts";
import { type Condition, type ConditionFault, conditionOf } from "./condition.ts";

/** What the status of a policy follows from. */
export interface BackendTlsStatusInputs {
	readonly mesh: Pick<Mesh, "backendTlsPolicies">;
	readonly attachments: Attachments;
	service(name: ObjectName): Service | undefined;
	/** The services of a ServiceEntry. */
	entry(name: ObjectName): readonly Service[];
}

/** No more are told of (GEP-713). */
const maxAncestors = 16;

/** An ancestor for each Gateway whose routes lead to a target, and for each target itself: that is what clients of the mesh follow. */
export function backendTlsStatus(policy: BackendTlsPolicy, inputs: BackendTlsStatusInputs): object {
	const { attachments } = inputs;
	const ofGateways = [...attachments.gateways.values()].flatMap((attached) => {
		const targets = policy.targets.filter((target) => leadsTo(attached, target));
		if (targets.length === 0) return [];
		const { namespace, name } = attached.gateway;
		return {
			ancestorRef: { group: "gateway.networking.k8s.io", kind: "Gateway", namespace, name },
			controllerName: attached.controller,
			conditions: conditionsOf(policy, targets, inputs),
		};
	});
	const ofTargets = policy.targets.map((target) => {
		const { group, kind, namespace, name, sectionName } = target;
		return {
			ancestorRef: { group, kind, namespace, name, ...(sectionName !== undefined && { sectionName }) },
			controllerName: serviceController,
			conditions: conditionsOf(policy, [target], inputs),
		};
	});
	return { ancestors: [...ofGateways, ...ofTargets].slice(0, maxAncestors) };
}

/** It is accepted where it has at least one of the targets. */
function conditionsOf(
	policy: BackendTlsPolicy,
	targets: readonly BackendTlsTarget[],
	inputs: BackendTlsStatusInputs,
): Condition[] {
	const faults = targets.map((target) => findTargetFault(policy, target, inputs));
	const targetFault = faults.includes(undefined) ? undefined : faults[0];
	const { accepted, resolved } = findAuthorityFaults(policy, inputs.attachments);
	return [conditionOf("Accepted", targetFault ?? accepted), conditionOf("ResolvedRefs", resolved)];
}

function findTargetFault(
	policy: BackendTlsPolicy,
	target: BackendTlsTarget,
	inputs: BackendTlsStatusInputs,
): ConditionFault | undefined {
	const { kind, sectionName } = target;
	const reason = "TargetNotFound";
	if (!isTargetKind(target))
		return { reason: "Invalid", message: `targetRefs: a ${kind} cannot be a target, only Services and ServiceEntries` };
	const services = isServiceEntryParent(target)
		? inputs.entry(target)
		: [inputs.service(target)].filter((service) => service !== undefined);
	if (services.length === 0) return { reason, message: `there is no ${kind} ${formatObjectName(target)}` };
	const hasPort =
		sectionName === undefined || services.some(({ ports }) => ports.some(({ name }) => name === sectionName));
	if (!hasPort) return { reason, message: `${kind} ${formatObjectName(target)} has no port named ${sectionName}` };
	const winner = findWinner(inputs.mesh.backendTlsPolicies, policy, target);
	return winner && { reason: "Conflicted", message: `the older policy ${winner.name} has the same target` };
}

function findAuthorityFaults(
	{ caCertificateRefs, unknownAuthorities }: BackendTlsPolicy,
	{ certificates }: Attachments,
): { readonly accepted?: ConditionFault; readonly resolved?: ConditionFault } {
	if (unknownAuthorities !== undefined) {
		const message = `wellKnownCACertificates ${unknownAuthorities} is not known here: write System`;
		return { accepted: { reason: "Invalid", message } };
	}
	const faults = caCertificateRefs
		.map((reference) => certificates.trustBundle(reference))
		.filter((bundle) => isFault(bundle));
	const [first] = faults;
	if (first === undefined) return {};
	const { message } = first;
	const resolved = { reason: first.reason === "InvalidCACertificateKind" ? "InvalidKind" : first.reason, message };
	if (faults.length < caCertificateRefs.length) return { resolved };
	return { accepted: { reason: "NoValidCACertificate", message }, resolved };
}

function leadsTo({ listeners }: AttachedGateway, target: BackendTlsTarget): boolean {
	return listeners.some(({ httpRoutes, streamRoutes }) =>
		[...httpRoutes, ...streamRoutes].some(({ route }) =>
			route.references.some(
				({ kind, name, namespace }) => kind === target.kind && name === target.name && namespace === target.namespace,
			),
		),
	);
}
