import type { Socket } from "node:net";
import type { Clock } from "../../core/index.ts";
import type { DownstreamHttpStats, ListenerConnectionStats, ListenerWorkerStats } from "../stats/index.ts";

/** What is counted of the admin port's connections: `http.admin`, `listener.admin` and its `main_thread`. */
export interface AdminConnectionStats {
	readonly http: DownstreamHttpStats;
	readonly listener: ListenerConnectionStats;
	readonly thread: ListenerWorkerStats;
}

/** Counts a connection until it is closed. */
export function countConnection(socket: Socket, { http, listener, thread }: AdminConnectionStats, clock: Clock): void {
	const openedAt = clock.now();
	http.downstream_cx_total.value++;
	http.downstream_cx_http1_total.value++;
	http.downstream_cx_active.value++;
	http.downstream_cx_http1_active.value++;
	for (const stats of [listener, thread]) {
		stats.downstream_cx_total.value++;
		stats.downstream_cx_active.value++;
	}
	socket.once("close", () => {
		http.downstream_cx_destroy.value++;
		http.downstream_cx_active.value--;
		http.downstream_cx_http1_active.value--;
		listener.downstream_cx_destroy.value++;
		listener.downstream_cx_active.value--;
		thread.downstream_cx_active.value--;
		const openMs = clock.now() - openedAt;
		listener.downstream_cx_length_ms.record(openMs);
		http.downstream_cx_length_ms.record(openMs);
	});
}

/** What is no HTTP is answered as Envoy does it. */
export function describeBadRequest(date: Date): string {
	const body = "Bad Request";
	const head = [
		"HTTP/1.1 400 Bad Request",
		`content-length: ${body.length}`,
		"content-type: text/plain",
		`date: ${date.toUTCString()}`,
		"server: envoy",
		"connection: close",
	];
	return `${head.join("\r\n")}\r\n\r\n${body}`;
}
