/** Federation of trust domains: which others this one relates to, their bundles fetched and kept, its own published. What is done with
 *  foreign roots belongs to the proxies. Spec: SPIFFE Federation (`https_web`, `https_spiffe`), SPIFFE Trust Domain and Bundle. */
export type { BundleRefresh } from "./bundle-refresh.ts";
export { bundleEndpointId, bundlePublishMs, startBundleServer } from "./bundle-server.ts";
export { type FederationOptions, type OpenFederationOptions, openFederation } from "./open-federation.ts";
export type { BundleEndpoint, Relation, Relations } from "./relations.ts";
