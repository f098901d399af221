/** The admin port of a proxy, with Envoy's paths, texts and rules (what changes something needs POST). Reads and acts on the proxy
 *  through `AdminState`, which the assembly implements. Binds where it is told; nothing here is meant for strangers.
 *  Spec: Envoy "Administration interface". */
export { type Admin, type AdminOptions, createAdmin } from "./admin.ts";
export type {
	AdminAddress,
	AdminCertificate,
	AdminCluster,
	AdminConfig,
	AdminHost,
	AdminHostStats,
	AdminLimits,
	AdminListener,
	AdminPem,
	AdminRefusal,
	AdminResource,
	AdminRuntime,
	AdminServerInfo,
	AdminState,
	DrainOptions,
	Readiness,
	ShownAddress,
} from "./admin-state.ts";
export { findLevelProblem } from "./logging-command.ts";
