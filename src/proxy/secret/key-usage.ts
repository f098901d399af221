import type { X509Certificate } from "node:crypto";
import { children, contentOf } from "./der.ts";

/** The key usages of a leaf that matter to peers (RFC 5280 section 4.2.1.3). */
export interface KeyUsage {
	readonly digitalSignature: boolean;
	/** Signs certificates or revocation lists. */
	readonly signsCertificates: boolean;
}

const keyUsageId = Buffer.from("0603551d0f", "hex");
const tag = { extensions: 0xa3, octets: 0x04 };

/** Reads the key usages, which Node does not tell; undefined when the certificate does not limit them. OpenSSL has read the certificate
 *  before, so its encoding is sound. */
export function readKeyUsage({ raw }: X509Certificate): KeyUsage | undefined {
	const [body] = children(contentOf(raw));
	const extensions = children(body!.content).find((field) => field.tag === tag.extensions);
	if (extensions === undefined) return undefined;
	for (const extension of children(contentOf(extensions.content))) {
		if (!extension.content.subarray(0, keyUsageId.length).equals(keyUsageId)) continue;
		const value = children(extension.content).find((field) => field.tag === tag.octets);
		const bits = value === undefined ? undefined : contentOf(value.content)[1];
		return { digitalSignature: ((bits ?? 0) & 0x80) !== 0, signsCertificates: ((bits ?? 0) & 0x06) !== 0 };
	}
	return undefined;
}
