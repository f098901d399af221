import { truncate } from "../../core/index.ts";
import type { HpackDictionary, HpackField } from "./dictionary.ts";
import { decodeHuffman, maxDecodedBytes } from "./huffman.ts";
import { entryOverhead, staticEntries } from "./static-table.ts";

/** How decoding a block ended. A list beyond the limits is no fault of the code: the tables are in step, the fields are incomplete. */
export type HpackOutcome = "complete" | "fault" | "too-large" | "too-many";

/** The table's size before any announcement counts (RFC 9113 section 6.5.2). */
const initialTableBytes = 4096;

/** The decoding side of HPACK (RFC 7541): one for each direction of a connection. */
export class HpackDecoder {
	/** The fields of the last block. */
	readonly fields: HpackField[] = [];
	/** Octets of names and values of the last block. */
	bytes = 0;
	/** Whether every field of the last block came from a table and the table is as before: the same octets mean the same fields until
	 *  {@link generation} changes. */
	isPure = false;
	/** Counts the changes of the dynamic table. */
	generation = 0;
	readonly #dictionary: HpackDictionary;
	/** The SETTINGS_HEADER_TABLE_SIZE that was announced. */
	readonly #announcedBytes: number;
	/** What the table's size may be set to. */
	#allowedBytes: number;
	#maxBytes = initialTableBytes;
	/** The dynamic table as a ring: the newest entry is at `#newest`. */
	#ring: (HpackField | undefined)[] = new Array(16).fill(undefined);
	#newest = -1;
	#count = 0;
	#tableBytes = 0;
	/** Behind the integer or text that was read last; -1 after a fault. */
	#at = 0;

	/** @param announcedBytes the SETTINGS_HEADER_TABLE_SIZE that is announced */
	constructor(dictionary: HpackDictionary, announcedBytes: number) {
		this.#dictionary = dictionary;
		this.#announcedBytes = announcedBytes;
		this.#allowedBytes = Math.max(initialTableBytes, announcedBytes);
	}

	/** The peer has acknowledged the announcement: a smaller table is in force. */
	settle(): void {
		this.#allowedBytes = this.#announcedBytes;
		if (this.#maxBytes <= this.#announcedBytes) return;
		this.#maxBytes = this.#announcedBytes;
		this.generation++;
		this.#evict(0);
	}

	/** Entries of the dynamic table. */
	get entries(): number {
		return this.#count;
	}

	/** Bytes of the dynamic table (RFC 7541 section 4.1). */
	get tableBytes(): number {
		return this.#tableBytes;
	}

	/** Decodes a whole block, `bytes[start, end)`, into {@link fields}; those behind `maxBytes` or `maxCount` are dropped. */
	decode(bytes: Buffer, start: number, end: number, maxBytes: number, maxCount: number): HpackOutcome {
		const { fields } = this;
		const { generation } = this;
		truncate(fields, 0);
		this.bytes = 0;
		let isPure = true;
		let excess: HpackOutcome = "complete";
		let at = start;
		let mayResize = true;
		while (at < end) {
			const octet = bytes[at]!;
			let field: HpackField | undefined;
			if (octet >= 0x80) {
				let index = octet & 0x7f;
				if (index === 0x7f) index = this.#readInteger(bytes, at, end, 0x7f);
				else this.#at = at + 1;
				field = this.#fieldAt(index);
				if (field === undefined) return "fault";
			} else if (octet >= 0x40) {
				field = this.#readLiteral(bytes, at, end, 0x3f);
				if (field === undefined) return "fault";
				this.#insert(field);
			} else if (octet >= 0x20) {
				const size = this.#readInteger(bytes, at, end, 0x1f);
				if (!mayResize || size < 0 || size > this.#allowedBytes) return "fault";
				this.#maxBytes = size;
				this.#evict(0);
				this.generation++;
				at = this.#at;
				continue;
			} else {
				field = this.#readLiteral(bytes, at, end, 0x0f);
				if (field === undefined) return "fault";
				isPure = false;
			}
			at = this.#at;
			mayResize = false;
			this.bytes += field.size - entryOverhead;
			if (this.bytes > maxBytes) excess = "too-large";
			else if (fields.length >= maxCount) excess = excess === "complete" ? "too-many" : excess;
			else fields.push(field);
		}
		this.isPure = isPure && this.generation === generation;
		return excess;
	}

	#fieldAt(index: number): HpackField | undefined {
		if (index <= 0) return undefined;
		if (index <= staticEntries) return this.#dictionary.staticFields[index - 1];
		const back = index - staticEntries - 1;
		if (back >= this.#count) return undefined;
		return this.#ring[(this.#newest - back) & (this.#ring.length - 1)];
	}

	#readLiteral(bytes: Buffer, start: number, end: number, mask: number): HpackField | undefined {
		let index = bytes[start]! & mask;
		if (index === mask) index = this.#readInteger(bytes, start, end, mask);
		else this.#at = start + 1;
		if (index < 0) return undefined;
		const textStart = this.#at;
		const valueStart = index === 0 ? this.#skipText(bytes, textStart, end) : textStart;
		const textEnd = valueStart < 0 ? -1 : this.#skipText(bytes, valueStart, end);
		if (textEnd < 0) return undefined;
		this.#at = textEnd;
		// What may not be put into tables (prefix 0001) is not kept either.
		if (index > staticEntries || (bytes[start]! & 0xf0) === 0x10) {
			return this.#createField(bytes, index, textStart, valueStart, textEnd);
		}
		const { literals } = this.#dictionary;
		const hash = literals.hash(index, bytes, textStart, textEnd);
		if (hash === 0) return this.#createField(bytes, index, textStart, valueStart, textEnd);
		const known = literals.find(hash, index, bytes, textStart, textEnd);
		if (known !== undefined) return known;
		const field = this.#createField(bytes, index, textStart, valueStart, textEnd);
		if (field !== undefined) literals.offer(hash, index, bytes, textStart, textEnd, field);
		return field;
	}

	#createField(bytes: Buffer, index: number, start: number, valueStart: number, end: number): HpackField | undefined {
		const name = index === 0 ? this.#readText(bytes, start, valueStart) : this.#fieldAt(index)?.name;
		const value = this.#readText(bytes, valueStart, end);
		if (name === undefined || value === undefined) return undefined;
		const size = name.length + value.length + entryOverhead;
		return { name, value, tag: this.#dictionary.describe(name, value), size };
	}

	/** @returns the position behind the text at `start`, -1 when it is not all there */
	#skipText(bytes: Buffer, start: number, end: number): number {
		if (start >= end) return -1;
		let length = bytes[start]! & 0x7f;
		if (length === 0x7f) length = this.#readInteger(bytes, start, end, 0x7f);
		else this.#at = start + 1;
		return length < 0 || length > end - this.#at ? -1 : this.#at + length;
	}

