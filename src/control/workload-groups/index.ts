/** WorkloadGroups: what workloads that register themselves need not say because their group says it, and the probes that tell whether they
 *  can serve. Spec: Istio, networking/v1/workload_group.proto; probes as Kubernetes has them. */
export { completeRegistration, findGroup } from "./complete-registration.ts";
export { createGroupProbes, type GroupProbes, type GroupProbesOptions } from "./group-probes.ts";
export { probeWorkload } from "./probe-workload.ts";
