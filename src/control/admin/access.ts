import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";
import { AdminError } from "./router.ts";

/** Checks the bearer token in a time that does not depend on what is right about it.
 *  @throws AdminError 401 */
export function checkToken(request: IncomingMessage, token: string): void {
	const given = /^Bearer (.+)$/i.exec(request.headers.authorization ?? "")?.[1] ?? "";
	if (given === "" || !timingSafeEqual(digest(given), digest(token)))
		throw new AdminError(
			401,
			"UNAUTHENTICATED",
			"missing or wrong bearer token; it is in control.json of the state folder",
		);
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
