import type { X509Certificate } from "node:crypto";
import { children, contentOf } from "./der.ts";

/** What a leaf says it is for, as far as it matters to peers (RFC 5280 sections 4.2.1.3 and 4.2.1.9). */
export interface KeyUsage {
	/** Says what its key is for, as every SVID does (X509-SVID section 4.3). */
	readonly isLimited: boolean;
	/** True where the certificate does not limit the use of its key. */
	readonly digitalSignature: boolean;
	/** Signs certificates or revocation lists by its key usage. */
	readonly signsCertificates: boolean;
	/** Says that it is an authority, whatever its key usage. */
	readonly isAuthority: boolean;
}

const keyUsageId = Buffer.from("0603551d0f", "hex");
const basicConstraintsId = Buffer.from("0603551d13", "hex");
const tag = { boolean: 0x01, octets: 0x04, extensions: 0xa3 };

/** Reads the usages, which Node does not tell: its `ca` needs both, the word and the usage. OpenSSL has read the certificate before, so its
 *  encoding is sound. */
export function readKeyUsage({ raw }: X509Certificate): KeyUsage {
	const [body] = children(contentOf(raw));
	const field = children(body!.content).find((one) => one.tag === tag.extensions);
	const extensions = field === undefined ? [] : children(contentOf(field.content));
	const find = (id: Buffer): Buffer | undefined => {
		const extension = extensions.find(({ content }) => content.subarray(0, id.length).equals(id));
		return extension && children(extension.content).find((one) => one.tag === tag.octets)?.content;
	};
	const usage = find(keyUsageId);
	const bits = usage === undefined ? undefined : (contentOf(usage)[1] ?? 0);
	const constraints = find(basicConstraintsId);
	const [first] = constraints === undefined ? [] : children(contentOf(constraints));
	return {
		isLimited: bits !== undefined,
		digitalSignature: bits === undefined || (bits & 0x80) !== 0,
		signsCertificates: ((bits ?? 0) & 0x06) !== 0,
		isAuthority: first?.tag === tag.boolean && first.content[0] !== 0,
	};
}
