/** A mesh on one machine: the control plane, a sidecar beside each workload and the workloads as processes, started in order, kept
 *  running, drained on stop. Decides as a state machine without I/O (`stepInstance`, `stepProcess`) and asks the control plane
 *  what should run. Writes nothing outside the state folder, and no key to disk. */
export { type BootstrapOptions, buildBootstrap, formatNodeId } from "./bootstrap.ts";
export type { ProcessName, SupervisorEvent, SupervisorListener } from "./events.ts";
export type { Programs } from "./sidecar-command.ts";
export { lockStateFolder, openStateFolder, type StateFolder } from "./state-folder.ts";
export { type Supervisor, type SupervisorOptions, startSupervisor } from "./supervisor.ts";
export type { ConfigFault, DesiredMesh, DesiredWorkload } from "./workload-source.ts";
