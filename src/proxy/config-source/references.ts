import type {
	ClusterConfig,
	CommonTlsConfig,
	ConfigSourceConfig,
	HttpConnectionManagerConfig,
	HttpFilterConfig,
	ListenerConfig,
	PeerBoundsConfig,
	SecretConfig,
	UpstreamTransportSocket,
} from "../runtime-config/index.ts";

/** A resource that another one refers to, and where it is to be had. */
export interface Reference {
	readonly name: string;
	readonly source: ConfigSourceConfig;
}

/** A secret that a TLS context refers to. */
export interface SecretReference extends Reference {
	/** What it must be. */
	readonly kind: SecretConfig["kind"];
	/** Whether listener or cluster wait for it. */
	readonly isAwaited: boolean;
}

/** A route configuration that a listener gets over RDS. */
export interface RouteReference extends Reference {
	/** Of the HTTP connection manager that uses it. */
	readonly statPrefix: string;
}

/** The configuration of a filter that a listener gets over ECDS. */
export interface ExtensionReference extends Reference {
	/** What it filters, as statistics call it. */
	readonly of: "http_filter" | "network_filter" | "tcp_listener_filter";
	/** Of a network filter: whether it is the last of its chain. */
	readonly isTerminal?: boolean;
	/** Whether the listener waits for it. */
	readonly isAwaited: boolean;
	/** Type URLs that it may be of. */
	readonly types: readonly string[];
}

/** The scopes of routes that a listener gets over SRDS. */
export interface ScopeReference extends Reference {
	/** Where the route configurations come from that scopes name. */
	readonly routeSource: ConfigSourceConfig | undefined;
	readonly statPrefix: string;
}

/** The route configurations that a listener gets over RDS, those of scopes that it holds itself included. */
export function listRouteReferences(listener: ListenerConfig): RouteReference[] {
	return managersOf(listener).flatMap(({ routes, statPrefix }): RouteReference[] => {
		if (routes.kind === "rds") return [{ name: routes.name, source: routes.source, statPrefix }];
		if (routes.kind !== "scoped" || routes.routeSource === undefined) return [];
		const source = routes.routeSource;
		return routes.scopes.flatMap((scope) =>
			scope.routes.kind === "named" ? [{ name: scope.routes.name, source, statPrefix }] : [],
		);
	});
}

/** The sources of scopes. */
export function listScopeReferences(listener: ListenerConfig): ScopeReference[] {
	return managersOf(listener).flatMap(({ routes, statPrefix }): ScopeReference[] =>
		routes.kind === "scoped" && routes.source !== undefined
			? [{ name: routes.name, source: routes.source, routeSource: routes.routeSource, statPrefix }]
			: [],
	);
}

/** The configurations of filters that a listener gets over ECDS. */
export function listExtensionReferences(listener: ListenerConfig): ExtensionReference[] {
	const http = managersOf(listener).flatMap((manager) =>
		filtersOf(manager).flatMap((filter): ExtensionReference[] => {
			if (filter.kind !== "discovered") return [];
			const { resource: name, source, isAwaited, types } = filter.config;
			return [{ of: "http_filter", name, source, isAwaited, types }];
		}),
	);
	const network = chainsOf(listener).flatMap(({ filters }) =>
		filters.flatMap((filter): ExtensionReference[] => {
			if (filter.kind !== "discovered") return [];
			const { isTerminal } = filter;
			const { resource: name, source, isAwaited, types } = filter.config;
			return [{ of: "network_filter", name, source, isAwaited, types, isTerminal }];
		}),
	);
	const own = listener.listenerFilters.flatMap((filter): ExtensionReference[] => {
		if (filter.kind !== "discovered") return [];
		const { resource: name, source, isAwaited, types } = filter.config;
		return [{ of: "tcp_listener_filter", name, source, isAwaited, types }];
	});
	return [...http, ...network, ...own];
}

function filtersOf({ filters, upgrades }: HttpConnectionManagerConfig): readonly HttpFilterConfig[] {
	return [...filters, ...upgrades.flatMap((upgrade) => upgrade.filters ?? [])];
}

function managersOf(listener: ListenerConfig): HttpConnectionManagerConfig[] {
	return chainsOf(listener).flatMap((chain) =>
		chain.filters.flatMap((filter) => (filter.kind === "http-connection-manager" ? [filter.config] : [])),
	);
}

/** The secrets that a listener gets over SDS. */
export function listListenerSecrets(listener: ListenerConfig): SecretReference[] {
	const bounds = chainsOf(listener).flatMap(({ peerBounds }) => listRevokedPeers(peerBounds));
	return [...tlsOfListener(listener).flatMap(listSecrets), ...listCredentials(listener), ...bounds];
}

/** Secrets that filters put into requests. */
function listCredentials(listener: ListenerConfig): SecretReference[] {
	return managersOf(listener).flatMap((manager) =>
		filtersOf(manager).flatMap((filter): SecretReference[] => {
			if (filter.kind !== "credential-injector" || filter.config.source === undefined) return [];
			return [{ name: filter.config.secret, source: filter.config.source, kind: "generic", isAwaited: true }];
		}),
	);
}

/** The secrets that a cluster gets over SDS. */
export function listClusterSecrets(cluster: ClusterConfig): SecretReference[] {
	return [...tlsOfCluster(cluster).flatMap(listSecrets), ...listRevokedPeers(cluster.peerBounds)];
}

/** Peers are trusted until the control plane says otherwise: nobody waits for that. */
function listRevokedPeers(bounds: PeerBoundsConfig | undefined): SecretReference[] {
	if (bounds?.revokedPeers === undefined) return [];
	return [
		{ name: bounds.revokedPeers, source: { kind: "ads", initialFetchTimeoutMs: 0 }, kind: "generic", isAwaited: false },
	];
}

/** Whether private keys are written inside the listener or cluster. */
export function hasInlineKey(config: ListenerConfig | ClusterConfig): boolean {
	const all = "filterChains" in config ? tlsOfListener(config) : tlsOfCluster(config);
	return all.some((tls) =>
		tls.certificates.some(
			(source) =>
				source.kind === "inline" &&
				(source.certificate.privateKey?.kind === "inline" || source.certificate.pkcs12?.kind === "inline"),
		),
	);
}

function chainsOf(listener: ListenerConfig): ListenerConfig["filterChains"] {
	return listener.defaultFilterChain === undefined
		? listener.filterChains
		: [...listener.filterChains, listener.defaultFilterChain];
}

function tlsOfListener(listener: ListenerConfig): CommonTlsConfig[] {
	return chainsOf(listener).flatMap(({ transportSocket }) =>
		transportSocket.kind === "tls" ? [transportSocket.tls] : [],
	);
}

function tlsOfCluster(cluster: ClusterConfig): CommonTlsConfig[] {
	const sockets: UpstreamTransportSocket[] = [
		cluster.transportSocket,
		...cluster.transportSocketMatches.map(({ socket }) => socket),
	];
	return sockets.flatMap((socket) => (socket.kind === "tls" ? [socket.tls] : []));
}

function listSecrets(tls: CommonTlsConfig): SecretReference[] {
	const sources = [
		...tls.certificates.map((source) => ({ source, kind: "tls-certificate" as const })),
		{ source: tls.validation, kind: "validation-context" as const },
		{ source: tls.ticketKeys, kind: "session-ticket-keys" as const },
	];
	// Without a source the secret is one of the bootstrap, which is there already.
	return sources.flatMap(({ source, kind }) =>
		source.kind === "secret" && source.source !== undefined
			? [{ name: source.name, source: source.source, kind, isAwaited: true }]
			: [],
	);
}
