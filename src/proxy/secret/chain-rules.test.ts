import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { test } from "node:test";
import { createTestPki } from "../../../test/support/pki.ts";
import { findChainRuleFault, readRevocationLists } from "./chain-rules.ts";

const pki = createTestPki();
const leaf = new X509Certificate(pki.issue(pki.idOf("web")).certificatePem);
const anchors = [new X509Certificate(pki.issuerPem)];

/** One element in DER. */
function element(tag: number, ...content: readonly Buffer[]): Buffer {
	const bytes = Buffer.concat(content);
	const length = bytes.length < 0x80 ? [bytes.length] : [0x82, bytes.length >> 8, bytes.length & 0xff];
	return Buffer.concat([Buffer.from([tag, ...length]), bytes]);
}

/** A list of the leaf's issuer that takes serials back. */
function listOf(serials: readonly string[], issuer: Buffer): Buffer {
	const time = element(0x17, Buffer.from("260101000000Z"));
	const revoked = serials.map((serial) => element(0x30, element(0x02, Buffer.from(serial, "hex")), time));
	const body = element(
		0x30,
		element(0x02, Buffer.from([1])),
		element(0x30),
		issuer,
		time,
		time,
		element(0x30, ...revoked),
	);
	const der = element(0x30, body, element(0x30), element(0x03, Buffer.from([0])));
	return Buffer.from(`-----BEGIN X509 CRL-----\n${der.toString("base64")}\n-----END X509 CRL-----\n`);
}

/** The encoded issuer of the leaf, found by the name of the anchor that stands in both. */
function issuerOfLeaf(): Buffer {
	const text = Buffer.from("test issuer");
	const { raw } = leaf;
	const end = raw.indexOf(text) + text.length;
	for (let start = end - text.length; start > 0; start--) {
		if (raw[start] === 0x30 && start + 2 + raw[start + 1]! === end && raw[start + 2] === 0x31)
			return raw.subarray(start, end);
	}
	throw new Error("the leaf has no issuer");
}

const rules = (lists: Buffer) => ({ maxDepth: undefined, anchors, leafLists: readRevocationLists(lists) });

test("a leaf is looked up by its serial number in the list of its issuer", () => {
	const issuer = issuerOfLeaf();
	const serial = leaf.serialNumber;
	assert.equal(findChainRuleFault(rules(listOf([`00${serial}`], issuer)), leaf), "certificate revoked");
	assert.equal(findChainRuleFault(rules(listOf(["1234"], issuer)), leaf), undefined);
});

test("without a list of its issuer a leaf is not taken", () => {
	const elsewhere = element(0x30, element(0x31, element(0x30)));
	assert.equal(findChainRuleFault(rules(listOf([], elsewhere)), leaf), "unable to get certificate CRL");
});

test("a chain to an anchor that signed the leaf itself is short enough for any bound", () => {
	assert.equal(findChainRuleFault({ maxDepth: 0, anchors, leafLists: undefined }, leaf), undefined);
});
