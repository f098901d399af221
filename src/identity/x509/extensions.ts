import {
	type DerElement,
	DerError,
	decodeBitString,
	decodeBoolean,
	decodeChildren,
	decodeDer,
	decodeOid,
	decodeSmallInteger,
	derTag,
	encodeBitString,
	encodeContext,
	encodeDer,
	encodeOid,
	encodeSequence,
	encodeUnsigned,
	expectTag,
} from "./der.ts";
import { decodeNameConstraints, encodeNameConstraints, type NameConstraints } from "./name-constraints.ts";
import { type KeyUsage, keyUsages, oid } from "./oids.ts";

/** A name in a subject alternative name. Other kinds are read as `other` and cannot be written. */
export interface AlternativeName {
	readonly kind: "uri" | "dns" | "ip" | "email" | "other";
	readonly value: string;
}

/** What the extensions of a certificate or signing request say, as far as identities depend on it. */
export interface ExtensionValues {
	readonly isCa: boolean;
	readonly pathLength?: number;
	/** Undefined when the extension is absent. */
	readonly keyUsages?: ReadonlySet<KeyUsage>;
	/** OIDs; undefined when the extension is absent. */
	readonly extendedKeyUsages?: readonly string[];
	readonly names: readonly AlternativeName[];
	/** Undefined when the extension is absent. */
	readonly subjectKeyIdentifier?: Buffer;
	/** Undefined when the extension is absent. */
	readonly nameConstraints?: NameConstraints;
	/** OIDs of critical extensions that are none of the above. */
	readonly unknownCritical: readonly string[];
}

/** What to write into the extensions of a certificate; nothing is added that is not asked for. */
export interface ExtensionOptions {
	readonly basicConstraints?: { readonly isCa: boolean; readonly pathLength?: number };
	readonly keyUsages?: readonly KeyUsage[];
	/** OIDs. */
	readonly extendedKeyUsages?: readonly string[];
	readonly names?: readonly AlternativeName[];
	/** Whether the alternative names are critical: required with an empty subject (RFC 5280 section 4.2.1.6). */
	readonly namesCritical?: boolean;
	/** What may stand below an authority, of the kinds that are listed. */
	readonly permittedNames?: readonly AlternativeName[];
	readonly subjectKeyIdentifier?: Uint8Array;
	readonly authorityKeyIdentifier?: Uint8Array;
}

const nameTags = { email: 0x81, dns: 0x82, uri: 0x86, ip: 0x87 } as const;

/** `Extensions`: the SEQUENCE of extensions, empty when nothing is asked for. */
export function encodeExtensions(options: ExtensionOptions): Buffer {
	const list: Buffer[] = [];
	const { basicConstraints: basic } = options;
	if (basic !== undefined) {
		const parts = basic.isCa ? [encodeDer(derTag.boolean, Buffer.of(0xff))] : [];
		if (basic.pathLength !== undefined) parts.push(encodeUnsigned(Buffer.of(basic.pathLength)));
		list.push(encodeExtension(oid.basicConstraints, true, encodeSequence(...parts)));
	}
	if (options.keyUsages !== undefined) {
		list.push(encodeExtension(oid.keyUsage, true, encodeKeyUsages(options.keyUsages)));
	}
	if (options.permittedNames !== undefined) {
		list.push(encodeExtension(oid.nameConstraints, true, encodeNameConstraints(options.permittedNames)));
	}
	if (options.extendedKeyUsages !== undefined) {
		const usages = encodeSequence(...options.extendedKeyUsages.map(encodeOid));
		list.push(encodeExtension(oid.extendedKeyUsage, false, usages));
	}
	if (options.subjectKeyIdentifier !== undefined) {
		const identifier = encodeDer(derTag.octetString, options.subjectKeyIdentifier);
		list.push(encodeExtension(oid.subjectKeyIdentifier, false, identifier));
	}
	if (options.authorityKeyIdentifier !== undefined) {
		const identifier = encodeSequence(encodeDer(0x80, options.authorityKeyIdentifier));
		list.push(encodeExtension(oid.authorityKeyIdentifier, false, identifier));
	}
	if (options.names !== undefined && options.names.length > 0) {
		const names = encodeSequence(...options.names.map(encodeName));
		list.push(encodeExtension(oid.subjectAlternativeName, options.namesCritical === true, names));
	}
	return encodeSequence(...list);
}

/** Reads the SEQUENCE of extensions.
 *  @throws DerError, also for an extension that is there twice */
