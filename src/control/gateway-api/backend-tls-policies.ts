import {
	type BackendTlsPolicy,
	formatObjectName,
	isServiceEntryParent,
	isServiceParent,
	type ObjectName,
	type Service,
	type ServicePort,
} from "../../model/index.ts";

/** One of `targetRefs`. */
export type BackendTlsTarget = BackendTlsPolicy["targets"][number];

type Policies = readonly BackendTlsPolicy[];

interface Candidate {
	readonly policy: BackendTlsPolicy;
	readonly sectionName: string | undefined;
}

/** The policies of a mesh by what they target, those first that win over others. Lists are immutable, so each is sorted once. */
const sorted = new WeakMap<Policies, ReadonlyMap<string, readonly Candidate[]>>();

/** The policy that connections to a port of a Service, or of the hosts of a ServiceEntry, follow: one that names the port before one for
 *  every port, then the older one, then the first by name. */
export function findBackendTlsPolicy(
	policies: Policies,
	service: Service,
	port: ServicePort,
): BackendTlsPolicy | undefined {
	if (policies.length === 0) return undefined;
	const candidates = candidatesFor(policies).get(keyOfService(service)) ?? [];
	const named = candidates.find(({ sectionName }) => sectionName !== undefined && sectionName === port.name);
	return (named ?? candidates.find(({ sectionName }) => sectionName === undefined))?.policy;
}

/** The policy that keeps another from one of its targets; undefined when it has it. */
export function findWinner(
	policies: Policies,
	policy: BackendTlsPolicy,
	target: BackendTlsTarget,
): BackendTlsPolicy | undefined {
	const first = candidatesFor(policies)
		.get(keyOfTarget(target))
		?.find(({ sectionName }) => sectionName === target.sectionName)?.policy;
	return first === policy ? undefined : first;
}

/** Whether a policy can be attached to a target of its kind. */
export function isTargetKind(target: BackendTlsTarget): boolean {
	return isServiceParent(target) || isServiceEntryParent(target);
}

function candidatesFor(policies: Policies): ReadonlyMap<string, readonly Candidate[]> {
	const known = sorted.get(policies);
	if (known !== undefined) return known;
	const byTarget = new Map<string, Candidate[]>();
	const inOrder = [...policies].sort(
		(a, b) => a.createdAt - b.createdAt || (formatObjectName(a) < formatObjectName(b) ? -1 : 1),
	);
	for (const policy of inOrder)
		for (const target of policy.targets) {
			const key = keyOfTarget(target);
			const candidate = { policy, sectionName: target.sectionName };
			const list = byTarget.get(key);
			if (list === undefined) byTarget.set(key, [candidate]);
			else list.push(candidate);
		}
	sorted.set(policies, byTarget);
	return byTarget;
}

function keyOfTarget({ group, kind, namespace, name }: BackendTlsTarget): string {
	return `${group}/${kind}/${namespace}/${name}`;
}

function keyOfService({ entry, namespace, name }: Service): string {
	return entry === undefined ? keyOf("/Service", { namespace, name }) : keyOf(entryKind, { namespace, name: entry });
}

const entryKind = "networking.istio.io/ServiceEntry";

function keyOf(kind: string, { namespace, name }: ObjectName): string {
	return `${kind}/${namespace}/${name}`;
}
