import type { Counter, StatsScope } from "../../telemetry/index.ts";

/** Statistics of TLS handshakes of one listener or cluster. */
export interface TlsStats {
	readonly ssl: HandshakeStats;
	/** `ssl.ciphers.<name>`, `ssl.versions.<version>`, and curves and signature algorithms where they are known; made on first use. */
	recordHandshake(session: {
		readonly cipher: string;
		readonly version: string;
		readonly curve?: string;
		readonly signatureAlgorithm?: string;
	}): void;
	readonly socketFactory: SocketFactoryStats;
}

/** `scope` is that of the listener or cluster. */
export function createTlsStats(scope: StatsScope, side: "server" | "client"): TlsStats {
	const ssl = scope.scope("ssl");
	const counters = new Map<string, Counter>();
	const count = (group: string, name: string | undefined): void => {
		if (name === undefined || name === "") return;
		const key = `${group}.${name}`;
		let counter = counters.get(key);
		if (counter === undefined) {
			counter = ssl.counter(key);
			counters.set(key, counter);
		}
		counter.value++;
	};
	return {
		ssl: createHandshakeStats(ssl),
		recordHandshake(session) {
			count("ciphers", session.cipher);
			count("versions", session.version);
			count("curves", session.curve);
			count("sigalgs", session.signatureAlgorithm);
		},
		socketFactory: createSocketFactoryStats(scope.scope(`${side}_ssl_socket_factory`)),
	};
}

/** `<listener or cluster>.ssl.*`. */
export type HandshakeStats = ReturnType<typeof createHandshakeStats>;

export function createHandshakeStats(scope: StatsScope) {
	return {
		connection_error: scope.counter("connection_error"),
		fail_verify_cert_hash: scope.counter("fail_verify_cert_hash"),
		fail_verify_error: scope.counter("fail_verify_error"),
		fail_verify_no_cert: scope.counter("fail_verify_no_cert"),
		fail_verify_san: scope.counter("fail_verify_san"),
		handshake: scope.counter("handshake"),
		no_certificate: scope.counter("no_certificate"),
		ocsp_staple_failed: scope.counter("ocsp_staple_failed"),
		ocsp_staple_omitted: scope.counter("ocsp_staple_omitted"),
		ocsp_staple_requests: scope.counter("ocsp_staple_requests"),
		ocsp_staple_responses: scope.counter("ocsp_staple_responses"),
		session_reused: scope.counter("session_reused"),
	};
}

/** Secrets behind the sockets: `<listener>.server_ssl_socket_factory.*`, `<cluster>.client_ssl_socket_factory.*`. */
export type SocketFactoryStats = ReturnType<typeof createSocketFactoryStats>;

export function createSocketFactoryStats(scope: StatsScope) {
	return {
		downstream_context_secrets_not_ready: scope.counter("downstream_context_secrets_not_ready"),
		ssl_context_update_by_sds: scope.counter("ssl_context_update_by_sds"),
		upstream_context_secrets_not_ready: scope.counter("upstream_context_secrets_not_ready"),
	};
}
