import type { Clock } from "../../../core/index.ts";
import type { ListenerConfig } from "../../runtime-config/index.ts";
import type { ListenerFilter, PendingConnection } from "./listener-filter.ts";

/** How the filters of a connection ended. */
export type FilterOutcome = "done" | "refused" | "timed-out" | "closed";

/** Runs filters over a paused socket one after another and tells once how that ended; what they did not consume is put back. */
export function runListenerFilters(
	connection: PendingConnection,
	filters: readonly ListenerFilter[],
	config: Pick<ListenerConfig, "listenerFiltersTimeoutMs" | "continueOnListenerFiltersTimeout">,
	clock: Clock,
	done: (outcome: FilterOutcome) => void,
): void {
	let next = 0;
	/** Passes filters that need no byte, up to one that does. */
	const advance = (): "refused" | "done" | "reading" => {
		for (; next < filters.length; next++) {
			const filter = filters[next]!;
			if (filter.isSkipped?.(connection) === true) continue;
			if (filter.accept?.(connection) === false) return "refused";
			if (filter.inspect !== undefined) return "reading";
		}
		return "done";
	};
	const first = advance();
	if (first === "reading") read();
	else done(first);

	function read(): void {
		const { socket } = connection;
		let seen: Buffer = Buffer.alloc(0);
		const finish = (outcome: FilterOutcome): void => {
			timer?.cancel();
			socket.off("data", onData);
			socket.off("close", onClosed);
			socket.off("end", onEnd);
			socket.off("error", onError);
			if (outcome === "done" || (outcome === "timed-out" && config.continueOnListenerFiltersTimeout)) {
				socket.pause();
				if (seen.length > 0) socket.unshift(seen);
			} else if (seen.length > 0) {
				// Whoever sent bytes that nobody takes is told so, as the system does for bytes that were not read.
				socket.on("error", onError);
				socket.resetAndDestroy();
			}
			done(outcome);
		};
		const onData = (bytes: Buffer): void => {
			seen = seen.length === 0 ? bytes : Buffer.concat([seen, bytes]);
			for (;;) {
				const verdict = filters[next]!.inspect!(seen, connection);
				if (verdict === "more") return;
				if (verdict === "refuse") {
					finish("refused");
					return;
				}
				connection.consumedBytes += verdict;
				seen = seen.subarray(verdict);
				next++;
				const state = advance();
				if (state !== "reading") {
					finish(state);
					return;
				}
				if (seen.length === 0) return;
			}
		};
		const onEnd = (): void => finish("closed");
		const onClosed = (): void => finish("closed");
		const onError = (): void => undefined;
		const { listenerFiltersTimeoutMs: timeoutMs } = config;
		const timer = timeoutMs > 0 ? clock.setTimer(timeoutMs, () => finish("timed-out")) : undefined;
		socket.on("error", onError);
		socket.on("close", onClosed);
		socket.on("end", onEnd);
		socket.on("data", onData);
		socket.resume();
	}
}
