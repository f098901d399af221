import type { ObjectReference, ReferenceGrant } from "../../model/index.ts";

/** Answers who may refer to what in other namespaces. */
export interface ReferenceGrants {
	/** Whether an object of `kind` in `namespace` may refer to `target`; in its own namespace it always may. */
	allows(
		from: { readonly group: string; readonly kind: string; readonly namespace: string },
		target: ObjectReference,
	): boolean;
}

export function createReferenceGrants(grants: readonly ReferenceGrant[]): ReferenceGrants {
	const byNamespace = new Map<string, ReferenceGrant[]>();
	for (const grant of grants) {
		const known = byNamespace.get(grant.namespace);
		if (known === undefined) byNamespace.set(grant.namespace, [grant]);
		else known.push(grant);
	}
	return {
		allows: (from, target) =>
			from.namespace === target.namespace ||
			(byNamespace.get(target.namespace) ?? []).some(
				(grant) =>
					grant.from.some(
						({ group, kind, namespace }) => group === from.group && kind === from.kind && namespace === from.namespace,
					) &&
					grant.to.some(
						({ group, kind, name }) =>
							group === target.group && kind === target.kind && (name === undefined || name === target.name),
					),
			),
	};
}
