import { parseFirstBytes } from "../../../wire/tls-hello/index.ts";
import type { TlsInspectorStats } from "../../stats/index.ts";
import type { ListenerFilter } from "./listener-filter.ts";

/** Options of {@link createTlsInspector}. */
export interface TlsInspectorOptions {
	readonly maxClientHelloBytes: number;
	/** A handshake that cannot be parsed ends the connection; otherwise it counts as plain text, as in Envoy. */
	readonly closeOnParsingErrors: boolean;
}

/** A TLS record's head: less tells nothing. */
const recordHeaderBytes = 5;

/** Looks whether a connection begins with a ClientHello, for its server name and protocols. */
export function createTlsInspector(options: TlsInspectorOptions, stats: TlsInspectorStats): ListenerFilter {
	return {
		inspect(bytes, connection) {
			if (bytes.length < recordHeaderBytes) return "more";
			const { maxClientHelloBytes } = options;
			const first = parseFirstBytes(
				bytes.length > maxClientHelloBytes ? bytes.subarray(0, maxClientHelloBytes) : bytes,
			);
			if (first.kind === "incomplete") {
				if (bytes.length < maxClientHelloBytes) return "more";
				stats.client_hello_too_large.value++;
				return "refuse";
			}
			stats.bytes_processed.record(bytes.length);
			if (first.kind !== "client-hello") {
				if (first.kind === "malformed" && options.closeOnParsingErrors) return "refuse";
				connection.transportProtocol = "raw_buffer";
				stats.tls_not_found.value++;
				return 0;
			}
			connection.transportProtocol = "tls";
			connection.serverName = first.serverName;
			stats.tls_found.value++;
			(first.serverName === "" ? stats.sni_not_found : stats.sni_found).value++;
			if (first.applicationProtocols.length > 0) connection.applicationProtocols = first.applicationProtocols;
			(first.applicationProtocols.length === 0 ? stats.alpn_not_found : stats.alpn_found).value++;
			return 0;
		},
	};
}
