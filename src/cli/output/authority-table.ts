import type { AuthorityStatus } from "../mesh/admin-api.ts";
import { count } from "./count.ts";
import { formatTable } from "./table.ts";

/** The slots of an authority, and for whom a rotation waits. */
export function formatAuthority(status: AuthorityStatus): string {
	const { roots, issuers, jwtKeys } = status;
	const rows = [
		...roots.map((root) => [
			"root",
			root.name,
			root.phase,
			...timesOf(root),
			root.isOwn ? keyOf(root) : "upstream",
			describeRoot(root),
		]),
		...issuers.map((issuer) => [
			"issuer",
			issuer.name,
			issuer.phase,
			...timesOf(issuer),
			keyOf(issuer),
			`under ${issuer.root || "nobody yet"}`,
		]),
		...jwtKeys.map((key) => ["jwt key", key.name, key.phase, ...timesOf(key), keyOf(key), `kid ${key.keyId}`]),
	];
	const head = `trust domain ${status.trustDomain}, bundle ${status.sequence}, ${count(status.live, "live proxy", "live proxies")}\n${describeKeys(status)}\n`;
	return `${head}${formatTable(["WHAT", "NAME", "PHASE", "SINCE", "UNTIL", "KEY", ""], rows)}${formatWaiting(status)}`;
}

/** When a new root begins to sign. */
export function describeAwaited({ live }: Pick<AuthorityStatus, "live">): string {
	if (live === 0) return "it signs at once: no proxy is live";
	return live === 1
		? "it signs when the one live proxy has acknowledged it"
		: `it signs when all ${live} live proxies have acknowledged it`;
}

/** The proxies that have not acknowledged the newest bundle; empty when there are none. */
export function formatWaiting({ missing }: AuthorityStatus): string {
	if (missing.length === 0) return "";
	const lines = missing.map(({ name, since }) => `  ${name} since ${formatTime(since)}\n`);
	return `\nwaiting for ${missing.length} ${missing.length === 1 ? "proxy" : "proxies"} to acknowledge the bundle:\n${lines.join("")}`;
}

function describeKeys({ keys: { place, problem } }: AuthorityStatus): string {
	return `new keys go to ${place}\n${problem === undefined ? "" : `they cannot be used now: ${problem}\n`}`;
}

function keyOf({ keyIn }: { readonly keyIn?: string }): string {
	return keyIn ?? "stored";
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
