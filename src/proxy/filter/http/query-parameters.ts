import type { PassRequestHead } from "./pass-head.ts";

/** One parameter, decoded. */
export interface QueryParameter {
	readonly name: string;
	readonly value: string;
	/** As it came. */
	readonly text: string;
}

/** The parameters of a query, in their order. */
export function parseQuery(query: string): QueryParameter[] {
	const end = query.indexOf("#");
	return (end === -1 ? query : query.slice(0, end))
		.split("&")
		.filter((text) => text !== "")
		.map((text) => {
			const equals = text.indexOf("=");
			const name = equals === -1 ? text : text.slice(0, equals);
			return { name: decode(name), value: equals === -1 ? "" : decode(text.slice(equals + 1)), text };
		});
}

function decode(text: string): string {
	return text.replace(/%[0-9a-fA-F]{2}/g, (octet) => String.fromCharCode(Number.parseInt(octet.slice(1), 16)));
}

/** Takes a parameter out of a request; the query is written again as Envoy does it. */
export function removeParameter(request: PassRequestHead, name: string): void {
	const query = request.path.indexOf("?");
	const kept = parseQuery(request.path.slice(query + 1)).filter((parameter) => parameter.name !== name);
	// As Envoy writes it again, sorted by name; what is not a URI character stays escaped, which Envoy does not do.
	kept.sort((left, right) => (left.name < right.name ? -1 : left.name > right.name ? 1 : 0));
	const text = kept
		.map((parameter) => (parameter.text.includes("=") ? parameter.text : `${parameter.text}=`))
		.join("&");
	request.path = request.path.slice(0, query) + (text === "" ? "" : `?${text}`);
}
