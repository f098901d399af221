/** One condition of a status (`metav1.Condition`), without its time. */
export interface Condition {
	readonly type: string;
	readonly status: "True" | "False";
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
