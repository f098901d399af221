import type { X509Certificate } from "node:crypto";
import type { TlsCertificate, TlsSession } from "../../engine/format/index.ts";
import { factsOfLeaf, type SubjectAltName } from "../secret/index.ts";
import type { HandshakeFacts } from "./handshake-facts.ts";

/** The facts of a finished handshake. Certificates are taken apart only when a format or matcher asks.
 *  @param localOf our certificate, where it need not be asked of the handshake */
export function createTlsSession(
	facts: HandshakeFacts,
	peer: X509Certificate | undefined,
	peerVerified: boolean,
	localOf: (() => X509Certificate | undefined) | undefined,
): TlsSession {
	return new SocketTlsSession(facts, peer, peerVerified, localOf);
}

class SocketTlsSession implements TlsSession {
	readonly version: string;
	readonly cipher: string;
	readonly serverName: string;
	readonly alpn: string;
	readonly peerVerified: boolean;
	readonly #peerX509: X509Certificate | undefined;
	readonly #localOf: () => X509Certificate | undefined;
	#peer: TlsCertificate | undefined;
	#local: TlsCertificate | undefined;

	constructor(
		facts: HandshakeFacts,
		peer: X509Certificate | undefined,
		peerVerified: boolean,
		localOf: (() => X509Certificate | undefined) | undefined,
	) {
		const { servername, alpnProtocol } = facts;
		this.version = facts.getProtocol() ?? "";
		this.cipher = facts.getCipher()?.name ?? "";
		this.serverName = typeof servername === "string" ? servername : "";
		this.alpn = typeof alpnProtocol === "string" ? alpnProtocol : "";
		this.peerVerified = peerVerified;
		this.#peerX509 = peer;
		if (localOf === undefined) {
			const local = facts.getX509Certificate();
			this.#localOf = () => local;
		} else {
			this.#localOf = localOf;
		}
	}

	/** Empty: sessions are resumed by tickets, which have no id of their own. */
	get sessionId(): string {
		return "";
	}

	get peer(): TlsCertificate | undefined {
		if (this.#peerX509 === undefined) return undefined;
		this.#peer ??= new CertificateFacts(this.#peerX509);
		return this.#peer;
	}

	get local(): TlsCertificate | undefined {
		const local = this.#local === undefined ? this.#localOf() : undefined;
		if (local !== undefined) this.#local = new CertificateFacts(local);
		return this.#local;
	}
}

class CertificateFacts implements TlsCertificate {
	readonly #certificate: X509Certificate;
	#names: readonly SubjectAltName[] | undefined;

	constructor(certificate: X509Certificate) {
		this.#certificate = certificate;
	}

	get subject(): string {
		return formatName(this.#certificate.subject);
	}

	get issuer(): string {
		return formatName(this.#certificate.issuer);
	}

	get serial(): string {
		return this.#certificate.serialNumber.toLowerCase();
	}

	get uriSans(): readonly string[] {
		return this.#namesOf("uri");
	}

	get dnsSans(): readonly string[] {
		return this.#namesOf("dns");
	}

	get ipSans(): readonly string[] {
		return this.#namesOf("ip");
	}

	get emailSans(): readonly string[] {
		return this.#namesOf("email");
	}

	get fingerprint256(): string {
		return this.#certificate.fingerprint256.replaceAll(":", "").toLowerCase();
	}

	get fingerprint1(): string {
		return this.#certificate.fingerprint.replaceAll(":", "").toLowerCase();
	}

	get validFromMs(): number {
		return this.#certificate.validFromDate.getTime();
	}

	get validToMs(): number {
		return this.#certificate.validToDate.getTime();
	}

	get pem(): string {
		return this.#certificate.toString();
	}

	get chainPem(): string {
		let text = "";
		let certificate: X509Certificate | undefined = this.#certificate;
		for (let depth = 0; certificate !== undefined && depth < maxChainLength; depth++) {
			text += certificate.toString();
			const issuer: X509Certificate | undefined = certificate.issuerCertificate;
			if (issuer === undefined || issuer.fingerprint256 === certificate.fingerprint256) break;
			certificate = issuer;
		}
		return text;
	}

	#namesOf(type: SubjectAltName["type"]): readonly string[] {
		this.#names ??= factsOfLeaf(this.#certificate).names;
		return this.#names.filter((name) => name.type === type).map(({ value }) => value);
	}
}

const maxChainLength = 16;

/** Node prints one attribute a line, first to last; RFC 2253 wants them last to first, joined by commas, special characters escaped. */
function formatName(lines: string | undefined): string {
	if (lines === undefined || lines === "") return "";
	// Values are escaped already.
	return lines.split("\n").reverse().join(",");
}
