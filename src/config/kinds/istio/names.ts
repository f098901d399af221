import { list } from "../../schema/collections.ts";
import { string } from "../../schema/scalars.ts";
import { refine, type Schema } from "../../schema/schema.ts";

/** A DNS name as Istio takes it for hosts: labels, perhaps after `*.`, or `*`; read in lower case. */
export function hostName(): Schema<string> {
	const name = string({
		format: "a DNS name, perhaps with a '*' as its first label",
		pattern: /^(\*|(\*\.)?[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?)$/,
		maxLength: 253,
	});
	return refine(name, (value) => value.toLowerCase());
}

/** The host of a destination: no wildcard. */
export function destinationHost(): Schema<string> {
	return refine(hostName(), (value, _node, reader) =>
		value === "*" ? reader.refuse("must be the host of a service, not '*'") : value,
	);
}

/** `exportTo`: namespaces, `.` for the object's own, `*` for all. */
export function exportTo(): Schema<readonly string[]> {
	const namespace = string({
		format: "a namespace, '.' for the object's own, or '*' for all",
		pattern: /^(\.|\*|~|[a-z0-9]([a-z0-9-]*[a-z0-9])?)$/,
		maxLength: 63,
	});
	return list(namespace, { max: 1000 });
}

/** The namespaces that see an object, with `.` named; undefined is all. */
export function resolveExportTo(namespaces: readonly string[] | undefined, own: string): readonly string[] | undefined {
	if (namespaces === undefined || namespaces.length === 0 || namespaces.includes("*")) return undefined;
	return namespaces.map((namespace) => (namespace === "." ? own : namespace));
}
