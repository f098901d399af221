import { lookup, Resolver } from "node:dns/promises";
import type { DnsConfig } from "../../runtime-config/index.ts";
import type { DnsStats } from "../../stats/index.ts";

/** The addresses of a name. */
export interface DnsAnswer {
	/** In the order of preference; empty when the name has none. */
	readonly addresses: readonly string[];
	/** How long the answer holds; undefined when that is not known. */
	readonly ttlMs: number | undefined;
}

/** Looks names up. */
export interface DnsResolver {
	/** `withTtl` asks for answers that say how long they hold, `servers` are asked in place of the machine's. Rejects when no answer can
	 *  be had. */
	resolve(name: string, family: DnsConfig["family"], withTtl: boolean, servers?: readonly string[]): Promise<DnsAnswer>;
}

/** The machine's resolver: its hosts file and name services; name servers alone when the time to live matters. */
export function createDnsResolver(stats: DnsStats): DnsResolver {
	async function ask(name: string, family: Family, withTtl: boolean, servers: readonly string[]): Promise<DnsAnswer> {
		stats.resolve_total.value++;
		stats.pending_resolutions.value++;
		try {
			const asksServers = withTtl || servers.length > 0;
			const answer = await (asksServers ? askNameServers(name, family, servers) : askSystem(name, family));
			if (answer.addresses.length === 0) stats.not_found.value++;
			return answer;
		} catch (error) {
			const isTimeout = (error as NodeJS.ErrnoException).code === "ETIMEOUT";
			(isTimeout ? stats.timeouts : stats.get_addr_failure).value++;
			throw error;
		} finally {
			stats.pending_resolutions.value--;
		}
	}
	return {
		async resolve(name, family, withTtl, servers = []) {
			const [first, second] = familiesOf(family);
			const answer = await ask(name, first, withTtl, servers);
			if (second === undefined || (answer.addresses.length > 0 && family !== "all")) return answer;
			const other = await ask(name, second, withTtl, servers);
			const times = [answer.ttlMs, other.ttlMs].filter((ttlMs) => ttlMs !== undefined);
			return {
				addresses: [...answer.addresses, ...other.addresses],
				ttlMs: times.length === 0 ? undefined : Math.min(...times),
			};
		},
	};
}

type Family = 4 | 6;

/** The families to ask for in turn; the second only when the first has nothing, or when all are wanted. */
function familiesOf(family: DnsConfig["family"]): readonly [Family, Family?] {
	switch (family) {
		case "v4-only":
			return [4];
		case "v6-only":
			return [6];
		case "v4-preferred":
		case "all":
			return [4, 6];
		case "auto":
			return [6, 4];
	}
}

async function askSystem(name: string, family: Family): Promise<DnsAnswer> {
	// Both addresses whatever the hosts file says (RFC 6761).
	if (name === "localhost" || name.endsWith(".localhost"))
		return { addresses: [family === 4 ? "127.0.0.1" : "::1"], ttlMs: undefined };
	try {
		const found = await lookup(name, { family, all: true, order: "verbatim" });
		return { addresses: [...new Set(found.map(({ address }) => address))], ttlMs: undefined };
	} catch (error) {
		if (isAbsent(error)) return { addresses: [], ttlMs: undefined };
		throw error;
	}
}

async function askNameServers(name: string, family: Family, servers: readonly string[]): Promise<DnsAnswer> {
	const resolver = new Resolver();
	if (servers.length > 0) resolver.setServers(servers);
	try {
		const records =
			family === 4 ? await resolver.resolve4(name, { ttl: true }) : await resolver.resolve6(name, { ttl: true });
		const ttlMs = Math.min(...records.map(({ ttl }) => ttl)) * 1000;
		return { addresses: records.map(({ address }) => address), ttlMs: Number.isFinite(ttlMs) ? ttlMs : undefined };
	} catch (error) {
		// The name may be known to the machine alone.
		if (isAbsent(error))
			return servers.length > 0 ? { addresses: [], ttlMs: undefined } : await askSystem(name, family);
		throw error;
	}
}

/** The name servers answered that there is no such name, or none with such an address. */
function isAbsent(error: unknown): boolean {
	const code = (error as NodeJS.ErrnoException).code;
	return code === "ENOTFOUND" || code === "ENODATA";
}
