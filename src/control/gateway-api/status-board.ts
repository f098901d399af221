import { isCondition } from "./condition.ts";

/** The statuses of the newest mesh, each condition with the time since which it is so. */
export interface StatusBoard {
	/** Takes over statuses by `Kind/namespace/name`. */
	update(statuses: ReadonlyMap<string, object>, now: number): void;
	/** As documents show it; undefined for an object without one. */
	get(key: string): object | undefined;
	entries(): Iterable<readonly [key: string, status: object]>;
}

/** Remembers since when conditions hold. */
export function createStatusBoard(): StatusBoard {
	let board = new Map<string, object>();
	return {
		update(statuses, now) {
			const time = new Date(now).toISOString().replace(/\.\d+Z$/, "Z");
			const next = new Map<string, object>();
			for (const [key, status] of statuses) next.set(key, stamp(status, board.get(key), time) as object);
			board = next;
		},
		get: (key) => board.get(key),
		entries: () => board,
	};
}

/** Adds `lastTransitionTime` to every condition: the old one while it has been true, or false, all along (`metav1.Condition`). */
function stamp(value: unknown, before: unknown, time: string): unknown {
	if (Array.isArray(value)) {
		const old = Array.isArray(before) ? before : [];
		return value.map((item, position) => stamp(item, old[position], time));
	}
	if (value === null || typeof value !== "object") return value;
	const old = (before ?? {}) as Record<string, unknown>;
	if (isCondition(value)) {
		const isSame = old["type"] === value.type && old["status"] === value.status;
		return { ...value, lastTransitionTime: isSame ? old["lastTransitionTime"] : time };
	}
	return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, stamp(field, old[name], time)]));
}
