import { describeError } from "../../core/index.ts";

/** Faults of the TLS library by Node's codes, with the numbers that Envoy's library gives them in logs. */
const faults: Readonly<Record<string, readonly [number: number, name: string, detail?: string]>> = {
	ERR_SSL_HTTP_REQUEST: [268435612, "HTTP_REQUEST"],
	ERR_SSL_NO_SHARED_CIPHER: [268435640, "NO_SHARED_CIPHER"],
	ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE: [
		268435648,
		"PEER_DID_NOT_RETURN_A_CERTIFICATE",
		"peer_did_not_provide_required_client_certificate",
	],
	ERR_SSL_UNSUPPORTED_PROTOCOL: [268435696, "UNSUPPORTED_PROTOCOL"],
	ERR_SSL_WRONG_VERSION_NUMBER: [268435703, "WRONG_VERSION_NUMBER"],
	ERR_SSL_PACKET_LENGTH_TOO_LONG: [268435703, "WRONG_VERSION_NUMBER"],
};

/** Whether the library found fault with what the peer sent; a connection that only ended is none. */
export function isTlsFault(error: NodeJS.ErrnoException): boolean {
	return error.code?.startsWith("ERR_SSL_") === true || error.code === "EPROTO";
}

/** A failed handshake as access logs show it. */
export function describeTlsFault(error: NodeJS.ErrnoException): string {
	const fault = error.code === undefined ? undefined : faults[error.code];
	if (fault === undefined) return isTlsFault(error) ? `TLS_error:|${describeError(error)}` : "";
	return format(...fault);
}

/** A peer whose certificate was turned down, as access logs show it. */
export function describeVerifyFault(reason: string): string {
	return format(268435581, "CERTIFICATE_VERIFY_FAILED", `verify cert failed: ${reason}`);
}

function format(number: number, name: string, detail?: string): string {
	const tail = detail === undefined ? "" : `:${detail}`;
	return `TLS_error:|${number}:SSL routines:OPENSSL_internal:${name}${tail}:TLS_error_end`;
}
