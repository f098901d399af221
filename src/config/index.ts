/** Config: documents in the Kubernetes form, from text to the nouns of the model. Reads YAML and JSON with places, checks every
 *  field against the schemas of the kinds, and reports all problems of all documents at once; a broken document is left out
 *  alone. Watches folders. Knows neither xDS nor sockets. Specifications: Gateway API v1, Istio networking and security v1. */
export { type ConfigObject, type ConfigObjectBase, type ConfigObjectOf, formatObjectKey } from "./config-object.ts";
export { describeKinds, describeMetadata, type KindDescription } from "./describe-kinds.ts";
export type { Place } from "./document/line-index.ts";
export type { Json } from "./document/node.ts";
export type { FolderSnapshot } from "./folder/folder-contents.ts";
export { createLastGoodFiles, type LastGoodFiles } from "./folder/last-good-files.ts";
export { type FolderSource, readFolder, type WatchFolderOptions, watchFolder } from "./folder/watch-folder.ts";
export { findKind, type KindName, listKindNames } from "./kinds/index.ts";
export { compareProblems, formatProblem, type LocatedProblem, type ProblemCode } from "./located-problem.ts";
export { assumePods } from "./mesh/assume-pods.ts";
export { type BuiltMesh, buildMesh } from "./mesh/build-mesh.ts";
export { findRateLimitTargetFault, type RateLimitTargetFault } from "./mesh/check-rate-limits.ts";
export { createMeshMemory, type MeshMemory } from "./mesh/mesh-memory.ts";
export { resolveMeshSettings } from "./mesh/settings.ts";
export { type ParsedDocuments, type ParseOptions, parseDocuments, parseValue } from "./parse-documents.ts";
export type { FieldDescription, TypeDescription } from "./schema/schema.ts";
