/** Has signing requests of workloads signed by the control plane's admin API. Sends requests, never keys; decides nothing about
 *  when to renew (identity). */
export { createRemoteSigner, type RemoteSignerOptions } from "./remote-signer.ts";
