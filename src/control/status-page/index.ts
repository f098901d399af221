/** The status page of the control plane: plain HTML with what an operator asks first, the worst first. It shows and changes nothing, and
 *  whoever reaches it needs no token, so nothing secret is on it. */
export { findLateCertificates, type LateCertificate } from "./late-certificates.ts";
export { formatStatusPage, type StatusView } from "./page.ts";
