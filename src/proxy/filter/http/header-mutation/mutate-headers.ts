import { getHeader, type HeaderList, removeHeader, setHeader, truncate } from "../../../../core/index.ts";
import type { StreamInfo } from "../../../../engine/format/index.ts";
import { appendHeader, matchString } from "../../../../engine/matcher/index.ts";
import type { HeaderMutationStep } from "../../../../engine/router/index.ts";
import type { PassRequestHead, PassResponseHead } from "../pass-head.ts";

/** Pseudo headers of a message, by their names with colon; `host` is `:authority`. */
export interface PseudoHeaders {
	has(name: string): boolean;
	get(name: string): string | undefined;
	set(name: string, value: string): void;
	names: readonly string[];
}

const noPseudoHeaders: PseudoHeaders = { has: () => false, get: () => undefined, set: () => undefined, names: [] };

/** Runs steps in their order over the fields of a message. */
export function mutateHeaders(
	steps: readonly HeaderMutationStep[],
	headers: HeaderList,
	stream: StreamInfo,
	pseudo: PseudoHeaders = noPseudoHeaders,
): void {
	for (const step of steps) {
		switch (step.kind) {
			case "remove":
				if (pseudo.has(step.name)) pseudo.set(step.name, "");
				else removeHeader(headers, step.name);
				break;
			case "remove-on-match":
				for (const name of pseudo.names) if (matchString(step.matcher, name)) pseudo.set(name, "");
				removeMatching(headers, (name) => matchString(step.matcher, name));
				break;
			case "append":
				append(step.addition, headers, stream, pseudo);
		}
	}
}

function append(
	{ name, value: formatter, action, keepEmptyValue }: Extract<HeaderMutationStep, { kind: "append" }>["addition"],
	headers: HeaderList,
	stream: StreamInfo,
	pseudo: PseudoHeaders,
): void {
	const value = formatter.format(stream).replace(/[^\t\x20-\x7e\x80-\xff]/g, "_");
	if (value === "" && !keepEmptyValue) return;
	const isPseudo = pseudo.has(name);
	const before = isPseudo ? pseudo.get(name) || undefined : getHeader(headers, name);
	if (action === "add-if-absent" && before !== undefined) return;
	if (action === "overwrite-if-exists" && before === undefined) return;
	const replaces = action === "overwrite-or-add" || action === "overwrite-if-exists";
	if (isPseudo) pseudo.set(name, replaces || before === undefined ? value : `${before},${value}`);
	else if (replaces) setHeader(headers, name, value);
	else appendHeader(headers, name, value);
}

function removeMatching(headers: HeaderList, matches: (name: string) => boolean): void {
	let kept = 0;
	for (let index = 0; index < headers.length; index += 2) {
		if (matches(headers[index]!)) continue;
		headers[kept] = headers[index]!;
		headers[kept + 1] = headers[index + 1]!;
		kept += 2;
	}
	truncate(headers, kept);
}

const requestFields: Readonly<Record<string, "method" | "path" | "authority" | "scheme">> = {
	":method": "method",
	":path": "path",
	":authority": "authority",
	host: "authority",
	":scheme": "scheme",
};

/** The pseudo headers of a request. */
export function requestPseudoHeaders(request: PassRequestHead): PseudoHeaders {
	return {
		names: [":method", ":path", ":authority", ":scheme"],
		has: (name) => requestFields[name] !== undefined,
		get: (name) => request[requestFields[name]!],
		set: (name, value) => {
			const field = requestFields[name]!;
			request[field] = value;
			if (field === "authority") request.isHostRemoved = value === "";
		},
	};
}

/** The pseudo header of an answer; without one its status is 0. */
export function responsePseudoHeaders(head: PassResponseHead): PseudoHeaders {
	return {
		names: [":status"],
		has: (name) => name === ":status",
		get: () => String(head.status),
		set: (_, value) => {
			if (value === "") head.status = 0;
			else if (/^[1-9]\d\d$/.test(value)) head.status = Number(value);
		},
	};
}
