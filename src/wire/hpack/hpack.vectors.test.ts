import assert from "node:assert/strict";
import { test } from "node:test";
import { createHpackDictionary, HpackDecoder } from "./index.ts";

const dictionary = createHpackDictionary(() => 0);

function decode(decoder: HpackDecoder, hex: string): string[] {
	const bytes = Buffer.from(hex.replaceAll(" ", ""), "hex");
	assert.equal(decoder.decode(bytes, 0, bytes.length, 10_000, 100), "complete");
	return decoder.fields.map(({ name, value }) => `${name}: ${value}`);
}

const first = [":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com"];
const requests: readonly (readonly string[])[] = [
	first,
	[...first, "cache-control: no-cache"],
	[":method: GET", ":scheme: https", ":path: /index.html", ":authority: www.example.com", "custom-key: custom-value"],
];

test("RFC 7541 C.2: a literal of each kind", () => {
	const decoder = new HpackDecoder(dictionary, 4096);
	const added = "400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572";
	assert.deepEqual(decode(decoder, added), ["custom-key: custom-header"]);
	assert.equal(decoder.tableBytes, 55);
	const other = new HpackDecoder(dictionary, 4096);
	assert.deepEqual(decode(other, "040c 2f73 616d 706c 652f 7061 7468"), [":path: /sample/path"]);
	assert.deepEqual(decode(other, "1008 7061 7373 776f 7264 0673 6563 7265 74"), ["password: secret"]);
	assert.deepEqual(decode(other, "82"), [":method: GET"]);
	assert.equal(other.entries, 0);
});

test("RFC 7541 C.3: requests without Huffman code", () => {
	const decoder = new HpackDecoder(dictionary, 4096);
	assert.deepEqual(decode(decoder, "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d"), requests[0]);
	assert.equal(decoder.tableBytes, 57);
	assert.deepEqual(decode(decoder, "8286 84be 5808 6e6f 2d63 6163 6865"), requests[1]);
	assert.equal(decoder.tableBytes, 110);
	const third = "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65";
	assert.deepEqual(decode(decoder, third), requests[2]);
	assert.equal(decoder.tableBytes, 164);
});

test("RFC 7541 C.4: requests with Huffman code", () => {
	const decoder = new HpackDecoder(dictionary, 4096);
	assert.deepEqual(decode(decoder, "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff"), requests[0]);
	assert.deepEqual(decode(decoder, "8286 84be 5886 a8eb 1064 9cbf"), requests[1]);
	assert.deepEqual(decode(decoder, "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf"), requests[2]);
	assert.equal(decoder.tableBytes, 164);
});

const date = "date: Mon, 21 Oct 2013 20:13:21 GMT";
const location = "location: https://www.example.com";
const cookie = "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1";
const responses: readonly (readonly string[])[] = [
	[":status: 302", "cache-control: private", date, location],
	[":status: 307", "cache-control: private", date, location],
	[
		":status: 200",
		"cache-control: private",
		date.replace(":21 G", ":22 G"),
		location,
		"content-encoding: gzip",
		cookie,
	],
];

test("RFC 7541 C.5: responses without Huffman code, in a table of 256 bytes", () => {
	const decoder = new HpackDecoder(dictionary, 256);
	decoder.settle();
	const one =
		`4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d 54
		6e17 6874 7470 733a 2f2f 7777 772e 6578 616d 706c 652e 636f 6d`.replace(/\s/g, "");
	assert.deepEqual(decode(decoder, one), responses[0]);
	assert.equal(decoder.tableBytes, 222);
	assert.deepEqual(decode(decoder, "4803 3330 37c1 c0bf"), responses[1]);
	assert.equal(decoder.tableBytes, 222);
	const three = `88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f 6f3d
		4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31`;
	assert.deepEqual(decode(decoder, three.replace(/\s/g, "")), responses[2]);
	assert.equal(decoder.tableBytes, 215);
});

test("RFC 7541 C.6: responses with Huffman code, in a table of 256 bytes", () => {
	const decoder = new HpackDecoder(dictionary, 256);
	decoder.settle();
	const one = `4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b
		97c8 e9ae 82ae 43d3`;
	assert.deepEqual(decode(decoder, one.replace(/\s/g, "")), responses[0]);
	assert.deepEqual(decode(decoder, "4883 640e ffc1 c0bf"), responses[1]);
	const three = `88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf
		cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07`;
	assert.deepEqual(decode(decoder, three.replace(/\s/g, "")), responses[2]);
	assert.equal(decoder.tableBytes, 215);
});
