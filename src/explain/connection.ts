import type { ConnectionFacts, RequestHead, SocketAddress } from "../engine/format/index.ts";
import { createStreamInfo } from "../engine/format/index.ts";
import { matchString } from "../engine/matcher/index.ts";
import type { ForwardAction } from "../engine/router/index.ts";
import { matchFilterChain } from "../proxy/filter-chain/index.ts";
import type {
	ConnectionPredicate,
	DownstreamTlsConfig,
	FilterChainConfig,
	ListenerConfig,
	ListenerFilterConfig,
	NetworkFilterConfig,
} from "../proxy/runtime-config/index.ts";
import { explainRbac } from "./authorization.ts";
import type { Ending, HopExplanation, PolicyExplanation } from "./explanation.ts";
import { simulateHttp } from "./http.ts";
import { describeDenial, type FilterContext } from "./http-filters.ts";

/** A connection as it comes to a listener. */
export interface Arrival {
	readonly sourceAddress: string;
	readonly destinationAddress: string;
	readonly destinationPort: number;
	/** Undefined for plain text. */
	readonly tls?: {
		readonly serverName: string;
		readonly alpn: readonly string[];
		/** SPIFFE ID in the client's certificate; undefined without one. */
		readonly identity?: string;
	};
	/** Undefined for bytes about which nothing is known. */
	readonly request?: RequestHead;
}

/** Where a connection or its request goes on to. */
export interface Target {
	readonly cluster: string;
	readonly percent: number;
	readonly request?: RequestHead;
	readonly action?: ForwardAction;
}

export interface HopResult {
	readonly hop: HopExplanation;
	readonly targets: readonly Target[];
	readonly end?: Ending;
}

/** Leads a connection through a listener: chain, transport, network filters, and HTTP where the chain speaks it. */
export function simulateConnection(listener: ListenerConfig, arrival: Arrival, context: FilterContext): HopResult {
	const chain = chooseChain(listener, arrival);
	const head = { proxy: context.proxy.name, listener: listener.name };
	if (chain === undefined)
		return {
			hop: { ...head, filterChain: "", policies: [], notes: [] },
			targets: [],
			end: {
				outcome: "denied",
				status: 0,
				summary: `no filter chain of ${listener.name} in front of ${context.name} takes ${describeArrival(arrival)}`,
				because: [],
			},
		};
	const { transportSocket } = chain;
	const tls = transportSocket.kind === "tls" ? transportSocket.tls : undefined;
	const described = {
		...head,
		filterChain: chain.name,
		...(tls !== undefined && { tls: tls.requireClientCertificate ? "asks for a client certificate" : "ends TLS" }),
	};
	const refusal = tls === undefined ? undefined : refuseTransport(tls, arrival, context.name);
	if (refusal !== undefined) return { hop: { ...described, policies: [], notes: [] }, targets: [], end: refusal };
	const facts = describeConnection(arrival, tls !== undefined, listener, chain);
	return runNetworkFilters(
		chain.filters,
		facts,
		arrival,
		context,
		described,
		tls === undefined && arrival.tls !== undefined,
	);
}

function chooseChain(
	{ filterChains, listenerFilters, defaultFilterChain }: ListenerConfig,
	arrival: Arrival,
): FilterChainConfig | undefined {
	const looks = (kind: ListenerFilterConfig["kind"]): boolean =>
		listenerFilters.some(
			(filter) =>
				filter.kind === kind &&
				(filter.disabledFor === undefined || !holds(filter.disabledFor, arrival.destinationPort)),
		);
	const isTlsSeen = looks("tls-inspector") && arrival.tls !== undefined;
	const isHttpSeen = looks("http-inspector") && arrival.tls === undefined && arrival.request !== undefined;
	const chosen = matchFilterChain(
		filterChains.map((config) => ({ config })),
		{
			destinationIp: arrival.destinationAddress,
			destinationPort: arrival.destinationPort,
			directSourceIp: arrival.sourceAddress,
			sourceIp: arrival.sourceAddress,
			sourcePort: 40_000,
			serverName: isTlsSeen ? arrival.tls!.serverName.toLowerCase() : "",
			transportProtocol: isTlsSeen ? "tls" : looks("tls-inspector") ? "raw_buffer" : "",
			applicationProtocols: isTlsSeen ? arrival.tls!.alpn : isHttpSeen ? ["http/1.1"] : [],
		},
	);
	return chosen?.config ?? defaultFilterChain;
}

function holds(predicate: ConnectionPredicate, port: number): boolean {
	switch (predicate.kind) {
		case "any":
			return true;
		case "or":
			return predicate.predicates.some((one) => holds(one, port));
		case "and":
			return predicate.predicates.every((one) => holds(one, port));
		case "not":
			return !holds(predicate.predicate, port);
		case "destination-ports":
			return port >= predicate.start && port < predicate.end;
	}
}

function describeArrival({ tls, destinationPort }: Arrival): string {
	if (tls === undefined) return `plain text on port ${destinationPort}`;
	return `TLS${tls.serverName === "" ? "" : ` for ${tls.serverName}`} on port ${destinationPort}`;
}

