import type { Socket } from "node:net";
import type { Clock } from "../../core/index.ts";
import { maxClientHelloBytes, parseFirstBytes } from "../../wire/tls-hello/index.ts";
import type { ListenerConfig, ListenerFilterConfig } from "../runtime-config/index.ts";
import type { TlsInspectorStats } from "../stats/index.ts";

/** What listener filters found out before a filter chain is chosen. */
export interface Inspection {
	readonly serverName: string;
	/** `tls`, `raw_buffer`, or empty when no filter looked. */
	readonly transportProtocol: string;
	readonly applicationProtocols: readonly string[];
}

/** How an inspection ended. */
export type InspectionOutcome =
	| { readonly kind: "done"; readonly inspection: Inspection }
	| { readonly kind: "refused" }
	| { readonly kind: "timed-out" }
	| { readonly kind: "closed" };

const nothing: Inspection = { serverName: "", transportProtocol: "", applicationProtocols: [] };
const plainText: Inspection = { ...nothing, transportProtocol: "raw_buffer" };

/** Whether a listener's filters look at first bytes. */
export function needsInspection(filters: readonly ListenerFilterConfig[]): boolean {
	return filters.some(({ kind }) => kind === "tls-inspector" || kind === "http-inspector");
}

/** Reads as many first bytes as the listener filters need, puts them back, and tells once what they say. The socket is left paused. */
export function inspectFirstBytes(
	socket: Socket,
	config: Pick<ListenerConfig, "listenerFilters" | "listenerFiltersTimeoutMs" | "continueOnListenerFiltersTimeout">,
	clock: Clock,
	stats: TlsInspectorStats,
	done: (outcome: InspectionOutcome) => void,
): void {
	const looksForTls = config.listenerFilters.some(({ kind }) => kind === "tls-inspector");
	const looksForHttp = config.listenerFilters.some(({ kind }) => kind === "http-inspector");
	let seen: Buffer = Buffer.alloc(0);
	const finish = (outcome: InspectionOutcome): void => {
		timer?.cancel();
		socket.off("data", onData);
		socket.off("close", onClose);
		socket.off("end", onClose);
		socket.off("error", onError);
		if (looksForTls) count(stats, outcome, seen.length);
		if (outcome.kind === "done") {
			socket.pause();
			if (seen.length > 0) socket.unshift(seen);
		}
		done(outcome);
	};
	const onData = (bytes: Buffer): void => {
		seen = seen.length === 0 ? bytes : Buffer.concat([seen, bytes]);
		const outcome = judge(seen, looksForTls, looksForHttp);
		if (outcome !== undefined) finish(outcome);
	};
	const onClose = (): void => finish({ kind: "closed" });
	const onError = (): void => undefined;
	const timer =
		config.listenerFiltersTimeoutMs > 0
			? clock.setTimer(config.listenerFiltersTimeoutMs, () =>
					finish(
						config.continueOnListenerFiltersTimeout ? { kind: "done", inspection: plainText } : { kind: "timed-out" },
					),
				)
			: undefined;
	socket.on("error", onError);
	socket.on("close", onClose);
	socket.on("end", onClose);
	socket.on("data", onData);
	socket.resume();
}

function count(stats: TlsInspectorStats, outcome: InspectionOutcome, seenBytes: number): void {
	if (seenBytes >= maxClientHelloBytes && outcome.kind === "refused") stats.client_hello_too_large.value++;
	if (outcome.kind !== "done") return;
	stats.bytes_processed.record(seenBytes);
	const { transportProtocol, serverName, applicationProtocols } = outcome.inspection;
	if (transportProtocol !== "tls") {
		stats.tls_not_found.value++;
		return;
	}
	stats.tls_found.value++;
	(serverName === "" ? stats.sni_not_found : stats.sni_found).value++;
	(applicationProtocols.length === 0 ? stats.alpn_not_found : stats.alpn_found).value++;
}

function judge(seen: Buffer, looksForTls: boolean, looksForHttp: boolean): InspectionOutcome | undefined {
	if (looksForTls) {
		const first = parseFirstBytes(seen);
		if (first.kind === "incomplete") return undefined;
		if (first.kind === "malformed") return { kind: "refused" };
		if (first.kind === "client-hello") {
			const { serverName, applicationProtocols } = first;
			return { kind: "done", inspection: { serverName, applicationProtocols, transportProtocol: "tls" } };
		}
	}
	const inspection = looksForTls ? plainText : nothing;
	if (!looksForHttp) return { kind: "done", inspection };
	const protocol = detectHttp(seen);
	if (protocol === undefined) return undefined;
	return { kind: "done", inspection: { ...inspection, applicationProtocols: protocol === "" ? [] : [protocol] } };
}

const http2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/** `h2c`, `http/1.1`, `http/1.0`, empty for no HTTP, undefined when more bytes are needed. */
function detectHttp(seen: Buffer): string | undefined {
	const text = seen.subarray(0, maxClientHelloBytes).toString("latin1");
	if (text.startsWith(http2Preface)) return "h2c";
	if (http2Preface.startsWith(text)) return undefined;
	const end = text.indexOf("\r\n");
	if (end === -1) {
		const canBecomeHttp = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+( [^\s]*( [HTP/0-9.]*)?)?\r?$/.test(text);
		return canBecomeHttp && seen.length < maxClientHelloBytes ? undefined : "";
	}
	const version = /^\S+ \S+ HTTP\/1\.([01])$/.exec(text.slice(0, end))?.[1];
	return version === undefined ? "" : `http/1.${version}`;
}
