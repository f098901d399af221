/** Streams and connections for tests of decisions: a plain request from 10.0.0.9 unless told otherwise. */
import type { HeaderList } from "../../src/core/index.ts";
import {
	type ConnectionFacts,
	createConnectionFacts,
	createStreamInfo,
	type RequestHead,
	type SocketAddress,
	type StreamInfo,
	type TlsCertificate,
	type TlsSession,
} from "../../src/engine/format/index.ts";

export function makeAddress(ip: string, port: number): SocketAddress {
	return { ip, port, text: ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}` };
}

export function makeConnection(changes: Partial<ConnectionFacts> = {}): ConnectionFacts {
	const remote = makeAddress("10.0.0.9", 40000);
	const local = makeAddress("10.0.0.1", 8080);
	return { ...createConnectionFacts(remote, local), id: 7, ...changes };
}

export function makeCertificate(uriSans: readonly string[], changes: Partial<TlsCertificate> = {}): TlsCertificate {
	return {
		subject: "CN=peer",
		issuer: "CN=ca",
		serial: "01",
		uriSans,
		dnsSans: [],
		ipSans: [],
		emailSans: [],
		fingerprint256: "aa",
		fingerprint1: "bb",
		validFromMs: 0,
		validToMs: 1_000_000,
		pem: "-----BEGIN CERTIFICATE-----\n",
		chainPem: "-----BEGIN CERTIFICATE-----\n",
		...changes,
	};
}

export function makeTls(uri: string, changes: Partial<TlsSession> = {}): TlsSession {
	return {
		version: "TLSv1.3",
		cipher: "TLS_AES_128_GCM_SHA256",
		sessionId: "",
		serverName: "",
		alpn: "",
		peer: makeCertificate(uri === "" ? [] : [uri]),
		peerVerified: true,
		local: undefined,
		...changes,
	};
}

/** `GET /path` with headers as `name: value`; `host`, `:scheme` and `:method` style lines set the parts of the head. */
export function makeRequest(line: string, ...fields: string[]): RequestHead {
	const [method = "GET", path = "/"] = line.split(" ");
	const headers: HeaderList = [];
	let authority = "host.test";
	for (const field of fields) {
		const colon = field.indexOf(":", 1);
		const name = field.slice(0, colon).toLowerCase();
		const value = field.slice(colon + 1).trim();
		if (name === "host") authority = value;
		else headers.push(name, value);
	}
	return { method, path, authority, scheme: "http", headers, upgrade: method === "CONNECT" ? "CONNECT" : undefined };
}

export function makeStream(request?: RequestHead, changes: Partial<StreamInfo> = {}): StreamInfo {
	const stream = createStreamInfo(changes.connection ?? makeConnection(), 1000, Date.UTC(2024, 4, 6, 7, 8, 9, 123));
	return Object.assign(stream, { request, protocol: "HTTP/1.1" }, changes);
}
