import { Failure, Instant, instantOf, Span, spanOf, Unsigned, type Value } from "./values.ts";

const second = 1_000_000_000n;

/** A value as another type; undefined where CEL has no such conversion. */
export function convert(type: "timestamp" | "duration" | "int" | "uint" | "double", value: Value): Value | undefined {
	switch (type) {
		case "timestamp":
			if (typeof value === "bigint") return instantOf(value * second);
			return typeof value === "string" ? parseInstant(value) : value instanceof Instant ? value : undefined;
		case "duration":
			return typeof value === "string" ? parseSpan(value) : value instanceof Span ? value : undefined;
		case "int":
			if (value instanceof Instant) return value.nanos / second;
			return toInteger(value, -(2n ** 63n), 2n ** 63n - 1n);
		case "uint": {
			const whole = toInteger(value, 0n, 2n ** 64n - 1n);
			return typeof whole === "bigint" ? new Unsigned(whole) : whole;
		}
		case "double":
			return toDouble(value);
	}
}

function toInteger(value: Value, min: bigint, max: bigint): bigint | Failure | undefined {
	let whole: bigint;
	if (typeof value === "bigint") whole = value;
	else if (value instanceof Unsigned) whole = value.value;
	else if (typeof value === "number" && Number.isFinite(value)) whole = BigInt(Math.trunc(value));
	else if (typeof value === "number") return new Failure("integer out of range");
	else if (typeof value !== "string") return undefined;
	else if (!/^-?\d{1,20}$/.test(value)) return new Failure("no integer");
	else whole = BigInt(value);
	return whole < min || whole > max ? new Failure("integer out of range") : whole;
}

function toDouble(value: Value): number | Failure | undefined {
	if (typeof value === "number") return value;
	if (typeof value === "bigint") return Number(value);
	if (value instanceof Unsigned) return Number(value.value);
	if (typeof value !== "string") return undefined;
	const number = value.trim() === "" ? Number.NaN : Number(value);
	return Number.isNaN(number) && value.toLowerCase() !== "nan" ? new Failure("no number") : number;
}

function parseInstant(text: string): Instant | Failure {
	const parts = /^(\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)$/.exec(text);
	const ms = parts === null ? Number.NaN : Date.parse(`${parts[1]}${parts[3]}`);
	if (parts === null || Number.isNaN(ms)) return new Failure("no timestamp");
	return instantOf(BigInt(ms) * 1_000_000n + BigInt((parts[2] ?? "").padEnd(9, "0")));
}

const units: Readonly<Record<string, number>> = { h: 3600e9, m: 60e9, s: 1e9, ms: 1e6, us: 1e3, ns: 1 };

function parseSpan(text: string): Span | Failure {
	const isNegative = text.startsWith("-");
	const rest = text.replace(/^[+-]/, "");
	if (rest === "0") return new Span(0n);
	const parts = [...rest.matchAll(/(\d+(?:\.\d*)?|\.\d+)(h|ms|us|ns|m|s)/gy)];
	const length = parts.reduce((sum, [part]) => sum + part.length, 0);
	if (parts.length === 0 || length !== rest.length) return new Failure("no duration");
	const nanos = parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * units[unit!]!, 0);
	if (!Number.isFinite(nanos)) return new Failure("duration out of range");
	return spanOf(BigInt(Math.round(isNegative ? -nanos : nanos)));
}

/** `getHours` and the like, of a time in UTC or a zone, or of a duration; undefined for other values. */
export function readTimePart(name: string, value: Value, zone: Value | undefined): Value | undefined {
	if (value instanceof Span && zone === undefined) return partOfSpan(name, value.nanos);
	if (!(value instanceof Instant)) return undefined;
	const offsetMs = zone === undefined ? 0 : offsetOf(zone, value);
	if (offsetMs === undefined) return new Failure("invalid time zone");
	const date = new Date(Number(value.nanos / 1_000_000n) + offsetMs);
	return partOfDate(name, date);
}

function partOfSpan(name: string, nanos: bigint): Value | undefined {
	switch (name) {
		case "getHours":
			return nanos / (3600n * second);
		case "getMinutes":
			return nanos / (60n * second);
		case "getSeconds":
			return nanos / second;
		case "getMilliseconds":
			return (nanos / 1_000_000n) % 1000n;
		default:
			return undefined;
	}
}

function partOfDate(name: string, date: Date): Value | undefined {
	switch (name) {
		case "getFullYear":
			return BigInt(date.getUTCFullYear());
		case "getMonth":
			return BigInt(date.getUTCMonth());
		case "getDayOfYear":
			return BigInt(Math.floor((date.getTime() - Date.UTC(date.getUTCFullYear(), 0, 1)) / 86_400_000));
		case "getDayOfMonth":
			return BigInt(date.getUTCDate() - 1);
		case "getDate":
			return BigInt(date.getUTCDate());
		case "getDayOfWeek":
			return BigInt(date.getUTCDay());
		case "getHours":
			return BigInt(date.getUTCHours());
		case "getMinutes":
			return BigInt(date.getUTCMinutes());
		case "getSeconds":
			return BigInt(date.getUTCSeconds());
		case "getMilliseconds":
			return BigInt(date.getUTCMilliseconds());
		default:
			return undefined;
	}
}

/** Milliseconds that a zone is ahead of UTC: `+02:00`, or a name of the time-zone database. */
function offsetOf(zone: Value, at: Instant): number | undefined {
	if (typeof zone !== "string") return undefined;
	const fixed = /^([+-]?)(\d\d):(\d\d)$/.exec(zone);
	if (fixed !== null) {
		const ms = (Number(fixed[2]) * 60 + Number(fixed[3])) * 60_000;
		return fixed[1] === "-" ? -ms : ms;
	}
	try {
		const date = new Date(Number(at.nanos / 1_000_000n));
		const format = new Intl.DateTimeFormat("en-US", { timeZone: zone, timeZoneName: "longOffset" });
		const name = format.formatToParts(date).find(({ type }) => type === "timeZoneName")?.value ?? "";
		return name === "GMT" ? 0 : offsetOf(name.replace("GMT", ""), at);
	} catch (error) {
		if (error instanceof RangeError) return undefined;
		throw error;
	}
}
