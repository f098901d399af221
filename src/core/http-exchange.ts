import type { ClientRequest } from "node:http";

/** A whole answer. */
export interface HttpExchange {
	readonly status: number;
	readonly text: string;
}

/** Options of {@link exchangeHttp}. */
export interface HttpExchangeOptions {
	readonly body?: string | undefined;
	/** A longer answer is an error. */
	readonly maxAnswerBytes: number;
}

/** The answer is longer than asked for. */
export class AnswerTooLong extends Error {
	constructor(maxAnswerBytes: number) {
		super(`an answer of more than ${maxAnswerBytes} bytes`);
	}
}

/** Sends a request that was just made, with its `body`, and reads the answer whole. Its timeout, if it has one, ends it.
 *  @throws the error of the socket, of the timeout or of an answer that is too long */
export function exchangeHttp(
	call: ClientRequest,
	{ body, maxAnswerBytes }: HttpExchangeOptions,
): Promise<HttpExchange> {
	const { promise, resolve, reject } = Promise.withResolvers<HttpExchange>();
	call.on("timeout", () => call.destroy(new Error("no answer in time")));
	call.on("error", reject);
	call.on("response", (response) => {
		const chunks: Buffer[] = [];
		let size = 0;
		response.on("data", (chunk: Buffer) => {
			size += chunk.length;
			if (size > maxAnswerBytes) response.destroy(new AnswerTooLong(maxAnswerBytes));
			else chunks.push(chunk);
		});
		response.on("error", reject);
		response.on("end", () =>
			resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString("utf8") }),
		);
	});
	call.end(body);
	return promise;
}
