/** The operators of header values: what Envoy 1.40 has for headers, and every proxy of ours too. One that a proxy does not know would make it
 *  refuse all routes beside it. Spec: Envoy "Header manipulation", "Access logging: command operators". */

const addresses = (...names: readonly string[]): string[] => names.flatMap((name) => [name, `${name}_WITHOUT_PORT`]);

const certificateFacts =
	"URI_SAN DNS_SAN IP_SAN EMAIL_SAN OTHERNAME_SAN SUBJECT ISSUER SERIAL FINGERPRINT_256 FINGERPRINT_1 CERT CHAIN_FINGERPRINTS_256 CHAIN_FINGERPRINTS_1 CHAIN_SERIALS";
const bytes =
	"HEADER_BYTES_RECEIVED HEADER_BYTES_SENT DECOMPRESSED_HEADER_BYTES_RECEIVED DECOMPRESSED_HEADER_BYTES_SENT WIRE_BYTES_RECEIVED WIRE_BYTES_SENT";
const session =
	"TLS_VERSION TLS_CIPHER TLS_SESSION_ID TLS_GROUP TRANSPORT_FAILURE_REASON LOCAL_CLOSE_REASON DETECTED_CLOSE_TYPE";

/** What both sides of a proxy have, one connection each. */
const ofBothSides = ["DOWNSTREAM", "UPSTREAM"].flatMap((side) => [
	...["PEER", "LOCAL"].flatMap((end) => certificateFacts.split(" ").map((fact) => `${side}_${end}_${fact}`)),
	...`${bytes} ${session} LOCAL_PORT REMOTE_PORT`.split(" ").map((fact) => `${side}_${fact}`),
	...addresses(`${side}_LOCAL_ADDRESS`, `${side}_REMOTE_ADDRESS`),
]);

/** Operators without parameters and length. */
const plain: ReadonlySet<string> = new Set([
	...ofBothSides,
	...addresses("DOWNSTREAM_DIRECT_LOCAL_ADDRESS", "DOWNSTREAM_DIRECT_REMOTE_ADDRESS", "UPSTREAM_HOST_NAME"),
	..."DOWNSTREAM_DIRECT_LOCAL_PORT DOWNSTREAM_DIRECT_REMOTE_PORT DOWNSTREAM_HANDSHAKE_DURATION ROUNDTRIP_DURATION".split(
		" ",
	),
	..."UPSTREAM_HOST UPSTREAM_PROTOCOL UPSTREAM_CLUSTER UPSTREAM_CLUSTER_RAW UPSTREAM_CONNECTION_ID UPSTREAM_SERVER_NAME".split(
		" ",
	),
	..."UPSTREAM_REQUEST_ATTEMPT_COUNT UPSTREAM_CONNECTION_POOL_READY_DURATION UPSTREAM_HOSTS_ATTEMPTED".split(" "),
	..."PROTOCOL ROUTE_NAME VIRTUAL_CLUSTER_NAME REQUESTED_SERVER_NAME FILTER_CHAIN_NAME LISTENER_NAME ACCESS_LOG_TYPE".split(
		" ",
	),
	..."RESPONSE_CODE RESPONSE_FLAGS RESPONSE_FLAGS_LONG CONNECTION_TERMINATION_DETAILS LOCAL_REPLY_BODY GRPC_STATUS_NUMBER".split(
		" ",
	),
	..."DURATION REQUEST_DURATION REQUEST_TX_DURATION RESPONSE_DURATION RESPONSE_TX_DURATION BYTES_RECEIVED BYTES_SENT".split(
		" ",
	),
	..."REQUEST_HEADERS_BYTES RESPONSE_HEADERS_BYTES RESPONSE_TRAILERS_BYTES CONNECTION_ID STREAM_ID TRACE_ID SPAN_ID UNIQUE_ID".split(
		" ",
	),
	..."TLS_JA3_FINGERPRINT TLS_JA4_FINGERPRINT CUSTOM_FLAGS".split(" "),
]);

/** Operators that may have parameters or a length. */
const free: ReadonlySet<string> = new Set([
	..."START_TIME START_TIME_LOCAL EMIT_TIME EMIT_TIME_LOCAL GRPC_STATUS HOSTNAME PATH QUERY_PARAMS RESPONSE_CODE_DETAILS".split(
		" ",
	),
	...["DOWNSTREAM", "UPSTREAM"].flatMap((side) => [`${side}_PEER_CERT_V_START`, `${side}_PEER_CERT_V_END`]),
]);

/** Operators that say nothing without parameters. */
const needing: ReadonlySet<string> = new Set(
	"REQ REQ_WITHOUT_QUERY REQUEST_HEADER STREAM_INFO_REQ RESP RESPONSE_HEADER TRAILER RESPONSE_TRAILER QUERY_PARAM DYNAMIC_METADATA CLUSTER_METADATA UPSTREAM_METADATA METADATA FILTER_STATE UPSTREAM_FILTER_STATE COALESCE COMMON_DURATION ENVIRONMENT".split(
		" ",
	),
);

const operator = /%%|%([A-Z][A-Z0-9_]*)(\(.*?\))?(:\d+)?%/g;

/** What is wrong with the operators of a header value, or undefined. */
export function findOperatorFault(value: string): string | undefined {
	for (const [whole, name, parameters, length] of value.matchAll(operator)) {
		if (name === undefined || free.has(name)) continue;
		if (plain.has(name)) {
			if (parameters === undefined && length === undefined) continue;
			return `${whole}: ${name} takes no parameters and no length`;
		}
		if (!needing.has(name)) return `${whole}: there is no operator ${name}; write '%%' for the character`;
		if (parameters === undefined || parameters === "()")
			return `${whole}: ${name} needs parameters, as in %REQ(x-name)%`;
	}
	const rest = value.replace(operator, "");
	return rest.includes("%") ? "it has a '%' that starts no operator: write '%%' for the character" : undefined;
}

/** All of them, with parameters where they are needed: for the test that proxies know them. */
export const headerOperators: readonly string[] = [...plain, ...free, ...needing];
