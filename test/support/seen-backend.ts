import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";

/** What changes from run to run. */
const volatile: ReadonlySet<string> = new Set([
	"host",
	"x-request-id",
	"x-envoy-expected-rq-timeout-ms",
	"x-forwarded-for",
	"connection",
	"x-forwarded-proto",
]);

/** Starts a backend that answers with what it got, as JSON: method, path, headers without those that differ from run to run, body.
 *  `x-answer: NAME=VALUE` adds a field to the answer, `x-answer-body` takes the place of the JSON. */
export async function startSeenBackend(t: Pick<TestContext, "after">): Promise<number> {
	const server = createServer((request, response) => {
		let body = "";
		request.setEncoding("latin1").on("data", (chunk: string) => (body += chunk));
		request.on("end", () => {
			const headers = Object.fromEntries(
				Object.entries(request.headers)
					.filter(([name]) => !volatile.has(name))
					.sort(([left], [right]) => (left < right ? -1 : 1)),
			);
			const [name, value] = String(request.headers["x-answer"] ?? "x-none=1").split("=");
			const trailers = Object.keys(request.trailers).length === 0 ? {} : { trailers: request.trailers };
			const seen = JSON.stringify({ method: request.method, path: request.url, headers, body, ...trailers });
			const text = String(request.headers["x-answer-body"] ?? seen);
			const length = Buffer.byteLength(text);
			response.writeHead(200, {
				"content-type": "application/json",
				"content-length": length,
				[name!]: value!,
				"x-backend": "1",
			});
			response.end(text);
		});
	});
	t.after(() => {
		server.closeAllConnections();
		server.close();
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	return (server.address() as AddressInfo).port;
}
