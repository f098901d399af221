/** The kinds of objects amime knows, one folder each: its `spec` as a schema, and its way into the model.
 *  The schemas check, suggest and document; adding a kind is a folder here and a line in the table. */

export { describeAbsent, describeForeign } from "./foreign-kinds.ts";
export type { Kind, ObjectContext } from "./kind.ts";
export { findDocumentKinds, findKind, type KindName, kinds, listKindNames, type ModelByKind } from "./table.ts";
