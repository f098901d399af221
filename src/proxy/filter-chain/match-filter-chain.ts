import { evaluateTreeBy, type MatchInput, type MatchTree } from "../../engine/authorization/index.ts";
import { isInCidr, parseAddress } from "../../engine/matcher/index.ts";
import type { FilterChainConfig, FilterChainMatch } from "../runtime-config/index.ts";

/** What a filter chain is chosen by. */
export interface ConnectionProperties {
	readonly destinationIp: string;
	readonly destinationPort: number;
	/** The socket's own peer. */
	readonly directSourceIp: string;
	/** The peer after the PROXY protocol. */
	readonly sourceIp: string;
	readonly sourcePort: number;
	/** Lower case; empty without SNI. */
	readonly serverName: string;
	/** `tls`, `raw_buffer`, or empty when nothing looked. */
	readonly transportProtocol: string;
	readonly applicationProtocols: readonly string[];
}

/** Chooses the chain for a connection as Envoy does: criterion after criterion, keeping the most specific matches of each; a chain that
 *  lost on an earlier criterion does not come back. Spec: Envoy `FilterChainMatch`.
 *  @returns undefined when none matches */
export function matchFilterChain<Chain extends { readonly config: FilterChainConfig }>(
	chains: readonly Chain[],
	connection: ConnectionProperties,
): Chain | undefined {
	let left = chains;
	for (const score of criteria) {
		left = keepMostSpecific(left, (chain) => score(chain.config.match, connection));
		if (left.length === 0) return undefined;
	}
	return left[0];
}

/** Chooses the name of a chain by a listener's matcher. */
export function matchChainName(tree: MatchTree, connection: ConnectionProperties): string | undefined {
	return evaluateTreeBy(tree, (input) => readInput(input, connection))?.name;
}

function readInput(input: MatchInput, connection: ConnectionProperties): string | undefined {
	switch (input.kind) {
		case "source-ip":
			return connection.sourceIp;
		case "source-port":
			return String(connection.sourcePort);
		case "direct-source-ip":
			return connection.directSourceIp;
		case "destination-ip":
			return connection.destinationIp;
		case "destination-port":
			return String(connection.destinationPort);
		case "server-name":
			return connection.serverName || undefined;
		case "source-type":
			return isSameMachine(connection) ? "local" : undefined;
		case "transport-protocol":
			return connection.transportProtocol || undefined;
		case "application-protocol":
			return connection.applicationProtocols.length === 0
				? undefined
				: connection.applicationProtocols.map((protocol) => `'${protocol}'`).join(",");
		// A chain is chosen before the handshake.
		case "uri-san":
		case "dns-san":
		case "subject":
		case "request-header":
		case "response-header":
		case "response-status":
		case "response-status-class":
		case "response-is-local":
		case "request-query":
		case "filter-state":
		case "expression":
			return undefined;
	}
}

/** How specifically a chain matches: above 0, 0 when it does not ask, below 0 when it does not match. */
type Score = (match: FilterChainMatch, connection: ConnectionProperties) => number;

const mismatch = -1;

const criteria: readonly Score[] = [
	({ destinationPort }, connection) =>
		destinationPort === undefined ? 0 : destinationPort === connection.destinationPort ? 1 : mismatch,
	({ destinationRanges }, { destinationIp }) => scoreRanges(destinationRanges, destinationIp),
	({ serverNames }, { serverName }) => scoreServerNames(serverNames, serverName),
	({ transportProtocol }, connection) =>
		transportProtocol === "" ? 0 : transportProtocol === (connection.transportProtocol || "raw_buffer") ? 1 : mismatch,
	({ applicationProtocols }, connection) =>
		applicationProtocols.length === 0
			? 0
			: applicationProtocols.some((protocol) => connection.applicationProtocols.includes(protocol))
				? 1
				: mismatch,
	({ directSourceRanges }, { directSourceIp }) => scoreRanges(directSourceRanges, directSourceIp),
	({ sourceType }, connection) => {
		if (sourceType === "any") return 0;
		return (sourceType === "same-ip-or-loopback") === isSameMachine(connection) ? 1 : mismatch;
	},
	({ sourceRanges }, { sourceIp }) => scoreRanges(sourceRanges, sourceIp),
	({ sourcePorts }, { sourcePort }) => (sourcePorts.length === 0 ? 0 : sourcePorts.includes(sourcePort) ? 1 : mismatch),
];

function keepMostSpecific<Chain>(chains: readonly Chain[], score: (chain: Chain) => number): readonly Chain[] {
	let best = mismatch;
	for (const chain of chains) best = Math.max(best, score(chain));
	return best === mismatch ? [] : chains.filter((chain) => score(chain) === best);
}

function scoreRanges(ranges: FilterChainMatch["sourceRanges"], ip: string): number {
	if (ranges.length === 0) return 0;
	const address = parseAddress(ip);
	if (address === undefined) return mismatch;
	let best = mismatch;
	for (const range of ranges) if (isInCidr(range, address)) best = Math.max(best, 1 + range.prefixLength);
	return best;
}

function scoreServerNames(names: readonly string[], serverName: string): number {
	if (names.length === 0) return 0;
	let best = mismatch;
	for (const name of names) {
		if (name === serverName) return Number.POSITIVE_INFINITY;
		if (name.startsWith("*.") && serverName.endsWith(name.slice(1))) best = Math.max(best, name.length);
	}
	return best;
}

function isSameMachine({ sourceIp, destinationIp }: ConnectionProperties): boolean {
	// As in Envoy, the other addresses of 127.0.0.0/8 are no loopback.
	return sourceIp === destinationIp || sourceIp === "::1" || sourceIp === "127.0.0.1";
}
