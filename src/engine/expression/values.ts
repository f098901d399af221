import type { JsonValue } from "../matcher/index.ts";

/** What an expression comes to. Integers are bigints, doubles are numbers. */
export type Value =
	| null
	| boolean
	| bigint
	| number
	| string
	| Uint8Array
	| Unsigned
	| Instant
	| Span
	| Failure
	| ValueMap
	| readonly Value[];

/** `uint`. */
export class Unsigned {
	readonly value: bigint;

	constructor(value: bigint) {
		this.value = value;
	}
}

/** `google.protobuf.Timestamp`: nanoseconds since the Unix epoch. */
export class Instant {
	readonly nanos: bigint;

	constructor(nanos: bigint) {
		this.nanos = nanos;
	}
}

const minInstant = -62_135_596_800_000_000_000n;
const maxInstant = 253_402_300_799_999_999_999n;
const maxSpan = 315_576_000_000_000_000_000n;

/** A time of the years 1 to 9999, as protobuf has them; a failure for any other. */
export function instantOf(nanos: bigint): Instant | Failure {
	return nanos < minInstant || nanos > maxInstant ? new Failure("timestamp out of range") : new Instant(nanos);
}

/** A duration of at most 10,000 years, as protobuf has them; a failure for any other. */
export function spanOf(nanos: bigint): Span | Failure {
	return nanos < -maxSpan || nanos > maxSpan ? new Failure("duration out of range") : new Span(nanos);
}

/** `google.protobuf.Duration`, in nanoseconds. */
export class Span {
	readonly nanos: bigint;

	constructor(nanos: bigint) {
		this.nanos = nanos;
	}
}

/** An error, which is a value: `false && error` is false. */
export class Failure {
	readonly reason: string;

	constructor(reason: string) {
		this.reason = reason;
	}
}

/** Keys to values. */
export interface ValueMap {
	/** Undefined: there is no such key. */
	get(key: Value): Value | undefined;
	/** Undefined where keys cannot be told. */
	readonly size: number | undefined;
	/** For those whose keys can be told. */
	entries(): Iterable<readonly [Value, Value]>;
}

export function isFailure(value: Value): value is Failure {
	return value instanceof Failure;
}

export function isMap(value: Value): value is ValueMap {
	return typeof value === "object" && value !== null && "get" in value;
}

export function isList(value: Value): value is readonly Value[] {
	return Array.isArray(value);
}

/** A map of texts that are looked up when they are asked for. */
export function lazyMap(
	get: (key: string) => Value | undefined,
	entries: () => Iterable<[Value, Value]> = () => [],
): ValueMap {
	return { get: (key) => (typeof key === "string" ? get(key) : undefined), size: undefined, entries };
}

/** A JSON value as expressions see it: its numbers are doubles. */
export function fromJson(json: unknown): Value {
	if (json === undefined || json === null) return null;
	if (Array.isArray(json)) return json.map(fromJson);
	if (typeof json === "object") {
		const fields = json as Readonly<Record<string, JsonValue>>;
		return {
			get: (key) => (typeof key === "string" && Object.hasOwn(fields, key) ? fromJson(fields[key]) : undefined),
			size: Object.keys(fields).length,
			entries: () => Object.entries(fields).map(([key, value]) => [key, fromJson(value)] as const),
		};
	}
	return json as boolean | number | string;
}

/** A value as JSON, for whoever is told of it; undefined for what JSON has no word for. */
export function toJson(value: Value): JsonValue | undefined {
	if (value === null || typeof value === "boolean" || typeof value === "string" || typeof value === "number") {
		return value;
	}
	if (typeof value === "bigint") return Number(value);
	if (value instanceof Unsigned) return Number(value.value);
	if (value instanceof Uint8Array || value instanceof Instant || value instanceof Span) return formatValue(value);
	if (isFailure(value)) return undefined;
	if (isList(value)) return value.map((one) => toJson(one) ?? null);
	return Object.fromEntries([...value.entries()].map(([key, one]) => [formatValue(key), toJson(one) ?? null]));
}

/** A value as text, as Envoy prints it. */
export function formatValue(value: Value): string {
	if (value === null) return "NULL";
	if (value instanceof Unsigned) return String(value.value);
	if (value instanceof Uint8Array) return Buffer.from(value).toString("latin1");
	if (value instanceof Span) return `${Number(value.nanos) / 1e9}s`;
	if (value instanceof Instant) return new Date(Number(value.nanos / 1_000_000n)).toISOString();
	if (isFailure(value)) return "";
	if (isList(value)) return "CelList value";
	if (isMap(value)) return "CelMap value";
	return String(value);
}

/** The name of a value's type, as CEL spells it. */
export function typeName(value: Value): string {
	if (value === null) return "null_type";
	if (typeof value === "boolean") return "bool";
	if (typeof value === "bigint") return "int";
	if (typeof value === "number") return "double";
	if (typeof value === "string") return "string";
	if (value instanceof Unsigned) return "uint";
	if (value instanceof Uint8Array) return "bytes";
	if (value instanceof Instant) return "google.protobuf.Timestamp";
	if (value instanceof Span) return "google.protobuf.Duration";
	return isList(value) ? "list" : "map";
}
