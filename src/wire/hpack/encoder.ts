import type { HeaderList } from "../../core/index.ts";
import { encodeHuffman, huffmanBytes } from "./huffman.ts";
import { entryOverhead, staticEntries, staticTable } from "./static-table.ts";

/** What the encoder knows of a field name. */
interface NameRecord {
	readonly name: string;
	/** The first entry of the static table with this name, 0 when there is none. */
	readonly staticIndex: number;
	/** Static entries by value; undefined when there are none with one. */
	readonly staticValues: ReadonlyMap<string, number> | undefined;
	/** Serial numbers of dynamic entries by value. */
	readonly values: Map<string, number>;
	/** Serial number of the newest dynamic entry with this name, -1 when there is none. */
	newest: number;
	readonly rule: "adaptive" | "never-indexed" | "plain";
	/** Values that were put into the table, how often one was used again, and how many were left out since. */
	inserted: number;
	used: number;
	skipped: number;
}

interface Entry {
	readonly record: NameRecord;
	readonly value: string;
	readonly size: number;
}

/** Values that belong to one request: a table entry would be wasted. */
const plainNames: ReadonlySet<string> = new Set([
	"x-request-id",
	"traceparent",
	"tracestate",
	"b3",
	"x-b3-traceid",
	"x-b3-spanid",
	"x-b3-parentspanid",
]);
/** Values that no intermediary may put into a table (RFC 7541 section 7.1.3). */
const secretNames: ReadonlySet<string> = new Set(["authorization", "proxy-authorization"]);
/** Names that are remembered at most; a peer chooses them. */
const maxNames = 512;
/** So many values of a name are put into the table before it is asked whether that pays. */
const freeInsertions = 4;
/** After so many values left out a name gets another chance. */
const retryAfter = 64;
/** Positions of a block that are remembered. */
const rememberedFields = 32;
const longestText = 16 * 1024;

const staticRecords = buildStaticRecords();

/** The encoding side of HPACK (RFC 7541). What repeats goes into the dynamic table; names whose values do not repeat are found out and sent as
 *  literals. */
export class HpackEncoder {
	/** The octets of the block so far: `buffer[0, at)`. Replaced when it grows. */
	buffer: Buffer;
	at = 0;
	/** What was at each position of earlier blocks and went out as an index: the next block is likely to say the same. Serials are those of dynamic
	 *  entries; negative ones are indexes of static entries. */
	readonly #lastNames: string[] = [];
	readonly #lastValues: string[] = [];
	readonly #lastRecords: NameRecord[] = [];
	readonly #lastSerials: number[] = [];
	#position = 0;
	readonly #records = new Map<string, NameRecord>();
	readonly #entries: (Entry | undefined)[] = [];
	/** Serial number of the first live entry; `#entries[0]` has `#base`. */
	#oldest = 0;
	#base = 0;
	#next = 0;
	#tableBytes = 0;
	#maxBytes = 4096;
	readonly #capBytes: number;
	/** The smallest size since the last block, and whether the peer has to be told. */
	#smallestBytes = 4096;
	#mustResize = false;

	/** @param maxTableBytes the most that the table may take here, whatever the peer allows */
	constructor(maxTableBytes: number) {
		this.buffer = Buffer.allocUnsafeSlow(512);
		this.#capBytes = maxTableBytes;
		if (maxTableBytes < 4096) this.setPeerTableBytes(4096);
	}

	/** Bytes of the dynamic table. */
	get tableBytes(): number {
		return this.#tableBytes;
	}

