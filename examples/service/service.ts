/** The one program behind the small examples; it knows nothing about the mesh. It answers who it is and what it was asked, and with
 *  `/call?to=URL` calls another service as an application would: by its plain name; every second answer of `/flaky` is 503. With TLS_CERT and TLS_KEY, two files, it speaks TLS. */
import { readFileSync } from "node:fs";
import {
	createServer,
	type IncomingHttpHeaders,
	type IncomingMessage,
	type RequestListener,
	type ServerResponse,
} from "node:http";
import { createServer as createTlsServer } from "node:https";

const service = process.env["SERVICE"] ?? "service";
const version = process.env["VERSION"] ?? "v1";
const extraMs = Number(process.env["DELAY_MS"] ?? 0);
let seen = 0;
let flaky = 0;

const answer: RequestListener = (request, response) => {
	const url = new URL(request.url ?? "/", "http://localhost");
	if (url.pathname === "/healthz") return reply(response, 200, "ready\n");
	if (url.pathname === "/seen") return reply(response, 200, `${seen}\n`);
	if (url.pathname === "/call") return void callOther(url, request, response);
	if (url.pathname === "/flaky")
		return ++flaky % 2 === 1 ? reply(response, 503, "not yet\n") : reply(response, 200, "here at last\n");
	if (url.pathname.startsWith("/status/")) return reply(response, Number(url.pathname.slice(8)), "as asked\n");
	seen++;
	const delayMs = Number(url.searchParams.get("ms") ?? extraMs);
	setTimeout(() => reply(response, 200, `${describe(request)}\n`), delayMs);
};

const { TLS_CERT: cert, TLS_KEY: key } = process.env;
const server =
	cert === undefined || key === undefined
		? createServer(answer)
		: createTlsServer({ cert: readFileSync(cert), key: readFileSync(key) }, answer);
server.listen(Number(process.env["PORT"]), "127.0.0.1");

function describe({ method, url, headers }: IncomingMessage): string {
	const own = Object.entries(headers).filter(([name]) => name.startsWith("x-shop-") || name === "host");
	return JSON.stringify({ service, version, asked: `${method} ${url}`, ...Object.fromEntries(own) });
}

/** Sends a request on, with the headers that an application would pass along; the sidecar is the proxy of the environment. */
async function callOther(
	url: URL,
	{ method = "GET", headers }: IncomingMessage,
	response: ServerResponse,
): Promise<void> {
	const to = url.searchParams.get("to") ?? "";
	try {
		const answer = await fetch(to, { method, headers: passOn(headers), redirect: "manual" });
		const location = answer.headers.get("location");
		const mark = answer.headers.get("x-shop-answer");
		const notes = [location && `location: ${location}`, mark && `x-shop-answer: ${mark}`].filter(Boolean);
		const text = `${[String(answer.status), ...notes].join("\n")}\n${await answer.text()}`;
		reply(response, 200, text.endsWith("\n") ? text : `${text}\n`);
	} catch (error) {
		reply(response, 502, `${String(error instanceof Error ? (error.cause ?? error) : error)}\n`);
	}
}

function passOn(headers: IncomingHttpHeaders): Record<string, string> {
	const kept = Object.entries(headers).filter(([name]) => name.startsWith("x-") || name === "authorization");
	return Object.fromEntries(kept.map(([name, value]) => [name, String(value)]));
}

function reply(response: ServerResponse, status: number, body: string): void {
	response.writeHead(status, { "content-type": "text/plain" }).end(body);
}
