/** From what proxies are given back to the objects that it was made of: a route, a policy of RBAC, a cluster, any resource; each with
 *  file, line and field. Reads the names and the metadata that translation writes; decides nothing. */
export { createProvenance, type ObjectRef, type Provenance } from "./provenance.ts";
