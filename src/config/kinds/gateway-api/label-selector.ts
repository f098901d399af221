import type { LabelSelector } from "../../../model/index.ts";
import { list } from "../../schema/collections.ts";
import { labels } from "../../schema/kubernetes.ts";
import { object, optional, required } from "../../schema/object.ts";
import { oneOf, string } from "../../schema/scalars.ts";
import { refine, type Schema } from "../../schema/schema.ts";

const expression = refine(
	object({
		key: required(string({ maxLength: 317 }), "Key of the label"),
		operator: required(oneOf(["In", "NotIn", "Exists", "DoesNotExist"]), "How the label is compared"),
		values: optional(list(string({ minLength: 0, maxLength: 63 }), { max: 100 }), "Values, for In and NotIn"),
	}),
	({ key, operator, values = [] }, _node, reader) => {
		const takesValues = operator === "In" || operator === "NotIn";
		if (takesValues === values.length > 0) return { key, operator, values };
		return reader
			.field("values")
			.refuse(takesValues ? `is required with ${operator}` : `must not be set with ${operator}`);
	},
);

/** A Kubernetes label selector; every condition must hold, an empty one selects everything. */
export const labelSelector: Schema<LabelSelector> = refine(
	object({
		matchLabels: optional(labels(), "Labels that must be there, all of them"),
		matchExpressions: optional(list(expression, { max: 50 }), "Conditions on labels, all of them"),
	}),
	(value): LabelSelector => ({
		matchLabels: value.matchLabels ?? {},
		matchExpressions: value.matchExpressions ?? [],
	}),
);
