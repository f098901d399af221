import {
	Http1RequestParser,
	type Http1RequestParserConfig,
	Http1ResponseParser,
	ParserState,
} from "../../src/wire/http1/index.ts";

/** What a parser told about one message. */
export interface ParsedMessage {
	/** `POST /a?b` or `200`. */
	readonly start: string;
	readonly authority?: string | undefined;
	readonly upgrade?: string | undefined;
	readonly headers: readonly string[];
	readonly endStream: boolean;
	body: string;
	complete: boolean;
	trailers?: readonly string[];
}

/** Everything a parser told about a stream of bytes. */
export interface ParseOutcome {
	readonly messages: ParsedMessage[];
	readonly fault: string | undefined;
	/** 1xx heads of responses. */
	readonly informational: number[];
}

export const requestParserConfig: Http1RequestParserConfig = {
	maxHeadBytes: 60 * 1024,
	maxHeaderCount: 100,
	keepTrailers: true,
	acceptHttp10: false,
	allowAbsoluteTarget: true,
	allowChunkedLength: false,
	underscores: "allow",
};

/** Parses requests from bytes that come in the given pieces. */
export function parseRequests(pieces: readonly Buffer[], config: Partial<Http1RequestParserConfig> = {}): ParseOutcome {
	const messages: ParsedMessage[] = [];
	const parser: Http1RequestParser = new Http1RequestParser(
		{ ...requestParserConfig, ...config },
		{
			onRequest(endStream) {
				messages.push({
					start: `${parser.method} ${parser.path}`,
					authority: parser.authority,
					upgrade: parser.upgrade,
					headers: [...parser.headers.list],
					endStream,
					body: "",
					complete: endStream,
				});
			},
			onUnderscoresDropped: () => undefined,
			...collectBody(messages),
		},
	);
	feed(parser, pieces);
	return { messages, fault: parser.fault, informational: [] };
}

/** Parses responses, each answering `GET` unless `methods` says otherwise; `closes` ends the bytes with the peer's end. */
export function parseResponses(pieces: readonly Buffer[], methods: readonly string[], closes: boolean): ParseOutcome {
	const messages: ParsedMessage[] = [];
	const informational: number[] = [];
	const parser: Http1ResponseParser = new Http1ResponseParser(
		{ maxHeadBytes: 60 * 1024, maxHeaderCount: 100, keepTrailers: true },
		{
			onInformational: () => void informational.push(parser.status),
			onResponse(endStream) {
				messages.push({
					start: String(parser.status),
					headers: [...parser.headers.list],
					endStream,
					body: "",
					complete: endStream,
				});
			},
			...collectBody(messages),
		},
	);
	parser.expect(methods[0] ?? "GET", undefined);
	feed(parser, pieces, () => parser.expect(methods[messages.length] ?? "GET", undefined));
	if (closes && parser.finish()) messages.at(-1)!.complete = true;
	return { messages, fault: parser.fault, informational };
}

function collectBody(messages: ParsedMessage[]) {
	return {
		onBody(data: Buffer, last: boolean): void {
			const message = messages.at(-1)!;
			message.body += data.toString("latin1");
			if (last) message.complete = true;
		},
		onTrailers(trailers: readonly string[]): void {
			const message = messages.at(-1)!;
			message.trailers = [...trailers];
			message.complete = true;
		},
	};
}

function feed(
	parser: Http1RequestParser | Http1ResponseParser,
	pieces: readonly Buffer[],
	next: () => void = () => parser.next(),
): void {
	for (const piece of pieces) {
		let at = 0;
		while (at < piece.length && parser.state !== ParserState.failed) {
			if (parser.state === ParserState.complete) next();
			at = parser.execute(piece, at, piece.length);
		}
		if (parser.state === ParserState.complete) next();
	}
}

/** One byte at a time. */
export function splitBytes(bytes: Buffer): Buffer[] {
	return Array.from(bytes, (_, index) => bytes.subarray(index, index + 1));
}
