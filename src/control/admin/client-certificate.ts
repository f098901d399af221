import type { IncomingMessage } from "node:http";
import { TLSSocket } from "node:tls";
import { describeError } from "../../core/index.ts";
import { readCertificate, validateLeaf } from "../../identity/index.ts";
import type { CertificateHolder, Principal } from "./access.ts";
import { AdminError } from "./router.ts";

/** Who shows a client certificate that TLS has checked; undefined without one.
 *  @param isAdmin whether a SPIFFE ID may do everything besides those that are listed
 *  @throws AdminError 401 for a certificate that is not good, or is nobody's */
export function identifyByCertificate(
	request: IncomingMessage,
	holders: readonly CertificateHolder[],
	isAdmin: (spiffeId: string) => boolean,
): Principal | undefined {
	const { socket } = request;
	if (!(socket instanceof TLSSocket)) return undefined;
	const certificate = socket.getPeerX509Certificate();
	if (certificate === undefined) return undefined;
	if (!socket.authorized) throw refuse(`is not good: ${describeError(socket.authorizationError)}`);
	// The handshake has checked chain, time and use; a connection may live longer than its certificate.
	if (certificate.validToDate.getTime() < Date.now()) throw refuse("has ended");
	const subject = certificate.subject?.split("\n").join(", ") ?? "";
	const spiffeId = readSpiffeId(certificate.raw);
	const found = holders.find((holder) =>
		"identity" in holder ? holder.identity === spiffeId : subject !== "" && holder.subject === subject,
	);
	if (found === undefined && (spiffeId === undefined || !isAdmin(spiffeId)))
		throw refuse(`of '${spiffeId ?? subject}' has no role here: add it to the file of --tokens`);
	checkSite(request);
	return found === undefined ? { name: spiffeId!, role: "admin" } : { name: found.name, role: found.role };
}

function readSpiffeId(der: Uint8Array): string | undefined {
	try {
		const checked = validateLeaf(readCertificate(der));
		return checked.ok ? checked.value : undefined;
	} catch {
		// Certificates of others may be what ours never are; they have a subject.
		return undefined;
	}
}

/** A browser shows its certificate on behalf of any page.
 *  @throws AdminError 403 */
function checkSite({ headers }: IncomingMessage): void {
	const site = headers["sec-fetch-site"];
	if (site === undefined || site === "same-origin" || site === "none") return;
	throw new AdminError(403, "FORBIDDEN", "a page of another site asks: open this one itself");
}

function refuse(problem: string): AdminError {
	return new AdminError(401, "UNAUTHENTICATED", `the client certificate ${problem}`);
}
