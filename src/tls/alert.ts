/** Alerts by their numbers (RFC 8446, section 6). */
export const alerts = {
	closeNotify: 0,
	unexpectedMessage: 10,
	badRecordMac: 20,
	recordOverflow: 22,
	badCertificate: 42,
	unsupportedCertificate: 43,
	illegalParameter: 47,
	decodeError: 50,
	decryptError: 51,
	internalError: 80,
	userCanceled: 90,
	certificateRequired: 116,
} as const;

/** What ends a connection: the alert that tells the peer, and an error whose code is the one that the library of TLS gives. */
export class TlsFault extends Error {
	readonly code: string;
	/** Undefined when the peer told us. */
	readonly alert: number | undefined;

	constructor(reason: string, alert: number | undefined) {
		super(reason.toLowerCase().replaceAll("_", " "));
		this.name = "TlsFault";
		this.code = `ERR_SSL_${reason}`;
		this.alert = alert;
	}
}

const peerAlerts: Readonly<Record<number, string>> = {
	10: "SSLV3_ALERT_UNEXPECTED_MESSAGE",
	20: "SSLV3_ALERT_BAD_RECORD_MAC",
	40: "SSLV3_ALERT_HANDSHAKE_FAILURE",
	42: "SSLV3_ALERT_BAD_CERTIFICATE",
	43: "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
	44: "SSLV3_ALERT_CERTIFICATE_REVOKED",
	45: "SSLV3_ALERT_CERTIFICATE_EXPIRED",
	46: "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
	47: "SSLV3_ALERT_ILLEGAL_PARAMETER",
	48: "TLSV1_ALERT_UNKNOWN_CA",
	49: "TLSV1_ALERT_ACCESS_DENIED",
	50: "TLSV1_ALERT_DECODE_ERROR",
	51: "TLSV1_ALERT_DECRYPT_ERROR",
	70: "TLSV1_ALERT_PROTOCOL_VERSION",
	80: "TLSV1_ALERT_INTERNAL_ERROR",
};

/** The peer's alert. */
export function faultOfAlert(description: number): TlsFault {
	return new TlsFault(peerAlerts[description] ?? `ALERT_${description}`, undefined);
}
