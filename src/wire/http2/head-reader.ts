import type { HeaderList } from "../../core/index.ts";
import type { HpackField } from "../hpack/index.ts";
import type { Http2Config } from "./config.ts";
import type { Http2Fault } from "./error-codes.ts";
import {
	badFieldBit,
	FieldKind,
	joinedInRequestsBit,
	joinedInResponsesBit,
	kindMask,
	lastPseudoKind,
	underscoreBit,
} from "./field-tags.ts";
import type { Http2Head } from "./head.ts";

/** Which message a block belongs to. */
export type BlockKind = "request" | "response" | "trailers";

/** Splits decoded fields into a head, and judges them (RFC 9113 section 8). */
export class HeadReader {
	/** The result of the last {@link read} without fault; of trailers only the fields count. */
	head: Http2Head | undefined;
	readonly #config: Http2Config;

	constructor(config: Http2Config) {
		this.#config = config;
	}

	/** @param bytes names and values of the block together */
	read(fields: readonly HpackField[], kind: BlockKind, bytes: number): Http2Fault | undefined {
		const { underscores, maxHeaderCount } = this.#config;
		const list: HeaderList = [];
		const joinedBit = kind === "request" ? joinedInRequestsBit : kind === "response" ? joinedInResponsesBit : 0;
		let method: string | undefined;
		let scheme: string | undefined;
		let authority: string | undefined;
		let path: string | undefined;
		let protocol: string | undefined;
		let status: string | undefined;
		let host: string | undefined;
		let length: string | undefined;
		let cookie: string | undefined;
		let seen = 0;
		let count = 0;
		let droppedUnderscores = 0;
		let isPastPseudo = false;
		for (let index = 0; index < fields.length; index++) {
			const field = fields[index]!;
			const { tag } = field;
			const fieldKind = tag & kindMask;
			if ((tag & badFieldBit) !== 0) return "invalid-header-field";
			if (fieldKind !== FieldKind.cookie && ++count > maxHeaderCount) return "too-many-headers";
			if (fieldKind === FieldKind.plain || fieldKind > lastPseudoKind) {
				isPastPseudo = true;
				if ((tag & underscoreBit) !== 0 && underscores !== "allow") {
					if (underscores === "reject") return "underscore";
					droppedUnderscores++;
					continue;
				}
			} else {
				const isFitting = kind === "request" ? fieldKind !== FieldKind.status : fieldKind === FieldKind.status;
				if (isPastPseudo || kind === "trailers" || !isFitting || (seen & (1 << fieldKind)) !== 0) {
					return "invalid-header-field";
				}
			}
			seen |= 1 << fieldKind;
			const { value } = field;
			switch (fieldKind) {
				case FieldKind.method:
					method = value;
					break;
				case FieldKind.scheme:
					scheme = value;
					break;
				case FieldKind.authority:
					authority = value;
					break;
				case FieldKind.path:
					path = value;
					break;
				case FieldKind.protocol:
					protocol = value;
					break;
				case FieldKind.status:
					status = value;
					break;
				case FieldKind.host:
					if (kind !== "request") list.push(field.name, value);
					else if (host !== undefined) return "invalid-header-field";
					host = value;
					break;
				case FieldKind.cookie:
					cookie = cookie === undefined ? value : `${cookie}; ${value}`;
					break;
				case FieldKind.contentLength:
					if (length !== undefined && kind !== "trailers") return "invalid-header-field";
					length = value;
					list.push(field.name, value);
					break;
				default:
					if ((tag & joinedBit) === 0 || !joinInto(list, field.name, value)) list.push(field.name, value);
			}
		}
		if (cookie !== undefined) {
			if (++count > maxHeaderCount) return "too-many-headers";
			list.push("cookie", cookie);
		}
		if (kind === "request") {
			const fault = this.#judgeRequest(method, scheme, authority ?? host, path, protocol);
			if (fault !== undefined) return fault;
		} else if (kind === "response" && (status === undefined || status.length !== 3 || status < "100")) {
			return status === undefined ? "messaging" : "invalid-header-field";
		}
		let contentLength = -1;
		if (length !== undefined && kind !== "trailers") {
			if (length.length > 15) return "invalid-header-field";
			contentLength = Number(length);
		}
		this.head = {
			method: method ?? "",
			scheme: scheme ?? "",
			authority: authority === undefined || authority === "" ? (host ?? authority) : authority,
			path: path ?? "",
			protocol,
			status: status === undefined ? 0 : Number(status),
			contentLength,
			hasExtension: (seen & (1 << FieldKind.extension)) !== 0,
			hasServer: (seen & (1 << FieldKind.server)) !== 0,
			hasDate: (seen & (1 << FieldKind.date)) !== 0,
			hasExpect: (seen & (1 << FieldKind.expect)) !== 0,
			hasTe: (seen & (1 << FieldKind.te)) !== 0,
			hasTraceParent: (seen & (1 << FieldKind.traceParent)) !== 0,
			bytes,
			droppedUnderscores,
			fields: list,
		};
		return undefined;
	}

	/** RFC 9113 sections 8.3.1 and 8.5, RFC 8441 section 4. */
	#judgeRequest(
		method: string | undefined,
		scheme: string | undefined,
		authority: string | undefined,
		path: string | undefined,
		protocol: string | undefined,
	): Http2Fault | undefined {
		if (method === undefined) return "messaging";
		if (protocol !== undefined && !this.#config.allowExtendedConnect) return "invalid-header-field";
		if (method === "CONNECT" && protocol === undefined) {
			return scheme !== undefined || path !== undefined || authority === undefined ? "messaging" : undefined;
		}
		if (scheme === undefined || path === undefined || authority === undefined) return "messaging";
		if (protocol !== undefined && method !== "CONNECT") return "messaging";
		const lower = scheme.toLowerCase();
		if (lower !== "http" && lower !== "https") return undefined;
		if (path.charCodeAt(0) === 47 || (path === "*" && method === "OPTIONS")) return undefined;
		return "messaging";
	}
}

/** Adds `value` to the field `name` when there is one. */
function joinInto(list: HeaderList, name: string, value: string): boolean {
	for (let index = 0; index < list.length; index += 2) {
		if (list[index] !== name) continue;
		list[index + 1] = `${list[index + 1]},${value}`;
		return true;
	}
	return false;
}
