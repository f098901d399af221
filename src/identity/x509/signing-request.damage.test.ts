/** Requests that are signed well and written badly: what Go's x509 refuses is refused, because its certificate could be read by OpenSSL alone. */
import assert from "node:assert/strict";
import { generateKeyPairSync, sign } from "node:crypto";
import { test } from "node:test";
import { decodeChildren, decodeDer, encodeBitString, encodeDer } from "./der.ts";
import { createSigningRequest, formatSigningRequest, oid, parseSigningRequest, readSigningRequest } from "./index.ts";

/** An element that can be written otherwise than it was read. */
interface Node {
	tag: number;
	content: Buffer;
	children?: Node[];
	/** Its length in three bytes. */
	isLong?: boolean;
}

const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const rsaKey = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
const wanted = {
	basicConstraints: { isCa: false },
	keyUsages: ["digitalSignature"],
	extendedKeyUsages: [oid.serverAuth],
	names: [
		{ kind: "uri", value: "spiffe://cluster.local/web" },
		{ kind: "dns", value: "web.shop" },
	],
} as const;

function read(der: Buffer): Node {
	const { tag, content } = decodeDer(der);
	// Octet strings of extensions hold elements.
	const isNested = (tag & 0x20) !== 0 || tag === 0x04;
	return isNested
		? { tag, content, children: decodeChildren({ tag, raw: der, content }).map(({ raw }) => read(raw)) }
		: { tag, content };
}

function write({ tag, content, children, isLong }: Node): Buffer {
	const bytes = children === undefined ? content : Buffer.concat(children.map(write));
	return isLong === true
		? Buffer.concat([Buffer.of(tag, 0x83, 0, bytes.length >> 8, bytes.length & 0xff), bytes])
		: encodeDer(tag, bytes);
}

/** A request whose signed part is changed before it is signed. */
function requestOf(change: (info: Node) => void, key = privateKey): Buffer {
	const request = read(createSigningRequest(key, wanted));
	const [info, algorithm] = request.children as [Node, Node];
	change(info);
	const signature = encodeBitString(sign("sha256", write(info), key));
	return encodeDer(0x30, write(info), write(algorithm), signature);
}

const at = (node: Node, ...path: readonly number[]): Node => path.reduce((from, step) => from.children![step]!, node);
const insert = (node: Node, position: number, byte: number): void => {
	node.content = Buffer.concat([node.content.subarray(0, position), Buffer.of(byte), node.content.subarray(position)]);
};
const lengthen = (node: Node): void => {
	node.isLong = true;
};
const replace = (node: Node, position: number, byte: number): void => {
	node.content = Buffer.from(node.content);
	node.content[position] = byte;
};
/** The extensions: of the attributes the first one's value. */
const extension = (info: Node, number: number): Node => at(info, 3, 0, 1, 0, number);

test("a request that is written anew as it was is accepted", () => {
	for (const key of [privateKey, rsaKey])
		assert.equal(readSigningRequest(requestOf(() => undefined, key)).extensions.names.length, 2);
});

const damages: Readonly<Record<string, (info: Node) => void>> = {
	"no attributes": (info) => void info.children!.pop(),
	"a subject that is no name": (info) => void at(info, 1).children!.push({ tag: 0x05, content: Buffer.alloc(0) }),
	"a long length in the key's algorithm": (info) => lengthen(at(info, 2, 0)),
	"a long length in the key's type": (info) => lengthen(at(info, 2, 0, 0)),
	"a long length in the key's curve": (info) => lengthen(at(info, 2, 0, 1)),
	"a long length of the key's bits": (info) => lengthen(at(info, 2, 1)),
	"a key of a part of a byte": (info) => replace(at(info, 2, 1), 0, 1),
	"an OID with a zero before it": (info) => insert(at(extension(info, 0), 0), 1, 0x80),
	"a BOOLEAN that is neither": (info) => replace(at(extension(info, 0), 1), 0, 1),
	"a usage with bits after its end": (info) => replace(at(extension(info, 1), 2, 0), 1, 0xff),
	"a URI of other letters": (info) => replace(at(extension(info, 3), 1, 0, 0), 3, 0xff),
	"a DNS name of other letters": (info) => replace(at(extension(info, 3), 1, 0, 1), 3, 0xff),
};

for (const [what, change] of Object.entries(damages))
	test(`a request with ${what} is refused`, () => {
		assert.throws(() => readSigningRequest(requestOf(change)), { code: "CSR_INVALID" });
	});

test("an RSA key whose parameters are left out is refused", () => {
	const withoutParameters = (info: Node): void => void at(info, 2, 0).children!.pop();
	assert.throws(() => readSigningRequest(requestOf(withoutParameters, rsaKey)), { code: "CSR_INVALID" });
});

test("a signature of a part of a byte, or by an algorithm that is written with zeros before it, is refused", () => {
	for (const change of [
		(request: Node): void => replace(at(request, 2), 0, 1),
		(request: Node): void => replace(at(request, 2), 0, 7),
		(request: Node): void => insert(at(request, 1, 0), 1, 0x80),
	]) {
		const request = read(createSigningRequest(privateKey, wanted));
		change(request);
		assert.throws(() => readSigningRequest(write(request)), { code: "CSR_INVALID" });
	}
});

test("PEM text with letters of no base64, without its end or with more after it is refused", () => {
	const pem = formatSigningRequest(createSigningRequest(privateKey, wanted));
	const windows = pem.replaceAll("\n", "\r\n");
	assert.equal(readSigningRequest(parseSigningRequest(`${windows}\n`)).extensions.names.length, 2);
	const body = (change: (text: string) => string): string => pem.replace(/\n[^-]+(?=\n-)/, change);
	for (const text of [
		body((lines) => `${lines.slice(0, 20)}*${lines.slice(20)}`),
		body((lines) => `\nProc-Type: 4,ENCRYPTED\n${lines}`),
		body((lines) => `${lines.replaceAll("=", "")}=AAAA`),
		body((lines) => `${lines.replaceAll("=", "")}-_`),
	])
		assert.throws(() => parseSigningRequest(text), { code: "CSR_INVALID" });
});
