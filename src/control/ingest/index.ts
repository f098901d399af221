/** From documents and instances to one mesh: a folder, objects applied through the admin API, and the registry, gathered for some
 *  milliseconds, last good state kept. Knows no xDS; parsing and checking is config's. */
export { createMeshSource, type FolderState, type MeshSource, type MeshSourceOptions } from "./mesh-source.ts";
