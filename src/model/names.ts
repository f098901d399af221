/** A name inside a namespace, as Kubernetes identifies an object. */
export interface ObjectName {
	readonly namespace: string;
	readonly name: string;
}

/** `namespace/name`, the key of an object among those of its kind. */
export function formatObjectName(object: ObjectName): string {
	return `${object.namespace}/${object.name}`;
}

/** Labels as key and value. */
export type Labels = Readonly<Record<string, string>>;

/** Whether every pair of `selector` is among `labels`; an empty selector selects everything. */
export function matchesLabels(selector: Labels, labels: Labels): boolean {
	for (const key in selector) if (labels[key] !== selector[key]) return false;
	return true;
}
