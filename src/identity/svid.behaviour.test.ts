import assert from "node:assert/strict";
import { createPrivateKey } from "node:crypto";
import { test } from "node:test";
import { createTestPki, type TestCertificate } from "../../test/support/pki.ts";
import { parseTrustBundle, verifySvidPem } from "./index.ts";
import {
	createCertificate,
	encodeName,
	encodePublicKey,
	formatCertificates,
	readCertificates,
	subjectOf,
} from "./x509/index.ts";

const pki = createTestPki();
const bundle = parseTrustBundle(pki.trustDomain, pki.bundlePem);
const web = pki.idOf("web");

function faultOf(certificate: TestCertificate): string {
	const verified = verifySvidPem(certificate.certificateChainPem, bundle, Date.now());
	return verified.ok
		? `accepted ${verified.value.spiffeId}`
		: verified.problems.map(({ problem }) => problem).join("; ");
}

test("a good SVID gives its SPIFFE ID", () => {
	assert.equal(faultOf(pki.issue(web)), `accepted ${web}`);
	assert.equal(faultOf(pki.issue(web, { dnsNames: ["web.shop"], commonName: "web" })), `accepted ${web}`);
});

test("an SVID is refused when time, issuer or name is wrong", () => {
	assert.match(faultOf(pki.expired(web)), /expired at/);
	assert.match(faultOf(pki.notYetValid(web)), /valid only from/);
	assert.match(faultOf(pki.foreign(web)), /leads to no authority of cluster.local/);
	assert.match(faultOf(pki.selfSigned(web)), /leads to no authority of cluster.local/);
	assert.match(faultOf(pki.withoutName()), /must hold exactly one URI, holds 0/);
	assert.match(faultOf(pki.withTwoIds(web, pki.idOf("orders"))), /must hold exactly one URI, holds 2/);
	assert.match(faultOf(pki.issue("https://web.shop/")), /is no SPIFFE ID/);
	assert.match(faultOf(pki.issue("spiffe://cluster.local")), /names a trust domain, not a workload/);
	assert.match(faultOf(pki.issue("spiffe://other.example/ns/shop/sa/web")), /not of the trust domain cluster.local/);
});

test("an SVID is refused when it may do too little or too much", () => {
	assert.match(faultOf(pki.withWrongKeyUsage(web)), /must hold digitalSignature/);
	assert.match(faultOf(pki.forServersOnly(web)), /must hold serverAuth and clientAuth/);
	assert.match(faultOf(pki.issue(web, { isCa: true })), /must not be a certificate authority/);
	assert.match(
		faultOf(pki.issue(web, { keyUsages: ["digitalSignature", "keyCertSign"] })),
		/must not hold keyCertSign/,
	);
	assert.match(faultOf(pki.issuerAsLeaf()), /must not be a certificate authority/);
});

test("a workload cannot be an authority for others", () => {
	const own = pki.issue(web, { commonName: "web" });
	const [leaf] = readCertificates(own.certificatePem);
	const privateKey = createPrivateKey(own.privateKeyPem);
	const der = createCertificate(
		{
			serial: Buffer.of(1),
			subject: encodeName({}),
			publicKey: encodePublicKey(privateKey),
			notBefore: Date.now() - 1_000,
			notAfter: Date.now() + 60_000,
			extensions: { keyUsages: ["digitalSignature"], names: [{ kind: "uri", value: pki.idOf("orders") }] },
		},
		{ name: subjectOf(leaf!), privateKey },
	);
	const chain = formatCertificates([der]) + own.certificateChainPem;
	assert.match(faultOf({ ...own, certificateChainPem: chain }), /may not sign certificates|leads to no authority/);
});

test("a chain without its intermediate, without certificates, with damage or too many is refused", () => {
	const { certificatePem } = pki.issue(web);
	for (const chain of [
		certificatePem,
		"",
		certificatePem + pki.issuerPem.repeat(10),
		certificatePem.replace("MII", "AAA"),
	]) {
		assert.equal(verifySvidPem(chain, bundle, Date.now()).ok, false);
	}
});

test("a trust bundle holds authorities and nothing else", () => {
	for (const pem of ["", "nonsense", pki.issue(web).certificatePem]) {
		assert.throws(() => parseTrustBundle("cluster.local", pem), { code: "TRUST_BUNDLE_INVALID" });
	}
});
