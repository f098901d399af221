import assert from "node:assert/strict";
import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { createTestPki } from "../../../test/support/pki.ts";
import { createSeededRandom, MeshError } from "../../core/index.ts";
import {
	DerError,
	decodeDer,
	decodeOid,
	encodeBitString,
	encodeOid,
	encodeSequence,
	encodeTime,
	encodeUnsigned,
} from "./der.ts";
import {
	createSigningRequest,
	formatSigningRequest,
	isPlainKey,
	oid,
	parseSigningRequest,
	readCertificates,
	readSigningRequest,
} from "./index.ts";

const newKey = () => generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;

test("what a signing request asks for is read back", () => {
	const request = createSigningRequest(newKey(), {
		basicConstraints: { isCa: true, pathLength: 3 },
		keyUsages: ["digitalSignature", "keyCertSign"],
		extendedKeyUsages: [oid.serverAuth],
		names: [
			{ kind: "uri", value: "spiffe://cluster.local/ns/shop/sa/web" },
			{ kind: "dns", value: "web.shop" },
			{ kind: "ip", value: "10.0.0.1" },
			{ kind: "email", value: "web@shop" },
		],
	});
	const { extensions } = readSigningRequest(request);
	assert.equal(extensions.isCa, true);
	assert.equal(extensions.pathLength, 3);
	assert.deepEqual([...(extensions.keyUsages ?? [])], ["digitalSignature", "keyCertSign"]);
	assert.deepEqual(extensions.extendedKeyUsages, [oid.serverAuth]);
	assert.deepEqual(
		extensions.names.map(({ kind, value }) => `${kind}:${value}`),
		["uri:spiffe://cluster.local/ns/shop/sa/web", "dns:web.shop", "ip:10.0.0.1", "email:web@shop"],
	);
});

test("a request for a P-384 or an RSA key is accepted, one for a weak key is refused", () => {
	for (const { privateKey } of [
		generateKeyPairSync("ec", { namedCurve: "P-384" }),
		generateKeyPairSync("rsa", { modulusLength: 2048 }),
	]) {
		assert.equal(readSigningRequest(createSigningRequest(privateKey, {})).key.type, "public");
	}
	for (const { privateKey } of [
		generateKeyPairSync("ec", { namedCurve: "secp256k1" }),
		generateKeyPairSync("rsa", { modulusLength: 1024 }),
	]) {
		assert.throws(() => readSigningRequest(createSigningRequest(privateKey, {})), { code: "CSR_INVALID" });
	}
});

test("a request for a key that only few peers can read is refused", () => {
	const explicit = generateKeyPairSync("ec", { namedCurve: "P-256", paramEncoding: "explicit" }).privateKey;
	assert.throws(() => readSigningRequest(createSigningRequest(explicit, {})), {
		code: "CSR_INVALID",
		message: /writes its curve out/,
	});
});

test("keys are plain by the way they are written, too", () => {
	const key = createPublicKey(newKey());
	const spki = key.export({ type: "spki", format: "der" });
	const curve = encodeSequence(encodeOid("1.2.840.10045.2.1"), encodeOid("1.2.840.10045.3.1.7"));
	const withPoint = (point: Uint8Array) =>
		createPublicKey({ key: encodeSequence(curve, encodeBitString(point)), format: "der", type: "spki" });
	const point = spki.subarray(-65);
	assert.ok(isPlainKey(key) && isPlainKey(withPoint(point)));
	const compressed = Buffer.concat([Buffer.of(2 + (point[64]! & 1)), point.subarray(1, 33)]);
	assert.ok(!isPlainKey(withPoint(compressed)));
	const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey;
	assert.ok(isPlainKey(rsa));
	const everybodys = { ...rsa.export({ format: "jwk" }), e: "AQ" };
	assert.ok(!isPlainKey(createPublicKey({ key: everybodys, format: "jwk" })));
});

test("a request whose signature does not hold is refused", () => {
	const request = createSigningRequest(newKey(), { names: [{ kind: "uri", value: "spiffe://a/b" }] });
	const forged = Buffer.from(request);
	forged[forged.indexOf("spiffe://a/b") + 9] = "c".charCodeAt(0);
	assert.throws(() => readSigningRequest(forged), /self-signature does not hold/);
});

test("a request in PEM text is one block", () => {
	const pem = formatSigningRequest(createSigningRequest(newKey(), {}));
	assert.equal(readSigningRequest(parseSigningRequest(pem)).extensions.isCa, false);
	for (const text of ["", "nonsense", pem + pem, pem.slice(0, 60)]) {
		assert.throws(() => parseSigningRequest(text), { code: "CSR_INVALID" });
	}
});

test("a damaged request is refused with its code, whatever the damage", () => {
	const random = createSeededRandom(7);
	const request = createSigningRequest(newKey(), { names: [{ kind: "uri", value: "spiffe://a/b" }] });
	for (let round = 0; round < 2_000; round++) {
		const damaged = Buffer.from(request);
		for (let flips = 0; flips <= round % 3; flips++) {
			damaged[Math.floor(random.next() * damaged.length)] = Math.floor(random.next() * 256);
		}
		const cut = round % 5 === 0 ? damaged.subarray(0, Math.floor(random.next() * damaged.length)) : damaged;
		if (cut.equals(request)) continue;
		try {
			readSigningRequest(cut);
			assert.fail(`round ${round} was accepted`);
		} catch (error) {
			assert.ok(error instanceof MeshError && error.code === "CSR_INVALID", `round ${round}: ${error}`);
		}
	}
});

test("a damaged certificate is an error and never hangs", () => {
	const random = createSeededRandom(11);
	const pki = createTestPki();
	const [leaf] = readCertificates(pki.issue(pki.idOf("web")).certificatePem);
	for (let round = 0; round < 1_000; round++) {
		const damaged = Buffer.from(leaf!.der);
		damaged[Math.floor(random.next() * damaged.length)] = Math.floor(random.next() * 256);
		try {
			readCertificates(`-----BEGIN CERTIFICATE-----\n${damaged.toString("base64")}\n-----END CERTIFICATE-----\n`);
		} catch (error) {
			assert.ok(error instanceof Error);
		}
	}
});

test("DER with lengths that are indefinite, too long or not the shortest is refused", () => {
	for (const hex of ["3080", "308100", "30820001aa", "3002aa", "30", "", "1f8101", "300000"]) {
		assert.throws(() => decodeDer(Buffer.from(hex, "hex")), DerError, hex);
	}
});

test("numbers, identifiers and times have their shortest form", () => {
	assert.equal(encodeUnsigned(Buffer.of(0, 0, 0x80)).toString("hex"), "02020080");
	assert.equal(encodeUnsigned(Buffer.of(0)).toString("hex"), "020100");
	for (const id of ["2.5.29.17", "1.2.840.113549.1.1.11", "2.999.3"])
		assert.equal(decodeOid(decodeDer(encodeOid(id))), id);
	assert.equal(
		encodeTime(Date.UTC(2049, 11, 31, 23, 59, 59))
			.subarray(2)
			.toString(),
		"491231235959Z",
	);
	assert.equal(
		encodeTime(Date.UTC(2050, 0, 1))
			.subarray(2)
			.toString(),
		"20500101000000Z",
	);
});
