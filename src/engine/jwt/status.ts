/** What is wrong with a token or with keys, in the words that clients read; `OK` when nothing is. */
export type JwtStatus =
	| "OK"
	| "Jwt is missing"
	| "Jwt not yet valid"
	| "Jwt is expired"
	| "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections"
	| "Jwt header is an invalid Base64url encoded"
	| "Jwt header is an invalid JSON"
	| "Jwt header [alg] field is required and must be a string"
	| "Jwt header [alg] is not supported"
	| "Jwt header [kid] field is not a string"
	| "Jwt payload is an invalid Base64url encoded"
	| "Jwt payload is an invalid JSON"
	| `Jwt payload [${string}`
	| "Jwt signature is an invalid Base64url encoded"
	| "Jwt ED25519 signature is wrong length"
	| "Jwt issuer is not configured"
	| "Audiences in Jwt are not allowed"
	| "Jwt verification fails"
	| "Jwks remote fetch is failed"
	| "Jwks doesn't have key to match kid or alg from Jwt"
	| KeyProblem;

/** What is wrong with a key set. */
export type KeyProblem =
	| "Jwks is an invalid JSON"
	| "Jwks does not have [keys] field"
	| "[keys] in Jwks is not an array"
	| "Jwks doesn't have any valid public key"
	| "Jwks RSA [n] or [e] field is missing or has a parse error"
	| "Jwks EC [x] or [y] field is an invalid Base64."
	| "Jwks EC [x] and [y] fields have a parse error."
	| "Jwks OKP [x] field is an invalid Base64."
	| "Jwks OKP [x] field is wrong length."
	| "Jwks Oct key is an invalid Base64"
	| "X509 parse pubkey fails"
	| `[${string}`;

/** The words in the order of their numbers, which filters that publish failures use. */
const numbered: readonly JwtStatus[] = [
	"OK",
	"Jwt is missing",
	"Jwt not yet valid",
	"Jwt is expired",
	"Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections",
	"Jwt header is an invalid Base64url encoded",
	"Jwt header is an invalid JSON",
	"Jwt header [alg] field is required and must be a string",
	"Jwt header [alg] is not supported",
	"Jwt header [kid] field is not a string",
	"Jwt payload is an invalid Base64url encoded",
	"Jwt payload is an invalid JSON",
	"Jwt payload [iss] field is not a string",
	"Jwt payload [sub] field is not a string",
	"Jwt payload [iat] field is not an integer",
	"Jwt payload [iat] field is not a positive 64 bit integer",
	"Jwt payload [nbf] field is not an integer",
	"Jwt payload [nbf] field is not a positive 64 bit integer",
	"Jwt payload [exp] field is not an integer",
	"Jwt payload [exp] field is not a positive 64 bit integer",
	"Jwt payload [jti] field is not a string",
	"Jwt payload [aud] field is not a string or string list",
	"Jwt signature is an invalid Base64url encoded",
	"Jwt ED25519 signature is wrong length",
	"Jwt issuer is not configured",
	"Audiences in Jwt are not allowed",
	"Jwt verification fails",
	"Jwks remote fetch is failed",
	"Jwks is an invalid JSON",
	"Jwks does not have [keys] field",
	"[keys] in Jwks is not an array",
	"Jwks doesn't have any valid public key",
	"Jwks doesn't have key to match kid or alg from Jwt",
];

/** The number of a status in the reference implementation; 0 for those nobody asks for. */
export function jwtStatusCode(status: JwtStatus): number {
	return Math.max(0, numbered.indexOf(status));
}
