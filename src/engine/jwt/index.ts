/** JSON web tokens and key sets: parsing, signatures, time limits and audiences, with Envoy's words for what is wrong.
 *  Knows neither headers nor where keys come from. Spec: RFC 7515, 7517, 7519. */
export { type JwkKey, parseKeySet } from "./key-set.ts";
export { type JwtStatus, jwtStatusCode } from "./status.ts";
export { type Jwt, parseToken } from "./token.ts";
export { checkLifetime, checkTimes, isAudienceAllowed, sanitizeAudience, verifySignature } from "./verify.ts";
