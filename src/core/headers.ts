/** Header fields in order, as a flat list: name, value, name, value. Names are in lower case, values are latin1 text as on the
 *  wire, without surrounding white space. Shared by the codecs and the engine so that no layer rebuilds it. */
export type HeaderList = string[];

/** The first value of `name` (lower case), or undefined. */
export function getHeader(headers: HeaderList, name: string): string | undefined {
	for (let index = 0; index < headers.length; index += 2) if (headers[index] === name) return headers[index + 1];
	return undefined;
}

/** Every value of `name` joined by `,` in order, or undefined. */
export function getJoinedHeader(headers: HeaderList, name: string): string | undefined {
	let joined: string | undefined;
	for (let index = 0; index < headers.length; index += 2) {
		if (headers[index] === name) joined = joined === undefined ? headers[index + 1] : `${joined},${headers[index + 1]}`;
	}
	return joined;
}

/** Replaces the first `name` in place and drops the others; appends when there is none. */
export function setHeader(headers: HeaderList, name: string, value: string): void {
	for (let index = 0; index < headers.length; index += 2) {
		if (headers[index] !== name) continue;
		headers[index + 1] = value;
		removeHeaderFrom(headers, name, index + 2);
		return;
	}
	headers.push(name, value);
}

/** Appends a field, whatever is there. */
export function addHeader(headers: HeaderList, name: string, value: string): void {
	headers.push(name, value);
}

/** Drops every field of `name`; returns whether there was one. */
export function removeHeader(headers: HeaderList, name: string): boolean {
	return removeHeaderFrom(headers, name, 0);
}

function removeHeaderFrom(headers: HeaderList, name: string, start: number): boolean {
	let kept = start;
	for (let index = start; index < headers.length; index += 2) {
		if (headers[index] === name) continue;
		if (kept !== index) {
			headers[kept] = headers[index]!;
			headers[kept + 1] = headers[index + 1]!;
		}
		kept += 2;
	}
	if (kept === headers.length) return false;
	truncate(headers, kept);
	return true;
}

/** Shortens a list. Where few elements go, this is many times as quick as to set its length, which leaves compiled code. */
export function truncate(list: unknown[], length: number): void {
	while (list.length > length) list.pop();
}
