import { addHeader, getHeader, removeHeader, setHeader } from "../../../core/index.ts";
import type { PassRequestHead } from "./pass-head.ts";

/** A change to a header that somebody outside asks for. */
export interface HeaderChange {
	/** `append` joins the value to one that is there, and adds nothing otherwise. */
	readonly action: "set" | "add" | "append" | "add-if-absent" | "overwrite-if-exists";
	/** Lower case; pseudo headers with their colon. */
	readonly name: string;
	readonly value: string;
}

/** Changes a request's head. Pseudo headers have one value: what is added to it stands behind a comma. */
export function changeRequest(request: PassRequestHead, { action, name, value }: HeaderChange): void {
	if (name.startsWith(":") || name === "host") {
		changePseudoHeader(request, name, action === "append" || action === "add", value);
		return;
	}
	const { headers } = request;
	const before = action === "set" || action === "add" ? undefined : getHeader(headers, name);
	switch (action) {
		case "set":
			setHeader(headers, name, value);
			return;
		case "add":
			addHeader(headers, name, value);
			return;
		case "append":
			if (before !== undefined) setHeader(headers, name, `${before},${value}`);
			return;
		case "add-if-absent":
			if (before === undefined) addHeader(headers, name, value);
			return;
		case "overwrite-if-exists":
			if (before !== undefined) setHeader(headers, name, value);
	}
}

/** Whether a service may put a change into an answer: no pseudo header, which would be a field like others, and no line end, which would begin another
 *  field. */
export function isForAnswers({ name, value }: Pick<HeaderChange, "name" | "value">): boolean {
	return !name.startsWith(":") && !/[\0\r\n]/.test(name) && !/[\0\r\n]/.test(value);
}

/** Changes a list of header fields. */
export function changeFields(headers: string[], { action, name, value }: HeaderChange): void {
	const before = getHeader(headers, name);
	if (action === "add" || (action === "add-if-absent" && before === undefined)) addHeader(headers, name, value);
	else if (action === "append") addHeader(headers, name, value);
	else if (action === "set" || (action === "overwrite-if-exists" && before !== undefined)) {
		setHeader(headers, name, value);
	}
}

/** Takes a header out; pseudo headers and the host stay. */
export function removeFromRequest(request: PassRequestHead, name: string): void {
	if (!name.startsWith(":") && name !== "host") removeHeader(request.headers, name);
}

/** The request's fields with its pseudo headers, as services outside see them. */
export function listRequestFields(request: PassRequestHead): (readonly [name: string, value: string])[] {
	const fields: (readonly [string, string])[] = [[":authority", request.authority]];
	if (request.path !== "") fields.push([":path", request.path]);
	fields.push([":method", request.method], [":scheme", request.scheme]);
	const { headers } = request;
	for (let index = 0; index < headers.length; index += 2) fields.push([headers[index]!, headers[index + 1]!]);
	return fields;
}

const pseudoFields: ReadonlyMap<string, "method" | "path" | "scheme" | "authority"> = new Map([
	[":method", "method"],
	[":path", "path"],
	[":scheme", "scheme"],
	[":authority", "authority"],
	["host", "authority"],
]);

function changePseudoHeader(request: PassRequestHead, name: string, adds: boolean, value: string): void {
	const field = pseudoFields.get(name);
	if (field !== undefined) request[field] = adds && request[field] !== "" ? `${request[field]},${value}` : value;
}
