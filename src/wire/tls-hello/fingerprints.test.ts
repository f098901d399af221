import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import type { HelloShape } from "./client-hello.ts";
import { computeJa3, computeJa4 } from "./fingerprints.ts";

const uint16s = (...values: readonly number[]): Buffer => {
	const bytes = Buffer.alloc(values.length * 2);
	for (const [index, value] of values.entries()) bytes.writeUInt16BE(value, index * 2);
	return bytes;
};
const grease = 0x1a1a;

/** What a client sends, with a reserved value everywhere. `protocol` is its only one. */
function createHello(protocol: string): HelloShape {
	const name = Buffer.from(protocol, "latin1");
	return {
		version: 0x0303,
		cipherSuites: uint16s(grease, 0x1302, 0x1301),
		extensions: [
			{ type: grease, content: Buffer.alloc(0) },
			{ type: 0, content: Buffer.from("name") },
			{ type: 16, content: Buffer.concat([uint16s(name.length + 1), Buffer.of(name.length), name]) },
			{ type: 43, content: Buffer.concat([Buffer.of(6), uint16s(grease, 0x0304, 0x0303)]) },
			{ type: 13, content: Buffer.concat([uint16s(4), uint16s(0x0804, 0x0403)]) },
			{ type: 10, content: Buffer.concat([uint16s(4), uint16s(29, 23)]) },
			{ type: 11, content: Buffer.of(1, 0) },
		],
	};
}

test("JA3 keeps the client's order and leaves reserved values out", () => {
	const expected = createHash("md5").update("771,4866-4865,0-16-43-13-10-11,29-23,0").digest("hex");
	assert.equal(computeJa3(createHello("h2")), expected);
});

test("JA4 counts, and hashes suites and extensions in order of their numbers", () => {
	const hash = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 12);
	const extensions = hash("000a,000b,000d,002b_0804,0403");
	assert.equal(computeJa4(createHello("h2")), `t13d0206h2_${hash("1301,1302")}_${extensions}`);
});

test("JA4 says protocols of other characters by halves of their codes", () => {
	assert.match(computeJa4(createHello("-x")), /^t13d020628_/);
	assert.match(computeJa4(createHello("f")), /^t13d0206ff_/);
});

test("JA4 of a hello without extensions is that of its version, with an empty hash", () => {
	const bare: HelloShape = { version: 0x0302, cipherSuites: uint16s(), extensions: [] };
	assert.equal(computeJa4(bare), "t11i000000_000000000000_000000000000");
});
