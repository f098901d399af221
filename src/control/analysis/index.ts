/** What is wrong with a mesh, and what is legal and most likely not meant: one list with stable codes, for `amime analyze` and the
 *  admin API. Judges objects and the mesh that they make; changes nothing, and asks no proxy. */
export { type AnalysisInput, analyze } from "./analyze.ts";
export { type Finding, type FindingCode, type FindingSeverity, findingTable } from "./finding-table.ts";
