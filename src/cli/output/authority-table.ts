import type { AuthorityStatus } from "../mesh/admin-api.ts";
import { formatTable } from "./table.ts";

/** The slots of an authority, and for whom a rotation waits. */
export function formatAuthority(status: AuthorityStatus): string {
	const { roots, issuers, jwtKeys } = status;
	const rows = [
		...roots.map((root) => ["root", root.name, root.phase, ...timesOf(root), describeRoot(root)]),
		...issuers.map((issuer) => [
			"issuer",
			issuer.name,
			issuer.phase,
			...timesOf(issuer),
			`under ${issuer.root || "nobody yet"}`,
		]),
		...jwtKeys.map((key) => ["jwt key", key.name, key.phase, ...timesOf(key), `kid ${key.keyId}`]),
	];
	const head = `trust domain ${status.trustDomain}, bundle ${status.sequence}, ${status.live} live proxies\n\n`;
	return `${head}${formatTable(["WHAT", "NAME", "PHASE", "SINCE", "UNTIL", ""], rows)}${formatWaiting(status)}`;
}

/** The proxies that have not acknowledged the newest bundle; empty when there are none. */
export function formatWaiting({ missing }: AuthorityStatus): string {
	if (missing.length === 0) return "";
	const lines = missing.map(({ name, since }) => `  ${name} since ${formatTime(since)}\n`);
	return `\nwaiting for ${missing.length} ${missing.length === 1 ? "proxy" : "proxies"} to acknowledge the bundle:\n${lines.join("")}`;
}

function timesOf({ since, notAfter }: { readonly since: number; readonly notAfter: number }): string[] {
	return [formatTime(since), formatTime(notAfter)];
}

function describeRoot({ isOwn, phase, heldBy }: AuthorityStatus["roots"][number]): string {
	const whose = isOwn ? "own" : "upstream";
	if (phase !== "retiring") return whose;
	const names = heldBy.slice(0, 3).map(({ name }) => name);
	const more = heldBy.length > names.length ? ` and ${heldBy.length - names.length} more` : "";
	return names.length === 0
		? `${whose}, until what it signed has ended`
		: `${whose}, shown by ${names.join(", ")}${more}`;
}

function formatTime(epochMs: number): string {
	return new Date(epochMs).toISOString().replace(/\.\d+Z$/, "Z");
}
