import type { Labels } from "../../model/index.ts";
import { map } from "./collections.ts";
import { emptiable, ignored, type ObjectOf, object, optional, required } from "./object.ts";
import { quote, string } from "./scalars.ts";
import { refine, type Schema } from "./schema.ts";

/** A DNS label (RFC 1123): lower case letters, digits and `-`, at most 63 characters. */
export function dnsLabel(): Schema<string> {
	return string({
		format: "an RFC 1123 label: lower case letters, digits and '-', starting and ending with a letter or digit",
		pattern: /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/,
		maxLength: 63,
	});
}

/** A DNS subdomain (RFC 1123): labels joined by dots, at most 253 characters. */
export function dnsSubdomain(): Schema<string> {
	return string({
		format: "an RFC 1123 subdomain: lower case letters, digits, '-' and '.'",
		pattern: /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/,
		maxLength: 253,
	});
}

const labelKey = {
	format: "a label key such as app or example.com/tier",
	pattern: /^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/,
};

/** Labels: keys and values as Kubernetes allows them. */
export function labels(): Schema<Labels> {
	const value = string({
		format: "a label value: at most 63 letters, digits, '-', '_' and '.', starting and ending with a letter or digit",
		pattern: /^([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?)?$/,
		minLength: 0,
		maxLength: 63,
	});
	return map(value, labelKey);
}

/** Annotations: keys as labels have them, any text as value. */
export function annotations(): Schema<Readonly<Record<string, string>>> {
	return map(string({ minLength: 0, maxLength: 262_144 }), labelKey);
}

const written = "Written by Kubernetes; accepted, without effect";

const metadataFields = {
	name: required(dnsSubdomain(), "Name of the object, unique among those of its kind in the namespace"),
	namespace: optional(dnsLabel(), "Namespace of the object; `default` when absent"),
	labels: emptiable(optional(labels(), "Labels of the object")),
	annotations: emptiable(optional(annotations(), "Notes; those of other tools are accepted, without effect")),
	creationTimestamp: ignored("When the object was made (RFC 3339); older routes and rules win ties"),
	uid: ignored(written),
	resourceVersion: ignored(written),
	generation: ignored("Counted by Kubernetes; shown as `observedGeneration` of conditions"),
	managedFields: ignored(written),
	ownerReferences: ignored(written),
	finalizers: ignored(written),
	selfLink: ignored(written),
	deletionTimestamp: ignored(written),
	deletionGracePeriodSeconds: ignored(written),
};

/** `metadata` of any object. */
export type Metadata = ObjectOf<typeof metadataFields>;

/** Schema of `metadata`. */
export function metadata(): Schema<Metadata> {
	return object(metadataFields);
}

/** `selector` of a policy, read to its labels; an empty one selects every workload. */
export function workloadSelector(): Schema<Labels> {
	const selector = object({
		matchLabels: optional(labels(), "Labels that a workload must have, all of them"),
	});
	return refine(selector, (value) => value.matchLabels ?? {});
}

/** A text that becomes a number, refused outside the bounds; ports in AuthorizationPolicy are written so. */
export function portText(): Schema<string> {
	return refine(string({ maxLength: 5 }), (text, _node, reader) => {
		const port = /^\d+$/.test(text) ? Number(text) : 0;
		if (port >= 1 && port <= 65_535) return text;
		return reader.refuse(`${quote(text)} is not a port from 1 to 65535`);
	});
}
