/** One condition of a status (`metav1.Condition`), without its time. */
export interface Condition {
	readonly type: string;
	readonly status: "True" | "False";
	/** `metadata.generation` of the object that it is said of, where that has one. */
	readonly observedGeneration?: number;
	readonly reason: string;
	readonly message: string;
}

/** What is wrong with a reference or an object, in the words of the Gateway API. */
export interface ConditionFault {
	readonly reason: string;
	readonly message: string;
}

export function conditionOf(
	type: string,
	fault: ConditionFault | undefined,
	good: ConditionFault = { reason: type, message: "" },
): Condition {
	return fault === undefined ? { type, status: "True", ...good } : { type, status: "False", ...fault };
}

/** Whether a part of a status is a condition. */
export function isCondition(value: object): value is Condition {
	return "type" in value && "status" in value && "reason" in value;
}

/** A status whose conditions say which version of the object they are of. */
export function withGeneration<T>(status: T, generation: number | undefined): T {
	if (generation === undefined) return status;
	const mark = (value: unknown): unknown => {
		if (Array.isArray(value)) return value.map(mark);
		if (value === null || typeof value !== "object") return value;
		if (isCondition(value)) return { ...value, observedGeneration: generation };
		return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, mark(field)]));
	};
	return mark(status) as T;
}