/** Why a chain that ends TLS does not take a client; undefined when it does. */
function refuseTransport(tls: DownstreamTlsConfig, { tls: given }: Arrival, name: string): Ending | undefined {
	const end = (summary: string, fix: string): Ending => ({ outcome: "denied", status: 0, summary, fix, because: [] });
	if (given === undefined)
		return end(
			`${name} takes only TLS and the client sends plain text`,
			tls.requireClientCertificate
				? "give the client a sidecar, or make the PeerAuthentication PERMISSIVE"
				: "let the client speak TLS",
		);
	if (!tls.requireClientCertificate) return undefined;
	if (given.identity === undefined)
		return end(
			`${name} wants a client certificate and the client has none`,
			"give the client a certificate of the mesh",
		);
	const { validation } = tls;
	const names =
		validation.kind === "inline"
			? validation.context.subjectAltNames
			: validation.kind === "secret"
				? (validation.defaults?.subjectAltNames ?? [])
				: [];
	if (names.length === 0 || names.some(({ matcher }) => matchString(matcher, given.identity!))) return undefined;
	return end(`${name} does not take the identity ${given.identity}`, "check the trust domain and its aliases");
}

function describeConnection(
	arrival: Arrival,
	isTlsEnded: boolean,
	listener: ListenerConfig,
	chain: FilterChainConfig,
): ConnectionFacts {
	const { tls } = arrival;
	const remote = toAddress(arrival.sourceAddress, 40_000);
	const local = toAddress(arrival.destinationAddress, arrival.destinationPort);
	return {
		id: 1,
		remote,
		directRemote: remote,
		local,
		directLocal: local,
		serverName: tls?.serverName ?? "",
		tls:
			!isTlsEnded || tls === undefined
				? undefined
				: {
						version: "TLSv1.3",
						cipher: "TLS_AES_128_GCM_SHA256",
						sessionId: "",
						serverName: tls.serverName,
						alpn: tls.alpn[0] ?? "",
						peer: tls.identity === undefined ? undefined : describeCertificate(tls.identity),
						peerVerified: tls.identity !== undefined,
						local: undefined,
					},
		transportFailureReason: "",
		terminationDetails: "",
		filterChainName: chain.name,
		listenerMetadata: listener.metadata,
	};
}

function describeCertificate(identity: string) {
	return {
		subject: "",
		issuer: "",
		serial: "",
		uriSans: [identity],
		dnsSans: [],
		ipSans: [],
		emailSans: [],
		fingerprint256: "",
		fingerprint1: "",
		validFromMs: 0,
		validToMs: 0,
		pem: "",
		chainPem: "",
	};
}

function toAddress(ip: string, port: number): SocketAddress {
	return { text: ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`, ip, port };
}

function runNetworkFilters(
	filters: readonly NetworkFilterConfig[],
	facts: ConnectionFacts,
	arrival: Arrival,
	context: FilterContext,
	described: Pick<HopExplanation, "proxy" | "listener" | "filterChain" | "tls">,
	isTlsPassedOn: boolean,
): HopResult {
	const policies: PolicyExplanation[] = [];
	const notes: string[] = [];
	let cluster: string | undefined;
	const stop = (end: Ending): HopResult => ({ hop: { ...described, policies, notes }, targets: [], end });
	for (const filter of filters) {
		switch (filter.kind) {
			case "rbac": {
				const explained = explainRbac(filter.config, createStreamInfo(facts, 0, 0), context.provenance);
				policies.push(...explained);
				const denying = explained.find(({ isDryRun, verdict }) => !isDryRun && verdict === "denied");
				if (denying !== undefined) return stop(describeDenial(denying, context.name, 0, context.allowPolicies));
				break;
			}
			case "sni-cluster":
				cluster = facts.serverName === "" ? undefined : facts.serverName;
				break;
			case "local-ratelimit":
			case "connection-limit":
				notes.push(`connections may be limited (filter ${filter.name})`);
				break;
			case "tcp-proxy": {
				const { clusters, totalWeight } = filter.config;
				const targets =
					cluster !== undefined
						? [{ cluster, percent: 100 }]
						: clusters
								.filter(({ weight }) => weight > 0 || clusters.length === 1)
								.map(({ name, weight }) => ({
									cluster: name,
									percent: clusters.length === 1 ? 100 : Number(((100 * weight) / totalWeight).toFixed(2)),
								}));
				const request = arrival.request === undefined ? {} : { request: arrival.request };
				return {
					hop: { ...described, policies, notes, tcp: { clusters: targets } },
					targets: targets.map((target) => ({ ...target, ...request })),
				};
			}
			case "http-connection-manager": {
				if (isTlsPassedOn || arrival.request === undefined)
					return stop({
						outcome: "unroutable",
						status: isTlsPassedOn ? 0 : 400,
						summary: `${context.name} expects HTTP there and gets ${isTlsPassedOn ? "TLS" : "other bytes"}`,
						fix: "name the protocol of the Service's port (name or appProtocol)",
						because: [],
					});
				const result = simulateHttp(filter.config, arrival.request, facts, context);
				const { tokens } = result.filters;
				return {
					hop: {
						...described,
						policies: [...policies, ...result.filters.policies],
						notes: [...notes, ...result.filters.notes],
						...(tokens !== undefined && { tokens }),
						http: result.explanation,
					},
					targets: result.targets,
					...(result.end !== undefined && { end: result.end }),
				};
			}
			case "direct-response":
			case "echo":
				return stop({ outcome: "answered", summary: `filter ${filter.name} answers itself`, because: [] });
			default:
				break;
		}
	}
	return stop({
		outcome: "unroutable",
		status: 0,
		summary: `the chain ${described.filterChain} leads nowhere`,
		because: [],
	});
}
