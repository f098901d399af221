import type { ConnectionFacts } from "../../../../engine/format/index.ts";
import { xxHash64 } from "../../../../engine/hash/index.ts";
import type { TcpProxyConfig } from "../../../runtime-config/index.ts";

/** What a session is hashed by: its source address, a value of its filter state, or nothing. */
export function hashOf(config: TcpProxyConfig, facts: ConnectionFacts): bigint | undefined {
	if (config.hash.kind === "source-ip") return xxHash64(facts.remote.ip);
	if (config.hash.kind === "none") return undefined;
	const value = facts.filterState?.get(config.hash.key);
	return typeof value === "string" ? xxHash64(value) : undefined;
}
