/** An authority of the same trust domain above this one: who this process is there says a SPIFFE Workload API, and what is asked goes to the
 *  agent address of its control planes. The interface is identity's UpstreamAuthority. */
export { createUpstreamMesh, type UpstreamMesh, type UpstreamMeshOptions } from "./upstream-mesh.ts";
