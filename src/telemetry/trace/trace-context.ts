import { createHexId, getHeader, type HeaderList, type Random, removeHeader, setHeader } from "../../core/index.ts";

/** One span's place in a trace. Spec: W3C Trace Context, level 1. */
export interface TraceContext {
	/** 32 lower-case hex digits, not all zero. */
	readonly traceId: string;
	/** 16 lower-case hex digits, not all zero. */
	readonly spanId: string;
	/** The span above; empty for the first of a trace. */
	readonly parentSpanId: string;
	readonly sampled: boolean;
	/** The other vendors' list as it goes on; empty when there is none. */
	readonly traceState: string;
}

/** What a `traceparent` says. */
export interface TraceParent {
	readonly traceId: string;
	readonly spanId: string;
	readonly sampled: boolean;
}

const traceParentPattern = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const maxTraceStateMembers = 32;
const maxTraceStateLength = 512;
const traceStateMember =
	/^(?:[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;

/** Parses a `traceparent`; undefined when it must be ignored. A version above 00 may carry more fields. */
export function parseTraceParent(text: string): TraceParent | undefined {
	const match = traceParentPattern.exec(text);
	if (match === null) return undefined;
	const [, version, traceId, spanId, flags, more] = match as unknown as [
		string,
		string,
		string,
		string,
		string,
		string?,
	];
	if (version === "ff" || (version === "00" && more !== undefined)) return undefined;
	if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
	return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

/** The `traceparent` for the next hop. */
export function formatTraceParent(context: Pick<TraceContext, "traceId" | "spanId" | "sampled">): string {
	return `00-${context.traceId}-${context.spanId}-${context.sampled ? "01" : "00"}`;
}

/** The members of a `tracestate` in order; undefined when the list must be dropped. Empty members are allowed and left out. */
export function parseTraceState(text: string): readonly (readonly [key: string, value: string])[] | undefined {
	const members: (readonly [string, string])[] = [];
	const keys = new Set<string>();
	for (const part of text.split(",")) {
		const member = trimBlanks(part);
		if (member === "") continue;
		if (!traceStateMember.test(member)) return undefined;
		const equals = member.indexOf("=");
		const key = member.slice(0, equals);
		if (keys.has(key) || members.length === maxTraceStateMembers) return undefined;
		keys.add(key);
		members.push([key, member.slice(equals + 1)]);
	}
	return members;
}

/** A `tracestate` from its members, shortened from the end to the length that everyone must pass on. */
export function formatTraceState(members: readonly (readonly [key: string, value: string])[]): string {
	let text = "";
	for (const [key, value] of members) {
		const next = text === "" ? `${key}=${value}` : `${text},${key}=${value}`;
		if (next.length > maxTraceStateLength) break;
		text = next;
	}
	return text;
}

/** The context of a request: a child of what its headers say, else a new trace. `decide` is asked only when nothing upstream
 *  decided. Ids need to be unlikely to meet, not secret */
export function continueTrace(headers: HeaderList, random: Random, decide: () => boolean): TraceContext {
	const parentText = getHeader(headers, "traceparent");
	const parent = parentText === undefined ? undefined : parseTraceParent(parentText);
	if (parent === undefined) {
		return {
			traceId: createHexId(random, 4),
			spanId: createHexId(random, 2),
			parentSpanId: "",
			sampled: decide(),
			traceState: "",
		};
	}
	const state = getTraceState(headers);
	return {
		traceId: parent.traceId,
		spanId: createHexId(random, 2),
		parentSpanId: parent.spanId,
		sampled: parent.sampled,
		traceState: state,
	};
}

/** The context of a span below another. */
export function createChildContext(parent: TraceContext, random: Random): TraceContext {
	return { ...parent, spanId: createHexId(random, 2), parentSpanId: parent.spanId };
}

/** Writes a context into the headers of the next hop. */
export function injectTrace(headers: HeaderList, context: TraceContext): void {
	setHeader(headers, "traceparent", formatTraceParent(context));
	if (context.traceState === "") removeHeader(headers, "tracestate");
	else setHeader(headers, "tracestate", context.traceState);
}

/** Without the spaces and tabs around it. No regular expression: one that looks for blanks at the end takes a time that grows with the square of
 *  those in the midst. */
function trimBlanks(text: string): string {
	let start = 0;
	let end = text.length;
	while (start < end && isBlank(text.charCodeAt(start))) start++;
	while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
	return text.slice(start, end);
}

function isBlank(code: number): boolean {
	return code === 32 || code === 9;
}

function getTraceState(headers: HeaderList): string {
	let joined = "";
	for (let index = 0; index < headers.length; index += 2) {
		if (headers[index] === "tracestate")
			joined = joined === "" ? headers[index + 1]! : `${joined},${headers[index + 1]}`;
	}
	if (joined === "") return "";
	const members = parseTraceState(joined);
	return members === undefined ? "" : formatTraceState(members);
}
