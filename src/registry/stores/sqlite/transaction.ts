import { MeshError } from "../../../core/index.ts";
import { selectsKey } from "../../keys.ts";
import type { Compare, Comparison, KeyValue, Operation, TxnResult } from "../../store.ts";
import type { Tables } from "./tables.ts";

/** Runs one transaction of the store inside a transaction of the database. */
export function runTransaction(
	tables: Tables,
	compare: readonly Compare[],
	success: readonly Operation[],
	failure: readonly Operation[],
): TxnResult {
	checkKeys(success);
	checkKeys(failure);
	const succeeded = compare.every((condition) => holds(condition, tables.get(condition.key)));
	const { revision, deleted } = applyOperations(tables, succeeded ? success : failure);
	return { succeeded, revision, deleted };
}

/** Deletes keys in one revision; returns the store's revision. */
export function deleteKeys(tables: Tables, keys: readonly string[]): number {
	return applyOperations(
		tables,
		keys.map((key) => ({ kind: "delete", key })),
	).revision;
}

function applyOperations(
	tables: Tables,
	operations: readonly Operation[],
): { readonly revision: number; readonly deleted: number } {
	const before = tables.readState().revision;
	const revision = before + 1;
	let changes = 0;
	let deleted = 0;
	const remove = (key: string): void => {
		tables.remove(key, revision, changes++);
		deleted++;
	};
	for (const operation of operations) {
		if (operation.kind === "put") putKey(tables, operation, revision, changes++);
		else if (operation.kind === "delete-prefix")
			for (const { key } of tables.list({ prefix: operation.prefix })) remove(key);
		else if (tables.get(operation.key) !== undefined) remove(operation.key);
	}
	if (changes === 0) return { revision: before, deleted };
	tables.writeRevision(revision);
	return { revision, deleted };
}

function putKey(tables: Tables, operation: Operation & { kind: "put" }, revision: number, ordinal: number): void {
	const { key, value, lease = 0 } = operation;
	if (lease !== 0 && tables.getLease(lease) === undefined)
		throw new MeshError(
			"STORE_LEASE_NOT_FOUND",
			`lease ${lease} of key ${key} is not there: it expired or was revoked`,
		);
	const existing = tables.get(key);
	const createRevision = existing?.createRevision ?? revision;
	tables.put(
		{ key, value, createRevision, modRevision: revision, version: (existing?.version ?? 0) + 1, lease },
		ordinal,
	);
}

/** One key changes at most once a revision (etcd: "duplicate key given in txn request"). */
function checkKeys(operations: readonly Operation[]): void {
	const puts = new Set<string>();
	for (const operation of operations) {
		if (operation.kind !== "put") continue;
		if (puts.has(operation.key)) refuseKey(operation.key);
		puts.add(operation.key);
	}
	for (const operation of operations) {
		if (operation.kind === "put") continue;
		const selector = operation.kind === "delete" ? { key: operation.key } : { prefix: operation.prefix };
		for (const key of puts) if (selectsKey(selector, key)) refuseKey(key);
	}
}

function refuseKey(key: string): never {
	throw new MeshError("STORE_DUPLICATE_KEY", `key ${key} is changed twice in one transaction`);
}

function holds(condition: Compare, item: KeyValue | undefined): boolean {
	if (condition.target === "value")
		// An absent key has no value to compare, not even for "not-equal" (etcd).
		return (
			item !== undefined && compare(Buffer.compare(Buffer.from(item.value), Buffer.from(condition.value)), condition.is)
		);
	return compare((item?.[condition.target] ?? 0) - condition.value, condition.is);
}

function compare(order: number, is: Comparison): boolean {
	switch (is) {
		case "equal":
			return order === 0;
		case "not-equal":
			return order !== 0;
		case "greater":
			return order > 0;
		case "less":
			return order < 0;
	}
}
