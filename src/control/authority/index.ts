/** The authority of a control plane and what it waits for: in a folder, or shared by several control planes on one store (private keys
 *  sealed, one of them leads); who holds which certificate and has acknowledged which roots. Signs nothing itself (identity). */
export { type HolderReport, type Holders, openHolders, type ReportedProxy, renewWithin } from "./holder-board.ts";
export { type OpenAuthorityOptions, openAuthority } from "./open-authority.ts";
