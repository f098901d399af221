/** Feeds the readers of certificates and signing requests with damaged ones: `node test/fuzz/certificates.ts [seed]` runs until it is
 *  stopped or finds something. The short run of the suite is certificates.test.ts. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { createSeededRandom, MeshError, type Random } from "../../src/core/index.ts";
import {
	createCertificate,
	createSigningRequest,
	encodeName,
	encodePublicKey,
	findConstrainedName,
	formatSigningRequest,
	oid,
	parseSigningRequest,
	readCertificate,
	readDerCertificates,
	readSigningRequest,
} from "../../src/identity/x509/index.ts";
import { below, damageBytes, damageText } from "./damage.ts";

const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const extensions = {
	basicConstraints: { isCa: false },
	keyUsages: ["digitalSignature"],
	extendedKeyUsages: [oid.serverAuth, oid.clientAuth],
	names: [
		{ kind: "uri", value: "spiffe://cluster.local/ns/shop/sa/web" },
		{ kind: "dns", value: "web.shop" },
		{ kind: "ip", value: "10.0.0.1" },
	],
} as const;
const name = encodeName({ commonName: "web" });
const request = createSigningRequest(privateKey, extensions);
const certificate = createCertificate(
	{
		serial: Buffer.of(1, 2, 3),
		subject: name,
		publicKey: encodePublicKey(publicKey),
		notBefore: 0,
		notAfter: 2_000_000_000_000,
		extensions: {
			...extensions,
			permittedNames: [
				{ kind: "uri", value: ".local" },
				{ kind: "dns", value: "shop" },
			],
		},
	},
	{ name, privateKey },
);
const marks = [
	"-----BEGIN CERTIFICATE REQUEST-----",
	"-----END CERTIFICATE REQUEST-----",
	"\n",
	"=",
	"*",
	"AAAA",
	"\r",
	" ",
];

/** A request is refused in words, or it is the one that was signed. */
export function checkRequest(der: Buffer): void {
	try {
		const read = readSigningRequest(der);
		assert.deepEqual(read.extensions, readSigningRequest(request).extensions, "says what nobody signed");
	} catch (error) {
		if (error instanceof MeshError && error.code === "CSR_INVALID") return;
		throw new Error(`this request breaks the reader: ${der.toString("hex")}`, { cause: error });
	}
}

/** A certificate is refused with an error, or all of it can be used: names are text that can be logged. */
export function checkCertificate(der: Buffer): void {
	let read: ReturnType<typeof readCertificate>;
	try {
		read = readCertificate(der);
	} catch (error) {
		assert.ok(error instanceof Error && !(error instanceof assert.AssertionError) && !(error instanceof RangeError));
		return;
	}
	try {
		const { names, nameConstraints } = read.extensions;
		for (const { value } of names) assert.equal(typeof value, "string");
		if (nameConstraints !== undefined) findConstrainedName(names, nameConstraints);
		assert.ok(read.der.length <= der.length, "no more is read than there is");
	} catch (error) {
		throw new Error(`this certificate breaks the reader: ${der.toString("hex")}`, { cause: error });
	}
}

/** One round: damages a request, its text, and certificates behind one another. */
export function fuzzCertificates(random: Random): void {
	checkRequest(damageBytes(request, random));
	checkCertificate(damageBytes(certificate, random));
	const text = damageText(formatSigningRequest(request), marks, random);
	try {
		checkRequest(parseSigningRequest(text));
	} catch (error) {
		if (!(error instanceof MeshError)) throw new Error(`this text breaks the reader: ${text}`, { cause: error });
	}
	if (below(4, random) > 0) return;
	const chain = damageBytes(Buffer.concat([certificate, certificate]), random);
	try {
		assert.ok(readDerCertificates(chain).length * 100 < chain.length + 100, "no more is read than there is");
	} catch (error) {
		assert.ok(!(error instanceof assert.AssertionError) && !(error instanceof RangeError), chain.toString("hex"));
	}
}

if (import.meta.main) {
	const random = createSeededRandom(Number(process.argv[2] ?? 1));
	for (;;) fuzzCertificates(random);
}
