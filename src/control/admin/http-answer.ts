import type { IncomingMessage, ServerResponse } from "node:http";
import { describeError, type Log, MeshError } from "../../core/index.ts";
import { AdminError, type AdminResponse } from "./router.ts";

/** The body of a request as text.
 *  @throws AdminError 413 */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<string> {
	const chunks: Buffer[] = [];
	let size = 0;
	for await (const chunk of request as AsyncIterable<Buffer>) {
		size += chunk.length;
		if (size > maxBytes)
			throw maxBytes === 0
				? new AdminError(413, "BODY_UNEXPECTED", "this request takes no body")
				: new AdminError(413, "BODY_TOO_LARGE", `the body is larger than ${maxBytes} bytes`);
		chunks.push(chunk);
	}
	return Buffer.concat(chunks).toString("utf8");
}

/** An expected error says what it is; anything else is ours, and told only to the log. */
export function toRefusal(error: unknown, log: Log): AdminResponse {
	if (error instanceof AdminError) {
		const { status, code, message, details } = error;
		return { status, body: { error: { code, message }, ...details } };
	}
	if (error instanceof MeshError) {
		const message = describeError(error);
		return { status: isAway(error) ? 503 : 400, body: { error: { code: error.code, message } } };
	}
	log.error("admin request failed", { problem: describeError(error), stack: (error as Error).stack });
	return { status: 500, body: { error: { code: "INTERNAL", message: "internal error, see the log" } } };
}

const awayCodes: ReadonlySet<string> = new Set([
	"STORE_UNAVAILABLE",
	"STORE_BUSY",
	"STORE_CLOSED",
	"STORE_FULL",
	"STORE_FORBIDDEN",
	"KEY_PLUGIN_UNAVAILABLE",
	"SIGNING_BUSY",
]);

/** Whether the same request may do better later. */
function isAway({ code }: MeshError): boolean {
	return awayCodes.has(code);
}

/** Writes an answer, whole. */
export function send(response: ServerResponse, result: AdminResponse): void {
	const isText = typeof result.body === "string";
	const payload =
		result.body === undefined ? "" : isText ? (result.body as string) : `${JSON.stringify(result.body)}\n`;
	const status = result.status ?? 200;
	response.writeHead(status, {
		"content-type": result.contentType ?? (isText ? "text/plain; charset=utf-8" : "application/json"),
		"content-length": Buffer.byteLength(payload),
		"cache-control": "no-store",
		"x-content-type-options": "nosniff",
		"content-security-policy": result.contentSecurityPolicy ?? "default-src 'none'; frame-ancestors 'none'",
		...(status === 401 && { "www-authenticate": "Bearer" }),
		// What is left of a refused body must not be taken for the next request.
		...(status === 413 && { connection: "close" }),
	});
	response.end(payload);
}
