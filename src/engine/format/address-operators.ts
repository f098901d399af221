import type { SocketAddress, StreamInfo, TlsCertificate, TlsSession } from "./stream-info.ts";

type Read = (stream: StreamInfo) => string | undefined;

const known = (value: string | undefined): string | undefined => (value === "" ? undefined : value);
const port = (address: SocketAddress | undefined): string | undefined =>
	address === undefined ? undefined : String(address.port);
const time = (ms: number | undefined): string | undefined =>
	ms === undefined ? undefined : new Date(ms).toISOString();
const join = (names: readonly string[] | undefined): string | undefined => known(names?.join(","));

/** Operators about the ends of connections and their certificates, by name. */
export const addressOperators: Readonly<Record<string, Read>> = {
	UPSTREAM_HOST: (stream) => known(stream.upstreamHost?.address),
	UPSTREAM_HOST_NAME: (stream) => known(stream.upstreamHost?.hostname) ?? known(stream.upstreamHost?.address),
	UPSTREAM_LOCAL_ADDRESS: (stream) => stream.upstreamLocal?.text,
	UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT: (stream) => stream.upstreamLocal?.ip,
	UPSTREAM_LOCAL_PORT: (stream) => port(stream.upstreamLocal),
	UPSTREAM_REMOTE_ADDRESS: (stream) => stream.upstreamRemote?.text,
	UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT: (stream) => stream.upstreamRemote?.ip,
	UPSTREAM_REMOTE_PORT: (stream) => port(stream.upstreamRemote),
	DOWNSTREAM_REMOTE_ADDRESS: (stream) => stream.remote.text,
	DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT: (stream) => stream.remote.ip,
	DOWNSTREAM_REMOTE_PORT: (stream) => port(stream.remote),
	DOWNSTREAM_DIRECT_REMOTE_ADDRESS: (stream) => stream.connection.directRemote.text,
	DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT: (stream) => stream.connection.directRemote.ip,
	DOWNSTREAM_DIRECT_REMOTE_PORT: (stream) => port(stream.connection.directRemote),
	DOWNSTREAM_LOCAL_ADDRESS: (stream) => stream.connection.local.text,
	DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT: (stream) => stream.connection.local.ip,
	DOWNSTREAM_LOCAL_PORT: (stream) => port(stream.connection.local),
	DOWNSTREAM_DIRECT_LOCAL_ADDRESS: (stream) => stream.connection.directLocal.text,
	DOWNSTREAM_DIRECT_LOCAL_ADDRESS_WITHOUT_PORT: (stream) => stream.connection.directLocal.ip,
	DOWNSTREAM_DIRECT_LOCAL_PORT: (stream) => port(stream.connection.directLocal),
	...tlsOperators("DOWNSTREAM", (stream) => stream.connection.tls),
	...tlsOperators("UPSTREAM", (stream) => stream.upstreamTls),
};

function tlsOperators(side: string, session: (stream: StreamInfo) => TlsSession | undefined): Record<string, Read> {
	const operators: Record<string, Read> = {
		[`${side}_TLS_VERSION`]: (stream) => known(session(stream)?.version),
		[`${side}_TLS_CIPHER`]: (stream) => known(session(stream)?.cipher),
		[`${side}_TLS_SESSION_ID`]: (stream) => known(session(stream)?.sessionId),
		...certificateOperators(`${side}_PEER`, (stream) => session(stream)?.peer),
		...certificateOperators(`${side}_LOCAL`, (stream) => session(stream)?.local),
	};
	return operators;
}

function certificateOperators(
	prefix: string,
	read: (stream: StreamInfo) => TlsCertificate | undefined,
): Record<string, Read> {
	return {
		[`${prefix}_URI_SAN`]: (stream) => join(read(stream)?.uriSans),
		[`${prefix}_DNS_SAN`]: (stream) => join(read(stream)?.dnsSans),
		[`${prefix}_IP_SAN`]: (stream) => join(read(stream)?.ipSans),
		[`${prefix}_EMAIL_SAN`]: (stream) => join(read(stream)?.emailSans),
		[`${prefix}_SUBJECT`]: (stream) => known(read(stream)?.subject),
		[`${prefix}_ISSUER`]: (stream) => known(read(stream)?.issuer),
		[`${prefix}_SERIAL`]: (stream) => known(read(stream)?.serial),
		[`${prefix}_FINGERPRINT_256`]: (stream) => known(read(stream)?.fingerprint256),
		[`${prefix}_FINGERPRINT_1`]: (stream) => known(read(stream)?.fingerprint1),
		[`${prefix}_CERT`]: (stream) => {
			const pem = read(stream)?.pem;
			return pem === undefined ? undefined : encodeURIComponent(pem);
		},
		[`${prefix}_CERT_V_START`]: (stream) => time(read(stream)?.validFromMs),
		[`${prefix}_CERT_V_END`]: (stream) => time(read(stream)?.validToMs),
	};
}