	/** The peer's SETTINGS_HEADER_TABLE_SIZE. */
	setPeerTableBytes(bytes: number): void {
		const size = Math.min(bytes, this.#capBytes);
		if (size === this.#maxBytes) return;
		this.#smallestBytes = Math.min(size, this.#mustResize ? this.#smallestBytes : this.#maxBytes);
		this.#maxBytes = size;
		this.#mustResize = true;
		this.#evict(0);
	}

	/** Begins a block. */
	begin(): void {
		this.at = 0;
		this.#position = 0;
		if (!this.#mustResize) return;
		this.#mustResize = false;
		if (this.#smallestBytes < this.#maxBytes) this.#writeInteger(0x20, 0x1f, this.#smallestBytes);
		this.#writeInteger(0x20, 0x1f, this.#maxBytes);
		this.#smallestBytes = this.#maxBytes;
	}

	/** Adds every field of `headers` (latin1 texts, names in lower case). */
	addAll(headers: HeaderList): void {
		for (let index = 0; index < headers.length; index += 2) this.add(headers[index]!, headers[index + 1]!);
	}

	/** Adds a field. */
	add(name: string, value: string): void {
		const position = this.#position++;
		if (this.#lastNames[position] === name && this.#lastValues[position] === value) {
			const serial = this.#lastSerials[position]!;
			if (serial < 0) {
				this.#writeIndex(-serial);
				return;
			}
			if (serial >= this.#oldest) {
				this.#lastRecords[position]!.used++;
				this.#writeIndex(staticEntries + this.#next - serial);
				return;
			}
		}
		this.#find(name, value, position);
	}

	#find(name: string, value: string, position: number): void {
		const record = this.#records.get(name) ?? this.#createRecord(name);
		if (record.rule === "adaptive") {
			const fixed = record.staticValues?.get(value);
			if (fixed !== undefined) {
				this.#remember(position, record, value, -fixed);
				this.#writeIndex(fixed);
				return;
			}
			const serial = record.values.get(value);
			if (serial !== undefined) {
				record.used++;
				this.#remember(position, record, value, serial);
				this.#writeIndex(staticEntries + this.#next - serial);
				return;
			}
			const size = name.length + value.length + entryOverhead;
			if (this.#pays(record) && size <= this.#maxBytes >> 1) {
				this.#writeName(record, 0x40, 0x3f);
				this.#writeText(value, true);
				this.#insert({ record, value, size });
				return;
			}
		}
		if (record.rule === "plain" && record.staticIndex === 0 && record.newest === -1 && value.length < 128) {
			// Once, so that the name can be referred to.
			this.#writeName(record, 0x40, 0x3f);
			this.#writeText(value, true);
			this.#insert({ record, value, size: name.length + value.length + entryOverhead });
			return;
		}
		if (record.rule === "never-indexed") this.#writeName(record, 0x10, 0x0f);
		else this.#writeName(record, 0x00, 0x0f);
		this.#writeText(value, false);
	}

	#remember(position: number, record: NameRecord, value: string, serial: number): void {
		if (position >= rememberedFields) return;
		this.#lastNames[position] = record.name;
		this.#lastValues[position] = value;
		this.#lastRecords[position] = record;
		this.#lastSerials[position] = serial;
	}

	#writeIndex(index: number): void {
		if (index >= 0x7f || this.at === this.buffer.length) this.#writeInteger(0x80, 0x7f, index);
		else this.buffer[this.at++] = 0x80 | index;
	}

	/** Adds `:status` of a response. */
	addStatus(status: number): void {
		this.add(":status", statusTexts[status] ?? String(status));
	}

	#pays(record: NameRecord): boolean {
		if (record.inserted < freeInsertions || record.used >= record.inserted) return true;
		if (++record.skipped < retryAfter) return false;
		record.skipped = record.used = 0;
		record.inserted = freeInsertions - 1;
		return true;
	}

	#createRecord(name: string): NameRecord {
		if (this.#records.size >= maxNames) this.#forgetNames();
		const known = staticRecords.get(name);
		const record: NameRecord = {
			name,
			staticIndex: known?.index ?? 0,
			staticValues: known?.values,
			values: new Map(),
			newest: -1,
			rule: plainNames.has(name) ? "plain" : secretNames.has(name) ? "never-indexed" : "adaptive",
			inserted: 0,
			used: 0,
			skipped: 0,
		};
		this.#records.set(name, record);
		return record;
	}

