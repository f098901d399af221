import type { AdminExchange, AdminMessage } from "./admin-exchange.ts";

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
export function refuseRequest({ target, versionMinor, authority }: AdminMessage): Refusal | undefined {
	if (versionMinor === 0) return { status: 426, body: "Upgrade Required", closes: true };
	if (authority === undefined || target.includes("#")) return { status: 400, body: "", closes: true };
	if (/^https?:\/\//i.test(target)) return { status: 404, body: "", closes: false };
	return undefined;
}

/** Sends a refusal with the few headers that it has. */
export function sendRefusal(exchange: AdminExchange, { status, body, closes }: Refusal, date: Date): void {
	const headers = body === "" ? [] : ["content-type", "text/plain"];
	exchange.answer(status, [...headers, "date", date.toUTCString(), "server", "envoy"], body, closes);
}
