import type { StreamInfo } from "../../../../engine/format/index.ts";
import type { QueryMutationStep } from "../../../runtime-config/index.ts";

/** Runs steps over the query of a path: parameters are decoded, changed, and put back in the order of their names, as Envoy does. */
export function mutateQuery(path: string, steps: readonly QueryMutationStep[], stream: StreamInfo): string {
	const { before, parameters } = parseQuery(path);
	for (const step of steps) {
		if (step.kind === "remove") {
			parameters.delete(step.key);
			continue;
		}
		const value = encodePercent(step.value.format(stream));
		const values = parameters.get(step.key);
		switch (step.action) {
			case "append":
				if (values === undefined) parameters.set(step.key, [value]);
				else values.push(value);
				break;
			case "add-if-absent":
				if (values === undefined) parameters.set(step.key, [value]);
				break;
			case "overwrite-if-exists":
				if (values !== undefined) parameters.set(step.key, [value]);
				break;
			case "overwrite-or-add":
				parameters.set(step.key, [value]);
		}
	}
	return before + formatQuery(parameters);
}

function parseQuery(path: string): { readonly before: string; readonly parameters: Map<string, string[]> } {
	const parameters = new Map<string, string[]>();
	const at = path.indexOf("?");
	if (at === -1) return { before: path, parameters };
	for (const part of path.slice(at + 1).split("&")) {
		if (part === "") continue;
		const equals = part.indexOf("=");
		const key = decodePercent(equals === -1 ? part : part.slice(0, equals));
		const value = equals === -1 ? "" : decodePercent(part.slice(equals + 1));
		const values = parameters.get(key);
		if (values === undefined) parameters.set(key, [value]);
		else values.push(value);
	}
	return { before: path.slice(0, at), parameters };
}

function formatQuery(parameters: ReadonlyMap<string, readonly string[]>): string {
	const names = [...parameters.keys()].sort((a, b) => (a < b ? -1 : 1));
	const pairs = names.flatMap((name) => parameters.get(name)!.map((value) => `${name}=${value}`));
	return pairs.length === 0 ? "" : `?${pairs.join("&")}`;
}

/** Decodes what a query may hold as it is; what would end the request line stays encoded. Texts are latin1, one character a byte. */
function decodePercent(text: string): string {
	return text.replace(/%([0-9a-fA-F]{2})/g, (written, hex: string) => {
		const code = Number.parseInt(hex, 16);
		return code <= 0x20 || code === 0x7f ? written : String.fromCharCode(code);
	});
}

function encodePercent(text: string): string {
	return text.replace(
		/[^A-Za-z0-9_.~-]/g,
		(character) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`,
	);
}
