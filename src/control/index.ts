/** The control plane: config and registry in, configuration of proxies over xDS and certificates out, with an admin API. Keeps no
 *  state of its own beyond the store and the authority. Does not start processes (agent) and handles no traffic (proxy). */

export type { AdminResponse, Endpoint } from "./admin/index.ts";
export type { Finding } from "./analysis/index.ts";
export { analyzeFolder } from "./analyze-folder.ts";
export { type ControlPlane, type ControlPlaneOptions, createControlPlane } from "./control-plane.ts";
export type { Predict, Prediction, RememberedCall } from "./failed-requests/index.ts";
export type { ServedMesh } from "./served-mesh.ts";
