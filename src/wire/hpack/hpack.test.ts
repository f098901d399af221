import assert from "node:assert/strict";
import { test } from "node:test";
import { createSeededRandom, type HeaderList } from "../../core/index.ts";
import {
	createHpackDictionary,
	decodeHuffman,
	encodeHuffman,
	HpackDecoder,
	HpackEncoder,
	huffmanBytes,
} from "./index.ts";

const dictionary = createHpackDictionary((name) => name.length);

function encode(encoder: HpackEncoder, headers: HeaderList): Buffer {
	encoder.begin();
	encoder.addAll(headers);
	return Buffer.from(encoder.buffer.subarray(0, encoder.at));
}

function decode(decoder: HpackDecoder, bytes: Buffer, maxBytes = 100_000, maxCount = 1000): HeaderList {
	assert.equal(decoder.decode(bytes, 0, bytes.length, maxBytes, maxCount), "complete");
	return decoder.fields.flatMap(({ name, value }) => [name, value]);
}

function outcomeOf(hex: string, maxBytes = 100_000, maxCount = 1000): string {
	const bytes = Buffer.from(hex, "hex");
	return new HpackDecoder(dictionary, 4096).decode(bytes, 0, bytes.length, maxBytes, maxCount);
}

test("what the encoder writes, the decoder reads, while tables shrink and grow", () => {
	const random = createSeededRandom(7541);
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789-";
	const word = (most: number): string =>
		Array.from(
			{ length: Math.floor(random.next() * most) },
			() => letters[Math.floor(random.next() * letters.length)],
		).join("");
	const encoder = new HpackEncoder(8192);
	const decoder = new HpackDecoder(dictionary, 8192);
	const names = Array.from({ length: 60 }, () => `x${word(12)}`).concat(
		":path",
		"cookie",
		"authorization",
		"content-length",
	);
	const values = Array.from({ length: 40 }, () => word(60)).concat("/", "GET", "");
	for (let round = 0; round < 600; round++) {
		if (random.next() < 0.05) encoder.setPeerTableBytes(Math.floor(random.next() * 8193));
		const headers: HeaderList = [];
		for (let count = Math.floor(random.next() * 12); count >= 0; count--) {
			const latin =
				random.next() < 0.1
					? String.fromCharCode(...Array.from({ length: 90 }, () => Math.floor(random.next() * 256)))
					: undefined;
			headers.push(
				names[Math.floor(random.next() * names.length)]!,
				latin ?? (random.next() < 0.5 ? word(50) : values[Math.floor(random.next() * values.length)]!),
			);
		}
		assert.deepEqual(decode(decoder, encode(encoder, headers)), headers);
		assert.equal(decoder.tableBytes, encoder.tableBytes);
	}
});

test("what repeats becomes one octet a field, and such a block is pure until the table changes", () => {
	const encoder = new HpackEncoder(4096);
	const decoder = new HpackDecoder(dictionary, 4096);
	const headers = [":method", "GET", ":path", "/some/where", "user-agent", "test", "x-own", "value"];
	decode(decoder, encode(encoder, headers));
	assert.equal(decoder.isPure, false);
	const { generation } = decoder;
	const again = encode(encoder, headers);
	assert.equal(again.length, 4);
	assert.deepEqual(decode(decoder, again), headers);
	assert.equal(decoder.isPure, true);
	assert.equal(decoder.generation, generation);
});

test("values that never repeat stop entering the table, credentials never do", () => {
	const encoder = new HpackEncoder(4096);
	const decoder = new HpackDecoder(dictionary, 4096);
	for (let count = 0; count < 30; count++) {
		decode(
			decoder,
			encode(encoder, ["x-serial", `number ${count}`, "x-request-id", `id ${count}`, "authorization", "secret"]),
		);
	}
	// Four serial numbers were tried; the name of request ids is kept with the first one.
	assert.equal(decoder.entries, 5);
	assert.deepEqual([...encode(encoder, ["authorization", "secret"]).subarray(0, 2)], [0x1f, 23 - 15]);
});

test("the Huffman code holds every octet", () => {
	for (let octet = 0; octet < 256; octet++) {
		for (const text of [
			String.fromCharCode(octet),
			`a${String.fromCharCode(octet)}b`,
			String.fromCharCode(octet).repeat(9),
		]) {
			const coded = Buffer.alloc(huffmanBytes(text));
			assert.equal(encodeHuffman(text, coded, 0), coded.length);
			const target = Buffer.alloc(64);
			assert.equal(target.latin1Slice(0, decodeHuffman(coded, 0, coded.length, target)), text);
		}
	}
});

test("a Huffman text with wrong padding or with EOS is a fault", () => {
	const target = Buffer.alloc(64);
	const read = (...octets: number[]): number => decodeHuffman(Uint8Array.from(octets), 0, octets.length, target);
	assert.equal(read(0x1f), 1);
	assert.equal(read(0x18), -1, "zeros as padding");
	assert.equal(read(0x1f, 0xff), -1, "more than seven bits of padding");
	assert.equal(read(0xff, 0xff, 0xff, 0xff), -1, "EOS");
});

test("what no encoder may write is a fault", () => {
	assert.equal(outcomeOf("80"), "fault", "index 0");
	assert.equal(outcomeOf("be"), "fault", "an index behind the table");
	assert.equal(outcomeOf("ffffffffffffff"), "fault", "an endless integer");
	assert.equal(outcomeOf("3fe21f"), "fault", "a table beyond the setting");
	assert.equal(outcomeOf("8220"), "fault", "a size update behind a field");
	assert.equal(outcomeOf("40"), "fault", "no name");
	assert.equal(outcomeOf("4005"), "fault", "a short name");
	assert.equal(outcomeOf("0401"), "fault", "a short value");
	assert.equal(outcomeOf("2082"), "complete", "a size update before");
});

test("a list beyond the limits leaves the tables in step", () => {
	const encoder = new HpackEncoder(4096);
	const decoder = new HpackDecoder(dictionary, 4096);
	const long = encode(encoder, ["x-long", "v".repeat(1000), "x-more", "w"]);
	assert.equal(decoder.decode(long, 0, long.length, 500, 100), "too-large");
	assert.equal(decoder.tableBytes, encoder.tableBytes);
	assert.deepEqual(decode(decoder, encode(encoder, ["x-more", "w"])), ["x-more", "w"]);
	const many = encode(encoder, ["a", "1", "b", "2", "c", "3"]);
	assert.equal(decoder.decode(many, 0, many.length, 500, 2), "too-many");
	assert.equal(decoder.fields.length, 2);
});

test("a bomb of references costs no memory", () => {
	const encoder = new HpackEncoder(4096);
	const decoder = new HpackDecoder(dictionary, 4096);
	decode(decoder, encode(encoder, ["x-bomb", "b".repeat(1900)]));
	const bomb = Buffer.alloc(60_000, 0xbe);
	assert.equal(decoder.decode(bomb, 0, bomb.length, 60 * 1024, 100), "too-large");
	assert.equal(decoder.fields.length <= 32, true);
});
