/** A token behind a PKCS #11 module: P-256 keys that are made and stay there. Runs the module in a thread with Node's foreign function
 *  interface. Knows nothing of certificates. Spec: OASIS PKCS #11 version 2.40. */
export { openTokenDevice, type TokenDevice } from "./thread-device.ts";
export type { TokenOptions } from "./token.ts";
