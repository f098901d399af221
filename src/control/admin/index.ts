/** The admin API of the control plane: JSON over HTTP on loopback, a status page, Prometheus metrics. Knows how to ask and answer; what
 *  is asked about belongs to the rooms behind it. */
export type { AccessToken, Role } from "./access.ts";
export { type AdminServer, type AdminTls, createAdminServer } from "./admin-server.ts";
export { apiDescriptions } from "./api-descriptions.ts";
export { createAuthorityEndpoints } from "./authority-endpoints.ts";
export { type CertificateList, createCertificateList, type ListedCertificate } from "./certificate-list.ts";
export { type AppliedDocuments, createConfigEndpoints, describeAsWritten, readDocuments } from "./config-endpoints.ts";
export { createDesiredFeed, type DesiredFeed, type DesiredState } from "./desired-feed.ts";
export { createEntryEndpoints } from "./entry-endpoints.ts";
export { createFederationEndpoints } from "./federation-endpoints.ts";
export { createGatewayEndpoint } from "./gateway-list.ts";
export { createHistoryEndpoints } from "./history-endpoints.ts";
export { readBody, send, toRefusal } from "./http-answer.ts";
export { createIdentityEndpoints } from "./identity-endpoints.ts";
export { createInstanceEndpoints } from "./instance-endpoints.ts";
export { describeApi } from "./open-api.ts";
export { parseJson } from "./parse-json.ts";
export { rolloutParameters } from "./rollout-parameters.ts";
export { AdminError, type AdminRequest, type AdminResponse, type Endpoint } from "./router.ts";
export {
	createStatusEndpoints,
	type ListedEndpoint,
	type ListedProxy,
	listEndpoints,
	listProxies,
	listWorkloads,
} from "./status-endpoints.ts";
export { readTokensFile } from "./tokens-file.ts";
export { createWatchEndpoint } from "./watch-endpoint.ts";
