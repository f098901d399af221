/** What can be said of a process: selectors `type:value` of its user, program, systemd unit, container and Kubernetes Pod.
 *  Decides about no identity. Words as SPIRE's workload attestors have them. */
export { type Attestation, attestProcess, type WorkloadAttestor } from "./attest-process.ts";
export { createContainerAttestor } from "./container.ts";
export { createKubeletAttestor, type KubeletOptions } from "./kubelet.ts";
export { createSystemdAttestor } from "./systemd.ts";
export { createUnixAttestor } from "./unix.ts";
