import type { IncomingMessage, ServerResponse } from "node:http";

/** An answer that no command gives. */
export interface Refusal {
	readonly status: number;
	/** Plain text; empty for none. */
	readonly body: string;
	/** Whether the connection ends with it. */
	readonly closes: boolean;
}

/** What is refused before any command is looked for, as Envoy's connection manager of the admin port does: HTTP/1.0, requests without
 *  a host or with a fragment, and absolute targets, for which it has no route. */
export function refuseRequest(message: IncomingMessage): Refusal | undefined {
	if (message.httpVersion === "1.0") return { status: 426, body: "Upgrade Required", closes: true };
	const target = message.url ?? "/";
	if (message.headers.host === undefined || target.includes("#")) return { status: 400, body: "", closes: true };
	if (/^https?:\/\//i.test(target)) return { status: 404, body: "", closes: false };
	return undefined;
}

/** Sends a refusal with the few headers that it has. */
export function sendRefusal(response: ServerResponse, { status, body, closes }: Refusal): void {
	response.removeHeader("connection");
	const headers = ["content-length", String(body.length)];
	if (body !== "") headers.push("content-type", "text/plain");
	headers.push("server", "envoy");
	if (closes) headers.push("connection", "close");
	response.writeHead(status, headers);
	response.end(body);
}
