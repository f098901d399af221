import { create } from "@bufbuild/protobuf";
import {
	Compare_CompareResult,
	Compare_CompareTarget,
	type Compare as CompareMessage,
	CompareSchema,
	Event_EventType,
	type Event as EventMessage,
	type KeyValue as KeyValueMessage,
	type RequestOp,
	RequestOpSchema,
} from "../../../api/gen/etcd/rpc_pb.js";
import type { Compare, Comparison, KeyValue, Operation, RangeSelector, WatchBatch, WatchEvent } from "../../store.ts";

/** The store's keys and etcd's, which have a prefix in front. */
export interface KeySpace {
	toBytes(key: string): Uint8Array;
	toKey(bytes: Uint8Array): string;
	/** A key or a range, as requests name it. */
	select(selector: RangeSelector): { key: Uint8Array; rangeEnd: Uint8Array };
}

/** Keys with `prefix` in front. */
export function createKeySpace(prefix: string): KeySpace {
	const toBytes = (key: string): Uint8Array => Buffer.from(prefix + key);
	return {
		toBytes,
		toKey: (bytes) => Buffer.from(bytes).toString().slice(prefix.length),
		select(selector) {
			if ("key" in selector) return { key: toBytes(selector.key), rangeEnd: new Uint8Array() };
			const start = toBytes(selector.prefix);
			// etcd's names for the first key and for "up to the last one".
			if (start.length === 0) return { key: Uint8Array.of(0), rangeEnd: Uint8Array.of(0) };
			return { key: start, rangeEnd: endOfPrefix(start) };
		},
	};
}

/** The first key behind all that begin with `prefix`: no byte of UTF-8 is 255, so the last one can always rise. */
function endOfPrefix(prefix: Uint8Array): Uint8Array {
	const end = Uint8Array.from(prefix);
	end[end.length - 1]! += 1;
	return end;
}

const comparisons: Record<Comparison, Compare_CompareResult> = {
	equal: Compare_CompareResult.EQUAL,
	"not-equal": Compare_CompareResult.NOT_EQUAL,
	greater: Compare_CompareResult.GREATER,
	less: Compare_CompareResult.LESS,
};

export function encodeCompare(compare: Compare, keys: KeySpace): CompareMessage {
	const common = { key: keys.toBytes(compare.key), result: comparisons[compare.is] };
	switch (compare.target) {
		case "value":
			return create(CompareSchema, {
				...common,
				target: Compare_CompareTarget.VALUE,
				targetUnion: { case: "value", value: Buffer.from(compare.value) },
			});
		case "version":
			return create(CompareSchema, {
				...common,
				target: Compare_CompareTarget.VERSION,
				targetUnion: { case: "version", value: BigInt(compare.value) },
			});
		case "createRevision":
			return create(CompareSchema, {
				...common,
				target: Compare_CompareTarget.CREATE,
				targetUnion: { case: "createRevision", value: BigInt(compare.value) },
			});
		case "modRevision":
			return create(CompareSchema, {
				...common,
				target: Compare_CompareTarget.MOD,
				targetUnion: { case: "modRevision", value: BigInt(compare.value) },
			});
	}
}

export function encodeOperation(operation: Operation, keys: KeySpace): RequestOp {
	if (operation.kind === "put") {
		const value = {
			key: keys.toBytes(operation.key),
			value: Buffer.from(operation.value),
			lease: BigInt(operation.lease ?? 0),
		};
		return create(RequestOpSchema, { request: { case: "requestPut", value } });
	}
	const selector = operation.kind === "delete" ? { key: operation.key } : { prefix: operation.prefix };
	return create(RequestOpSchema, { request: { case: "requestDeleteRange", value: keys.select(selector) } });
}

export function decodeKeyValue(message: KeyValueMessage, keys: KeySpace): KeyValue {
	return {
		key: keys.toKey(message.key),
		value: Buffer.from(message.value).toString(),
		createRevision: Number(message.createRevision),
		modRevision: Number(message.modRevision),
		version: Number(message.version),
		lease: Number(message.lease),
	};
}

/** The events of one message by revision: etcd may put several into one, and never divides one. */
export function decodeEvents(events: readonly EventMessage[], keys: KeySpace): WatchBatch[] {
	const batches: { revision: number; events: WatchEvent[] }[] = [];
	for (const { type, kv } of events) {
		if (kv === undefined) continue;
		const revision = Number(kv.modRevision);
		let batch = batches.at(-1);
		if (batch?.revision !== revision) {
			batch = { revision, events: [] };
			batches.push(batch);
		}
		if (type === Event_EventType.PUT) batch.events.push({ kind: "put", item: decodeKeyValue(kv, keys) });
		else batch.events.push({ kind: "delete", key: keys.toKey(kv.key), modRevision: revision });
	}
	return batches;
}
