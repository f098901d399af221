import assert from "node:assert/strict";
import { test } from "node:test";
import { createSeededRandom } from "../../core/index.ts";
import { formatProxyHeader, type ProxyAddresses, parseProxyHeader } from "./index.ts";

const four: ProxyAddresses = { sourceIp: "1.2.3.4", sourcePort: 1111, destinationIp: "5.6.7.8", destinationPort: 2222 };
const six: ProxyAddresses = { sourceIp: "2001:db8::1", sourcePort: 1, destinationIp: "::2", destinationPort: 65_535 };
const tlvs = [
	{ type: 2, value: Buffer.from("abc") },
	{ type: 0xe1, value: Buffer.alloc(0) },
];

test("what is formatted is parsed again, from any split of the bytes", () => {
	for (const version of [1, 2] as const) {
		for (const addresses of [four, six, undefined]) {
			const wanted = version === 2 && addresses !== undefined ? tlvs : [];
			const header = formatProxyHeader({ version, addresses, tlvs });
			const bytes = Buffer.concat([header, Buffer.from("data")]);
			assert.deepEqual(parseProxyHeader(bytes), {
				kind: "header",
				version,
				length: header.length,
				addresses,
				tlvs: wanted,
			});
			for (let length = 0; length < header.length; length++) {
				assert.equal(parseProxyHeader(bytes.subarray(0, length)).kind, "incomplete", `${version}: ${length} bytes`);
			}
		}
	}
});

test("spaces at the end of a line of version 1 are nothing", () => {
	const read = parseProxyHeader(Buffer.from("PROXY TCP4 1.2.3.4 5.6.7.8 1111 2222 \r\n"));
	assert.deepEqual(read, { kind: "header", version: 1, length: 39, addresses: four, tlvs: [] });
});

test("a connection without the protocol is told at the first byte that differs", () => {
	assert.equal(parseProxyHeader(Buffer.from("a")).kind, "absent");
	assert.equal(parseProxyHeader(Buffer.from("PROXX")).kind, "absent");
	assert.equal(parseProxyHeader(Buffer.from("PROX")).kind, "incomplete");
	assert.equal(parseProxyHeader(Buffer.from("\r\n\r\nx")).kind, "absent");
});

test("a broken header is no header", () => {
	for (const line of [
		"PROXY TCP4 1.2.3.4 5.6.7.8 1111\r\n",
		"PROXY TCP4 1.2.3.4 5.6.7.8 99999 1\r\n",
		"PROXY TCP4 1.2.3.x 5.6.7.8 1 1\r\n",
		"PROXY TCP4 ::1 ::2 1 1\r\n",
		"PROXY TCP4 1.2.3.4 5.6.7.8 1 1 1\r\n",
		`PROXY TCP4 1.2.3.4 5.6.7.8 1 1${" ".repeat(100)}`,
	]) {
		assert.deepEqual(parseProxyHeader(Buffer.from(line)), { kind: "malformed", version: 1 }, line);
	}
	const good = formatProxyHeader({ version: 2, addresses: four, tlvs });
	for (const [offset, value] of [
		[12, 0x22],
		[12, 0x11],
		[13, 0],
		[13, 0x31],
		[15, 4],
		[30, 0xff],
	] as const) {
		const bytes = Buffer.from(good);
		bytes[offset] = value;
		assert.deepEqual(parseProxyHeader(bytes), { kind: "malformed", version: 2 }, `byte ${offset}`);
	}
});

test("any bytes end in an answer", () => {
	const random = createSeededRandom(4);
	const seeds = ([1, 2] as const).map((version) => formatProxyHeader({ version, addresses: six, tlvs }));
	for (let round = 0; round < 5000; round++) {
		const bytes = Buffer.from(seeds[round % 2]!);
		for (let flips = 0; flips < 3; flips++)
			bytes[Math.floor(random.next() * bytes.length)] = Math.floor(random.next() * 256);
		const parsed = parseProxyHeader(bytes);
		if (parsed.kind === "header") assert.ok(parsed.length <= bytes.length);
	}
});