	/** Drops the names without a table entry. */
	#forgetNames(): void {
		for (const [name, record] of this.#records) if (record.newest === -1) this.#records.delete(name);
	}

	#writeName(record: NameRecord, prefix: number, mask: number): void {
		if (record.staticIndex > 0) {
			this.#writeInteger(prefix, mask, record.staticIndex);
		} else if (record.newest >= 0) {
			this.#writeInteger(prefix, mask, staticEntries + this.#next - record.newest);
		} else {
			this.#reserve(1);
			this.buffer[this.at++] = prefix;
			this.#writeText(record.name, true);
		}
	}

	#writeInteger(prefix: number, mask: number, value: number): void {
		if (this.at + 6 > this.buffer.length) this.#reserve(6);
		const { buffer } = this;
		if (value < mask) {
			buffer[this.at++] = prefix | value;
			return;
		}
		buffer[this.at++] = prefix | mask;
		let rest = value - mask;
		while (rest >= 128) {
			buffer[this.at++] = (rest & 0x7f) | 0x80;
			rest >>>= 7;
		}
		buffer[this.at++] = rest;
	}

	/** @param compact whether to take the time for the Huffman code: it pays for what stays in the table */
	#writeText(text: string, compact: boolean): void {
		const { length } = text;
		if (compact && length < longestText) {
			const coded = huffmanBytes(text);
			if (coded < length) {
				this.#writeInteger(0x80, 0x7f, coded);
				this.#reserve(coded);
				this.at = encodeHuffman(text, this.buffer, this.at);
				return;
			}
		}
		this.#writeInteger(0, 0x7f, length);
		this.#reserve(length);
		if (length > 48) {
			this.at += this.buffer.latin1Write(text, this.at, length);
			return;
		}
		const { buffer } = this;
		let { at } = this;
		for (let index = 0; index < length; index++) buffer[at++] = text.charCodeAt(index);
		this.at = at;
	}

	#reserve(bytes: number): void {
		if (this.at + bytes <= this.buffer.length) return;
		const grown = Buffer.allocUnsafeSlow(Math.max(this.buffer.length * 2, this.at + bytes + 64));
		grown.set(this.buffer.subarray(0, this.at));
		this.buffer = grown;
	}

	#insert(entry: Entry): void {
		this.#evict(entry.size);
		if (entry.size > this.#maxBytes) return;
		const serial = this.#next++;
		this.#entries.push(entry);
		this.#tableBytes += entry.size;
		entry.record.values.set(entry.value, serial);
		entry.record.newest = serial;
		entry.record.inserted++;
	}

	#evict(bytes: number): void {
		while (this.#oldest < this.#next && this.#tableBytes + bytes > this.#maxBytes) {
			const slot = this.#oldest - this.#base;
			const { record, value, size } = this.#entries[slot]!;
			this.#entries[slot] = undefined;
			if (record.values.get(value) === this.#oldest) record.values.delete(value);
			if (record.newest === this.#oldest) record.newest = -1;
			this.#tableBytes -= size;
			this.#oldest++;
		}
		const gone = this.#oldest - this.#base;
		if (gone > 64 && gone * 2 > this.#entries.length) {
			this.#entries.splice(0, gone);
			this.#base = this.#oldest;
		}
	}
}

const statusTexts: readonly string[] = Array.from({ length: 600 }, (_, status) => String(status));

function buildStaticRecords(): ReadonlyMap<string, { readonly index: number; readonly values: Map<string, number> }> {
	const records = new Map<string, { readonly index: number; readonly values: Map<string, number> }>();
	for (let entry = 0; entry < staticTable.length / 2; entry++) {
		const name = staticTable[entry * 2]!;
		const value = staticTable[entry * 2 + 1]!;
		const record = records.get(name) ?? { index: entry + 1, values: new Map() };
		records.set(name, record);
		if (value !== "" || name === ":authority") record.values.set(value, entry + 1);
	}
	return records;
}
