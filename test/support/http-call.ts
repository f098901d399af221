import { type Agent, request } from "node:http";

/** One HTTP/1.1 request to a loopback port. */
export interface HttpCall {
	readonly port: number;
	readonly method?: string;
	/** Request target as it is sent: a path, or a whole URL for a forward proxy. */
	readonly path: string;
	readonly headers?: Readonly<Record<string, string>>;
	readonly body?: string;
	/** Behind a chunked body. */
	readonly trailers?: Readonly<Record<string, string>>;
	readonly agent?: Agent;
	/** 10 s by default. */
	readonly timeoutMs?: number;
}

export interface HttpAnswer {
	readonly status: number;
	readonly headers: Readonly<Record<string, string | string[] | undefined>>;
	readonly body: string;
}

/** Sends a request and reads the whole answer; without `agent` on a connection of its own.
 *  @throws the socket's error */
export function sendRequest(call: HttpCall): Promise<HttpAnswer> {
	return new Promise((resolve, reject) => {
		const outgoing = request({
			host: "127.0.0.1",
			port: call.port,
			method: call.method ?? "GET",
			path: call.path,
			headers: { ...call.headers },
			agent: call.agent ?? false,
			timeout: call.timeoutMs ?? 10_000,
		});
		outgoing.on("response", (response) => {
			let body = "";
			response.setEncoding("latin1");
			response.on("data", (chunk: string) => (body += chunk));
			response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
			response.on("error", reject);
		});
		outgoing.on("timeout", () =>
			outgoing.destroy(new Error(`${call.method ?? "GET"} ${call.path}: no answer in time`)),
		);
		outgoing.on("error", reject);
		if (call.trailers === undefined) {
			outgoing.end(call.body);
		} else {
			outgoing.write(call.body ?? "");
			outgoing.addTrailers(call.trailers);
			outgoing.end();
		}
	});
}
