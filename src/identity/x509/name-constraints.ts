import { type DerElement, decodeChildren, derTag, encodeContext, encodeDer, encodeSequence, expectTag } from "./der.ts";
import type { AlternativeName } from "./extensions.ts";

/** Which names may stand below an authority (RFC 5280 section 4.2.1.10). Of a kind that is not listed every name may. */
export interface NameConstraints {
	readonly permitted: readonly AlternativeName[];
	readonly excluded: readonly AlternativeName[];
}

const tags = { email: 0x81, dns: 0x82, uri: 0x86 } as const;

/** The extension's value. Kinds are uri (a host, or a domain with a leading dot) and dns. */
export function encodeNameConstraints(permitted: readonly AlternativeName[]): Buffer {
	const subtrees = permitted.map(({ kind, value }) => {
		if (kind !== "uri" && kind !== "dns") throw new RangeError("only uri and dns constraints can be written");
		return encodeSequence(encodeDer(tags[kind], Buffer.from(value, "latin1")));
	});
	return encodeSequence(encodeContext(0, ...subtrees));
}

/** @throws DerError */
export function decodeNameConstraints(element: DerElement): NameConstraints {
	const parts = decodeChildren(expectTag(element, derTag.sequence));
	const read = (tag: number): AlternativeName[] =>
		parts
			.filter((part) => part.tag === tag)
			.flatMap(decodeChildren)
			.map((subtree) => decodeBase(decodeChildren(expectTag(subtree, derTag.sequence))[0]));
	return { permitted: read(0xa0), excluded: read(0xa1) };
}

function decodeBase(element: DerElement | undefined): AlternativeName {
	const kind = Object.entries(tags).find(([, tag]) => tag === element?.tag)?.[0] as keyof typeof tags | undefined;
	if (kind === undefined) return { kind: "other", value: `tag 0x${element?.tag.toString(16) ?? ""}` };
	return { kind, value: element!.content.toString("latin1") };
}

/** A name that the constraints keep out; undefined when all may stand. A kind of constraint that is not understood keeps every name of a
 *  kind out that is not understood either. */
export function findConstrainedName(
	names: readonly AlternativeName[],
	{ permitted, excluded }: NameConstraints,
): AlternativeName | undefined {
	return names.find((name) => {
		const kind = isUnderstood(name) ? name.kind : "other";
		const ofKind = (list: readonly AlternativeName[]) =>
			list.filter((base) => (isUnderstood(base) ? base.kind : "other") === kind);
		if (ofKind(excluded).some((base) => kind === "other" || matches(name, base))) return true;
		const allowed = ofKind(permitted);
		return allowed.length > 0 && !allowed.some((base) => kind !== "other" && matches(name, base));
	});
}

function isUnderstood({ kind }: AlternativeName): boolean {
	return kind === "uri" || kind === "dns";
}

function matches(name: AlternativeName, base: AlternativeName): boolean {
	const constraint = base.value.toLowerCase();
	if (name.kind === "dns") {
		const host = name.value.toLowerCase();
		return constraint === "" || host === constraint || host.endsWith(`.${constraint.replace(/^\./, "")}`);
	}
	const host = /^[a-z][a-z0-9+.-]*:\/\/(?:[^/?#@]*@)?([^/?#:]+)/i.exec(name.value)?.[1]?.toLowerCase();
	if (host === undefined) return false;
	return constraint.startsWith(".") ? host.endsWith(constraint) : host === constraint;
}
