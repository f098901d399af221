import { readChain } from "./certificate-chain.ts";
import type { StreamInfo, TlsCertificate, TlsSession, UpstreamHostFacts } from "./stream-info.ts";

type Read = (stream: StreamInfo) => string | undefined;

const known = (value: string | undefined): string | undefined => (value === "" ? undefined : value);
const join = (names: readonly string[] | undefined): string | undefined => known(names?.join(","));

/** Operators about the ends of connections and their certificates, by name. */
export const addressOperators: Readonly<Record<string, Read>> = {
	UPSTREAM_HOST: (stream) => known(stream.upstreamHost?.address),
	UPSTREAM_HOST_NAME: (stream) => nameOf(stream.upstreamHost),
	UPSTREAM_HOST_NAME_WITHOUT_PORT: (stream) => withoutPort(nameOf(stream.upstreamHost)),
	UPSTREAM_HOSTS_ATTEMPTED: (stream) => join(attemptedHosts(stream).map(({ address }) => address)),
	UPSTREAM_HOSTS_ATTEMPTED_WITHOUT_PORT: (stream) =>
		join(attemptedHosts(stream).map(({ address }) => withoutPort(address) ?? "")),
	UPSTREAM_HOST_NAMES_ATTEMPTED: (stream) => join(attemptedHosts(stream).map((host) => nameOf(host) ?? "")),
	UPSTREAM_HOST_NAMES_ATTEMPTED_WITHOUT_PORT: (stream) =>
		join(attemptedHosts(stream).map((host) => withoutPort(nameOf(host)) ?? "")),
	UPSTREAM_CONNECTION_IDS_ATTEMPTED: (stream) =>
		stream.upstreamConnectionId === 0 ? undefined : String(stream.upstreamConnectionId),
	UPSTREAM_SERVER_NAME: (stream) => known(stream.upstreamTls?.serverName),
	// Addresses of listeners within the process are not spoken of: there are none.
	DOWNSTREAM_LOCAL_ADDRESS_ENDPOINT_ID: () => "",
	DOWNSTREAM_DIRECT_LOCAL_ADDRESS_ENDPOINT_ID: () => "",
	UPSTREAM_REMOTE_ADDRESS_ENDPOINT_ID: (stream) => (stream.upstreamRemote === undefined ? undefined : ""),
	UPSTREAM_LOCAL_ADDRESS: (stream) => stream.upstreamLocal?.text,
	UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT: (stream) => stream.upstreamLocal?.ip,
	UPSTREAM_REMOTE_ADDRESS: (stream) => stream.upstreamRemote?.text,
	UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT: (stream) => stream.upstreamRemote?.ip,
	DOWNSTREAM_REMOTE_ADDRESS: (stream) => stream.remote.text,
	DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT: (stream) => stream.remote.ip,
	DOWNSTREAM_DIRECT_REMOTE_ADDRESS: (stream) => stream.connection.directRemote.text,
	DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT: (stream) => stream.connection.directRemote.ip,
	DOWNSTREAM_LOCAL_ADDRESS: (stream) => stream.connection.local.text,
	DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT: (stream) => stream.connection.local.ip,
	DOWNSTREAM_DIRECT_LOCAL_ADDRESS: (stream) => stream.connection.directLocal.text,
	DOWNSTREAM_DIRECT_LOCAL_ADDRESS_WITHOUT_PORT: (stream) => stream.connection.directLocal.ip,
	...tlsOperators("DOWNSTREAM", (stream) => stream.connection.tls),
	...tlsOperators("UPSTREAM", (stream) => stream.upstreamTls),
};

function nameOf(host: UpstreamHostFacts | undefined): string | undefined {
	return known(host?.hostname) ?? known(host?.address);
}

function withoutPort(name: string | undefined): string | undefined {
	return name?.replace(/:\d+$/, "");
}

function attemptedHosts(stream: StreamInfo): readonly UpstreamHostFacts[] {
	if (stream.attemptedHosts !== undefined) return stream.attemptedHosts;
	return stream.upstreamConnectionId === 0 || stream.upstreamHost === undefined ? [] : [stream.upstreamHost];
}

/** Ports: numbers in JSON. */
export const portOperators: Readonly<Record<string, (stream: StreamInfo) => number | undefined>> = {
	UPSTREAM_LOCAL_PORT: (stream) => stream.upstreamLocal?.port,
	UPSTREAM_REMOTE_PORT: (stream) => stream.upstreamRemote?.port,
	DOWNSTREAM_REMOTE_PORT: (stream) => stream.remote.port,
	DOWNSTREAM_DIRECT_REMOTE_PORT: (stream) => stream.connection.directRemote.port,
	DOWNSTREAM_LOCAL_PORT: (stream) => stream.connection.local.port,
	DOWNSTREAM_DIRECT_LOCAL_PORT: (stream) => stream.connection.directLocal.port,
};

function tlsOperators(side: string, session: (stream: StreamInfo) => TlsSession | undefined): Record<string, Read> {
	const operators: Record<string, Read> = {
		[`${side}_TLS_VERSION`]: (stream) => known(session(stream)?.version),
		[`${side}_TLS_CIPHER`]: (stream) => known(session(stream)?.cipher),
		[`${side}_TLS_SESSION_ID`]: (stream) => known(session(stream)?.sessionId),
		[`${side}_TLS_GROUP`]: (stream) => known(session(stream)?.group),
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
		[`${prefix}_OTHERNAME_SAN`]: () => undefined,
		[`${prefix}_SUBJECT`]: (stream) => known(read(stream)?.subject),
		[`${prefix}_ISSUER`]: (stream) => known(read(stream)?.issuer),
		[`${prefix}_SERIAL`]: (stream) => known(read(stream)?.serial),
		[`${prefix}_FINGERPRINT_256`]: (stream) => known(read(stream)?.fingerprint256),
		[`${prefix}_FINGERPRINT_1`]: (stream) => known(read(stream)?.fingerprint1),
		[`${prefix}_CHAIN_FINGERPRINTS_256`]: (stream) => join(readChain(read(stream)).map(({ sha256 }) => sha256)),
		[`${prefix}_CHAIN_FINGERPRINTS_1`]: (stream) => join(readChain(read(stream)).map(({ sha1 }) => sha1)),
		[`${prefix}_CHAIN_SERIALS`]: (stream) => join(readChain(read(stream)).map(({ serial }) => serial)),
		[`${prefix}_ISSUER_FINGERPRINT_256`]: (stream) => readChain(read(stream))[1]?.sha256,
		[`${prefix}_ISSUER_SERIAL`]: (stream) => readChain(read(stream))[1]?.serial,
		[`${prefix}_CERT`]: (stream) => {
			const pem = read(stream)?.pem;
			return pem === undefined ? undefined : encodeURIComponent(pem);
		},
	};
}
