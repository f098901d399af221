import type { PolicyTarget } from "../../model/index.ts";
import { list } from "../schema/collections.ts";
import { defaulted, object, optional, refused, required } from "../schema/object.ts";
import { string } from "../schema/scalars.ts";
import type { Schema } from "../schema/schema.ts";

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

/** The targets of a policy; undefined without any. */
export function toTargets(value: {
	readonly targetRef: PolicyTarget | undefined;
	readonly targetRefs: readonly PolicyTarget[] | undefined;
}): readonly PolicyTarget[] | undefined {
	const targets = [...(value.targetRef === undefined ? [] : [value.targetRef]), ...(value.targetRefs ?? [])];
	return targets.length === 0 ? undefined : targets;
}
