/** Object identifiers by name (RFC 5280, 5480, 2986, 5758). */
export const oid = {
	ecPublicKey: "1.2.840.10045.2.1",
	commonName: "2.5.4.3",
	serialNumber: "2.5.4.5",
	organizationName: "2.5.4.10",
	ecdsaWithSha256: "1.2.840.10045.4.3.2",
	ecdsaWithSha384: "1.2.840.10045.4.3.3",
	ecdsaWithSha512: "1.2.840.10045.4.3.4",
	rsaWithSha256: "1.2.840.113549.1.1.11",
	rsaWithSha384: "1.2.840.113549.1.1.12",
	rsaWithSha512: "1.2.840.113549.1.1.13",
	extensionRequest: "1.2.840.113549.1.9.14",
	subjectKeyIdentifier: "2.5.29.14",
	keyUsage: "2.5.29.15",
	subjectAlternativeName: "2.5.29.17",
	basicConstraints: "2.5.29.19",
	nameConstraints: "2.5.29.30",
	authorityKeyIdentifier: "2.5.29.35",
	extendedKeyUsage: "2.5.29.37",
	serverAuth: "1.3.6.1.5.5.7.3.1",
	clientAuth: "1.3.6.1.5.5.7.3.2",
} as const;

/** Key usages in the order of their bits (RFC 5280 section 4.2.1.3). */
export const keyUsages = [
	"digitalSignature",
	"nonRepudiation",
	"keyEncipherment",
	"dataEncipherment",
	"keyAgreement",
	"keyCertSign",
	"cRLSign",
] as const;
export type KeyUsage = (typeof keyUsages)[number];
