import { getHeader, type HeaderList, removeHeader, setHeader } from "../../../../core/index.ts";
import type { TlsSession } from "../../../../engine/format/index.ts";
import type { HttpConnectionManagerConfig } from "../../../runtime-config/index.ts";
import type { HttpStream } from "./http-stream.ts";

const name = "x-forwarded-client-cert";

/** Sets, appends to or removes x-forwarded-client-cert as `forward_client_cert_details` says. */
export function applyClientCertificateHeader(stream: HttpStream, headers: HeaderList): void {
	const { config } = stream.manager;
	const mode = config.forwardClientCert;
	if (mode === "always-forward-only") return;
	const { tls } = stream.connection;
	if (mode === "sanitize" || tls?.peer === undefined) {
		removeHeader(headers, name);
		return;
	}
	if (mode === "forward-only") return;
	const own = stream.downstream.describeClient(tls, describeClientCertificate);
	const before = mode === "append-forward" ? getHeader(headers, name) : undefined;
	setHeader(headers, name, before === undefined ? own : `${before},${own}`);
}

function describeClientCertificate(tls: TlsSession, config: HttpConnectionManagerConfig): string {
	const { peer, local } = tls;
	if (peer === undefined) return "";
	const details: string[] = [];
	for (const uri of local?.uriSans ?? []) details.push(`By=${uri}`);
	details.push(`Hash=${peer.fingerprint256}`);
	const wanted = config.clientCertDetails;
	if (wanted.cert) details.push(`Cert="${encodeURIComponent(peer.pem)}"`);
	if (wanted.chain) details.push(`Chain="${encodeURIComponent(peer.chainPem)}"`);
	if (wanted.subject) details.push(`Subject="${peer.subject.replaceAll('"', '\\"')}"`);
	if (wanted.uri) {
		if (peer.uriSans.length === 0) details.push("URI=");
		for (const uri of peer.uriSans) details.push(`URI=${uri}`);
	}
	if (wanted.dns) for (const dns of peer.dnsSans) details.push(`DNS=${dns}`);
	// Beyond latin1 a character would be cut down to another one, such as a line end.
	return details.join(";").replace(/[^\x20-\x7e\x80-\xff]/g, "_");
}