	/** The text of which {@link #skipText} has found the end. */
	#readText(bytes: Buffer, start: number, end: number): string | undefined {
		let from = start + 1;
		if ((bytes[start]! & 0x7f) === 0x7f) while (bytes[from++]! >= 0x80);
		if (bytes[start]! < 0x80) return bytes.latin1Slice(from, end);
		const target = this.#dictionary.scratch(maxDecodedBytes(end - from));
		const written = decodeHuffman(bytes, from, end, target);
		return written < 0 ? undefined : target.latin1Slice(0, written);
	}

	/** RFC 7541 section 5.1. Beyond 2^28 is a fault: nothing that counts is that large.
	 *  @returns -1 for a fault */
	#readInteger(bytes: Buffer, at: number, end: number, mask: number): number {
		let value = bytes[at++]! & mask;
		if (value === mask) {
			for (let shift = 0; ; shift += 7) {
				if (at >= end || shift > 28) return -1;
				const octet = bytes[at++]!;
				value += (octet & 0x7f) * 2 ** shift;
				if (octet < 0x80) break;
			}
			if (value > 0x0fffffff) return -1;
		}
		this.#at = at;
		return value;
	}

	#insert(field: HpackField): void {
		this.generation++;
		this.#evict(field.size);
		if (field.size > this.#maxBytes) return;
		if (this.#count === this.#ring.length) this.#grow();
		this.#newest = (this.#newest + 1) & (this.#ring.length - 1);
		this.#ring[this.#newest] = field;
		this.#count++;
		this.#tableBytes += field.size;
	}

	/** Makes room for `bytes` more. */
	#evict(bytes: number): void {
		while (this.#count > 0 && this.#tableBytes + bytes > this.#maxBytes) {
			const oldest = (this.#newest - this.#count + 1) & (this.#ring.length - 1);
			this.#tableBytes -= this.#ring[oldest]!.size;
			this.#ring[oldest] = undefined;
			this.#count--;
		}
	}

	#grow(): void {
		const old = this.#ring;
		const ring: (HpackField | undefined)[] = new Array(old.length * 2).fill(undefined);
		for (let index = 0; index < this.#count; index++) {
			ring[index] = old[(this.#newest - this.#count + 1 + index) & (old.length - 1)];
		}
		this.#ring = ring;
		this.#newest = this.#count - 1;
	}
}
