import {
	getHeader,
	type HeaderList,
	isHeaderName,
	isHeaderValue,
	removeHeader,
	setHeader,
} from "../../../core/index.ts";
import type { RequestHead } from "../../../engine/format/index.ts";
import { formatFields, formatProperCaseFields, type HeaderBlock, isGrpcType } from "../../../wire/http1/index.ts";

/** The fields of a message on their way through: the text they came in, plus what was added. As long as nobody asks for the list
 *  of fields, the text passes as it is; once somebody did, the list is the truth. */
export class PassHead {
	#block: HeaderBlock | undefined;
	#list: HeaderList | undefined;
	#added: HeaderList | undefined;
	#hasExtensions: boolean | undefined;

	/** @param source the block of a parser, valid until its next message, or a list that becomes this head's own */
	constructor(source: HeaderBlock | HeaderList) {
		if (Array.isArray(source)) this.#list = source;
		else this.#block = source;
	}

	/** The block behind the head while nobody asked for its list; its `drop…` may be used then. */
	get source(): HeaderBlock | undefined {
		return this.#list === undefined ? this.#block : undefined;
	}

	/** The fields; changes to the list change the message. */
	get headers(): HeaderList {
		return this.#list ?? this.#split();
	}

	set headers(list: HeaderList) {
		this.#list = list;
	}

	/** Whether the peer can have sent `referer`, or a field whose name starts with `x-envoy-` or `x-forwarded-` or is `x-request-id`. */
	get mayHaveExtensions(): boolean {
		return this.#hasExtensions ?? (this.#list !== undefined || this.#block!.hasExtension);
	}

	/** Whether there can be a field whose name starts with `x-envoy-`, the proxy's own aside as long as nobody asked for the list. */
	get mayHaveEnvoyFields(): boolean {
		const list = this.#list;
		if (list === undefined) return this.#block!.hasExtension;
		for (let index = 0; index < list.length; index += 2) if (list[index]!.startsWith("x-envoy-")) return true;
		return false;
	}

	/** Who made the list knows. */
	set mayHaveExtensions(known: boolean) {
		this.#hasExtensions = known;
	}

	/** Whether there is a Content-Length. */
	get hasContentLength(): boolean {
		if (this.#list !== undefined) return getHeader(this.#list, "content-length") !== undefined;
		return this.#block!.contentLength !== undefined;
	}

	/** Appends a field of the proxy's own, whatever is there. */
	add(name: string, value: string): void {
		if (this.#list !== undefined) this.#list.push(name, value);
		else if (this.#added === undefined) this.#added = [name, value];
		else this.#added.push(name, value);
	}

	get(name: string): string | undefined {
		return getHeader(this.headers, name);
	}

	set(name: string, value: string): void {
		setHeader(this.headers, name, value);
	}

	remove(name: string): void {
		removeHeader(this.headers, name);
	}

	/** The fields as lines, without the empty one. */
	format(properCase: boolean): string {
		if (properCase) return formatProperCaseFields(this.headers, 0);
		if (this.#list !== undefined) return formatFields(this.#list, 0);
		return this.#added === undefined ? this.#block!.passText : this.#block!.passText + formatFields(this.#added, 0);
	}

	/** The list begins, with what the parser has judged and what the proxy added. */
	protected onSplit(_list: HeaderList): void {
		// Only requests are judged.
	}

	/** Makes the head independent of its parser. */
	detach(): void {
		if (this.#list === undefined) this.#split();
	}

	#split(): HeaderList {
		const list = this.#block!.list;
		if (this.#added !== undefined) list.push(...this.#added);
		this.onSplit(list);
		this.#list = list;
		return list;
	}
}

const continueExpectation = /^100-continue$/i;

/** A request's head on its way through. */
export class PassRequestHead extends PassHead implements RequestHead {
	method: string;
	path: string;
	authority: string;
	scheme: string;
	upgrade: string | undefined;
	/** A filter took the host away: upstreams get none, not an empty one. */
	isHostRemoved = false;
	/** What came of the client, which its parser has judged, and what the proxy added; undefined while nobody asked for the list. */
	#judged: string[] | undefined;
	readonly #judgedMethod: string;
	readonly #judgedPath: string;
	readonly #judgedAuthority: string;

	constructor(
		source: HeaderBlock | HeaderList,
		method: string,
		path: string,
		authority: string,
		scheme: string,
		upgrade: string | undefined,
	) {
		super(source);
		this.method = method;
		this.path = path;
		this.authority = authority;
		this.scheme = scheme;
		this.upgrade = upgrade;
		this.#judgedMethod = method;
		this.#judgedPath = path;
		this.#judgedAuthority = authority;
		if (Array.isArray(source)) this.#judged = source.slice();
	}

	protected override onSplit(list: HeaderList): void {
		this.#judged = list.slice();
	}

	override add(name: string, value: string): void {
		this.#judged?.push(name, value);
		super.add(name, value);
	}

	/** The first field that somebody has given a name or value that no message may carry. What came of the client is not judged again, and
	 *  neither is what was added: only the proxy itself does so. */
	findMalformed(): { readonly name: string; readonly part: "name" | "value" } | undefined {
		const { authority, path, method } = this;
		if (authority !== this.#judgedAuthority && !isHeaderValue(authority)) return { name: ":authority", part: "value" };
		if (path !== this.#judgedPath && !isHeaderValue(path)) return { name: ":path", part: "value" };
		if (method !== this.#judgedMethod && !isHeaderValue(method)) return { name: ":method", part: "value" };
		const judged = this.#judged;
		return judged === undefined ? undefined : findMalformedField(this.headers, judged);
	}

	/** Whether it is a request of gRPC. */
	get isGrpc(): boolean {
		const { source } = this;
		if (source !== undefined) return source.hasGrpcType;
		const type = this.get("content-type");
		return type !== undefined && isGrpcType(type);
	}

	/** Takes `expect: 100-continue` out.
	 *  @returns whether it was there */
	takeContinueExpectation(): boolean {
		const { source } = this;
		const value = source === undefined ? this.get("expect") : source.expect;
		if (value === undefined || !continueExpectation.test(value)) return false;
		if (source === undefined) this.remove("expect");
		else source.drop(["expect"]);
		return true;
	}
}

/** @param judged fields that are in order; most of `headers`, in the same order */
function findMalformedField(headers: HeaderList, judged: readonly string[]) {
	let at = 0;
	for (let index = 0; index < headers.length; index += 2) {
		const name = headers[index]!;
		const value = headers[index + 1]!;
		let same = at;
		while (same < judged.length && (judged[same] !== name || judged[same + 1] !== value)) same += 2;
		if (same < judged.length) {
			at = same + 2;
			continue;
		}
		if (name !== "" && !isHeaderName(name)) return { name, part: "name" } as const;
		if (!isHeaderValue(value)) return { name, part: "value" } as const;
	}
	return undefined;
}

/** A response's head on its way through. */
export class PassResponseHead extends PassHead {
	status: number;
	/** Bytes of the body when known, -1 otherwise. */
	contentLength: number;
	/** What the connection was changed to; undefined for ordinary responses. */
	upgrade: string | undefined = undefined;

	constructor(source: HeaderBlock | HeaderList, status: number, contentLength: number) {
		super(source);
		this.status = status;
		this.contentLength = contentLength;
	}
}
