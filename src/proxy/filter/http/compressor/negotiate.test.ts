import assert from "node:assert/strict";
import { test } from "node:test";
import type { CompressionLibrary, CompressorConfig } from "../../../runtime-config/index.ts";
import { chooseEncoding } from "./negotiate.ts";

const compressor = (kind: CompressionLibrary["kind"], chooseFirst = false) => ({
	config: { chooseFirst } as CompressorConfig,
	library: { name: kind, kind, options: {}, maxRatio: 100 },
});
const chain = [compressor("gzip"), compressor("brotli")];

for (const [accepts, encoding, reason] of [
	["gzip", "gzip", "valid"],
	["br;q=0.9, gzip;q=0.8", "br", "valid"],
	["*", "gzip", "wildcard"],
	["gzip;q=0, *", "br", "wildcard"],
	["identity", "identity", "identity"],
	["deflate", "identity", "not-valid"],
	["gzip;q=x", "identity", "not-valid"],
] as const) {
	test(`"${accepts}" leads to ${encoding}`, () =>
		assert.deepEqual(chooseEncoding(accepts, chain), { encoding, reason }));
}

test("of equal weights the one that asks to be first wins", () => {
	const { encoding } = chooseEncoding("gzip, br", [compressor("gzip"), compressor("brotli", true)]);
	assert.equal(encoding, "br");
});