export function decodeExtensions(sequence: DerElement): ExtensionValues {
	let values: ExtensionValues = { isCa: false, names: [], unknownCritical: [] };
	const seen = new Set<string>();
	for (const extension of decodeChildren(expectTag(sequence, derTag.sequence))) {
		const parts = decodeChildren(expectTag(extension, derTag.sequence));
		const id = decodeOid(parts[0]);
		const critical = parts.length === 3 && decodeBoolean(parts[1]!);
		const value = decodeDer(expectTag(parts[parts.length - 1], derTag.octetString).content);
		if (seen.has(id)) throw new DerError(`extension ${id} is there twice`);
		seen.add(id);
		values = { ...values, ...decodeExtension(id, critical, value, values) };
	}
	return values;
}

function decodeExtension(
	id: string,
	critical: boolean,
	value: DerElement,
	values: ExtensionValues,
): Partial<ExtensionValues> {
	switch (id) {
		case oid.basicConstraints: {
			const parts = decodeChildren(expectTag(value, derTag.sequence));
			const isCa = parts[0]?.tag === derTag.boolean && decodeBoolean(parts[0]);
			const last = parts[parts.length - 1];
			return last?.tag === derTag.integer ? { isCa, pathLength: decodeSmallInteger(last) } : { isCa };
		}
		case oid.keyUsage: {
			const bits = decodeBitString(value);
			const isSet = (index: number): boolean => (((bits[index >> 3] ?? 0) >> (7 - (index & 7))) & 1) === 1;
			return { keyUsages: new Set(keyUsages.filter((_, index) => isSet(index))) };
		}
		case oid.extendedKeyUsage:
			return { extendedKeyUsages: decodeChildren(expectTag(value, derTag.sequence)).map(decodeOid) };
		case oid.subjectKeyIdentifier:
			return { subjectKeyIdentifier: expectTag(value, derTag.octetString).content };
		case oid.nameConstraints:
			return { nameConstraints: decodeNameConstraints(value) };
		case oid.subjectAlternativeName:
			return { names: decodeChildren(expectTag(value, derTag.sequence)).map(decodeName) };
		default:
			return critical ? { unknownCritical: [...values.unknownCritical, id] } : {};
	}
}

function encodeExtension(id: string, critical: boolean, value: Buffer): Buffer {
	const flag = critical ? [encodeDer(derTag.boolean, Buffer.of(0xff))] : [];
	return encodeSequence(encodeOid(id), ...flag, encodeDer(derTag.octetString, value));
}

function encodeKeyUsages(usages: readonly KeyUsage[]): Buffer {
	let bits = 0;
	for (const usage of usages) bits |= 0x80 >> keyUsages.indexOf(usage);
	const unused = bits === 0 ? 0 : Math.clz32(bits & -bits) ^ 31;
	return encodeBitString(bits === 0 ? Buffer.alloc(0) : Buffer.of(bits), unused);
}

function encodeName(name: AlternativeName): Buffer {
	if (name.kind === "other") throw new RangeError("only uri, dns, ip and email names can be written");
	if (name.kind === "ip") {
		return encodeDer(nameTags.ip, Buffer.from(name.value.split(".").map(Number)));
	}
	return encodeDer(nameTags[name.kind], Buffer.from(name.value, "latin1"));
}

function decodeName(element: DerElement): AlternativeName {
	switch (element.tag) {
		case nameTags.uri:
			return { kind: "uri", value: decodeIa5(element) };
		case nameTags.dns:
			return { kind: "dns", value: decodeIa5(element) };
		case nameTags.email:
			return { kind: "email", value: decodeIa5(element) };
		case nameTags.ip:
			return { kind: "ip", value: formatIp(element.content) };
		default:
			return { kind: "other", value: `tag 0x${element.tag.toString(16)}` };
	}
}

/** IA5String: seven bits a letter. */
function decodeIa5({ content }: DerElement): string {
	if (content.some((byte) => byte >= 0x80)) throw new DerError("a name with letters that are not ASCII");
	return content.toString("latin1");
}

function formatIp(bytes: Buffer): string {
	return bytes.length === 4 ? bytes.join(".") : (bytes.toString("hex").match(/.{4}/g)?.join(":") ?? "");
}

/** `[3] EXPLICIT Extensions` of a certificate, empty bytes when there is nothing to say. */
export function encodeCertificateExtensions(options: ExtensionOptions): Buffer {
	const extensions = encodeExtensions(options);
	return extensions.length === 2 ? Buffer.alloc(0) : encodeContext(3, extensions);
}
