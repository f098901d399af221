import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";
import { AdminError } from "./router.ts";

/** What somebody may do: look; change config too; everything, such as having certificates signed. */
export type Role = "viewer" | "editor" | "admin";

/** A bearer token of the admin API, and who has it. */
export interface AccessToken {
	/** For the history and the audit log. */
	readonly name: string;
	readonly role: Role;
	readonly token: string;
}

/** Who shows a client certificate, by the one SPIFFE ID in it or by its subject (`CN=ann, O=ops`, in the certificate's order). */
export type CertificateHolder = Pick<AccessToken, "name" | "role"> &
	({ readonly identity: string } | { readonly subject: string });

/** Who asks. */
export type Principal = Pick<AccessToken, "name" | "role">;

const ranks: Record<Role, number> = { viewer: 0, editor: 1, admin: 2 };

/** Who has the bearer token of a request, found in a time that does not depend on what is right about it.
 *  @throws AdminError 401 */
export function authenticate(request: IncomingMessage, tokens: readonly AccessToken[]): Principal {
	const given = /^Bearer (.+)$/i.exec(request.headers.authorization ?? "")?.[1] ?? "";
	const digestOfGiven = digest(given);
	let found: Principal | undefined;
	for (const { token, name, role } of tokens) if (timingSafeEqual(digestOfGiven, digest(token))) found = { name, role };
	if (given === "" || found === undefined)
		throw new AdminError(
			401,
			"UNAUTHENTICATED",
			`${given === "" ? "no bearer token was given" : "nobody has this bearer token"}: it is in control.json of the state folder, or in the file of --tokens (AMIME_TOKEN, or 'token' of a context, for the command line)`,
		);
	return found;
}

/** @throws AdminError 403 */
export function checkRole({ name, role }: Principal, needed: Role): void {
	if (ranks[role] >= ranks[needed]) return;
	throw new AdminError(403, "FORBIDDEN", `'${name}' is ${role}, this takes ${needed}: ask for a token with that role`);
}

function digest(text: string): Buffer {
	return createHash("sha256").update(text).digest();
}

/** Refuses names in `Host` other than `localhost` and addresses: a page of another site whose name was made to lead here (DNS
 *  rebinding) gets nothing to read.
 *  @throws AdminError 421 */
export function checkHost(request: IncomingMessage): void {
	const host = (request.headers.host ?? "").replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
	if (host === "" || host === "localhost" || isIP(host) !== 0) return;
	throw new AdminError(421, "HOST_UNKNOWN", `this server is not '${host}': use its address`);
}
