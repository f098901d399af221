import { parseSpiffeId } from "../model/index.ts";
import type { IdentityRegistry } from "../registry/index.ts";
import type { ServeAdminOptions } from "./serve-admin.ts";
import { isAdminIdentity } from "./serve-agents.ts";
import type { ServerCertificate } from "./server-certificate.ts";

/** What the admin API shows, and whom it trusts: with the mesh's own authority identities with the admin flag too. */
export function readAdminTls(
	adminTls: "mesh" | { readonly cert: string; readonly key: string; readonly clientCa?: string } | undefined,
	certificate: ServerCertificate | undefined,
	identity: IdentityRegistry,
): ServeAdminOptions["tls"] {
	if (adminTls === undefined) return undefined;
	if (adminTls === "mesh")
		return {
			context: () => certificate!.context(),
			onChange: (listener) => certificate!.onChange(listener),
			isAdmin: (id) => isAdminIdentity(identity, parseSpiffeId(id)),
		};
	const { cert, key, clientCa } = adminTls;
	const context = { cert, key, ...(clientCa !== undefined && { ca: clientCa }) };
	return { context: () => context, onChange: () => () => undefined, isAdmin: () => false };
}
