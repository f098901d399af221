import type { Labels, PolicyTarget } from "../../model/index.ts";
import type { Node } from "../document/node.ts";
import { list } from "../schema/collections.ts";
import { workloadSelector } from "../schema/kubernetes.ts";
import { defaulted, object, optional, refused, required } from "../schema/object.ts";
import { string } from "../schema/scalars.ts";
import { createReader, type Schema } from "../schema/schema.ts";
import { toSelector } from "./selector.ts";

const target: Schema<PolicyTarget> = object({
	group: defaulted(string({ minLength: 0, maxLength: 253 }), "", "Group of the target's kind"),
	kind: required(string({ maxLength: 63 }), "`Gateway`, `GatewayClass`, `Service` or `ServiceEntry`"),
	name: required(string({ maxLength: 253 }), "Name of the target"),
	namespace: refused("a policy is attached in its own namespace"),
});

/** The fields that say what a policy is for, beside its selector. */
export const targetFields = {
	targetRef: optional(target, "Old form of `targetRefs`"),
	targetRefs: optional(list(target, { min: 1, max: 16 }), "Objects that it is attached to, in the place of a selector"),
};

/** What a policy is for, as far as a broken one can be read; its whole namespace when that cannot be. */
export function readTarget(spec: Node): { readonly selector?: Labels; readonly targets?: readonly PolicyTarget[] } {
	const take = createReader(() => undefined);
	if (spec.kind !== "map") return {};
	const read = <T>(schema: Schema<T>, name: string): T | undefined => {
		const entry = spec.entries.get(name);
		return entry === undefined ? undefined : schema.read(entry.value, take.field(name));
	};
	const selector = toSelector(read(workloadSelector(), "selector"));
	const targets = toTargets({ targetRef: read(target, "targetRef"), targetRefs: read(list(target), "targetRefs") });
	return { ...(selector !== undefined && { selector }), ...(targets !== undefined && { targets }) };
}

/** The targets of a policy; undefined without any. */
export function toTargets(value: {
	readonly targetRef: PolicyTarget | undefined;
	readonly targetRefs: readonly PolicyTarget[] | undefined;
}): readonly PolicyTarget[] | undefined {
	const targets = [...(value.targetRef === undefined ? [] : [value.targetRef]), ...(value.targetRefs ?? [])];
	return targets.length === 0 ? undefined : targets;
}
