import type {
	ClusterConfig,
	CommonTlsConfig,
	ConfigSourceConfig,
	ListenerConfig,
	UpstreamTransportSocket,
} from "../runtime-config/index.ts";

/** A resource that another one refers to, and where it is to be had. */
export interface Reference {
	readonly name: string;
	readonly source: ConfigSourceConfig;
}

/** A route configuration that a listener gets over RDS. */
export interface RouteReference extends Reference {
	/** Of the HTTP connection manager that uses it. */
	readonly statPrefix: string;
}

/** The route configurations that a listener gets over RDS. */
export function listRouteReferences(listener: ListenerConfig): RouteReference[] {
	return chainsOf(listener).flatMap((chain) =>
		chain.filters.flatMap((filter) =>
			filter.kind === "http-connection-manager" && filter.config.routes.kind === "rds"
				? [{ ...filter.config.routes, statPrefix: filter.config.statPrefix }]
				: [],
		),
	);
}

/** The secrets that a listener gets over SDS. */
export function listListenerSecrets(listener: ListenerConfig): Reference[] {
	return tlsOfListener(listener).flatMap(listSecrets);
}

/** The secrets that a cluster gets over SDS. */
export function listClusterSecrets(cluster: ClusterConfig): Reference[] {
	return tlsOfCluster(cluster).flatMap(listSecrets);
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

function listSecrets(tls: CommonTlsConfig): Reference[] {
	const references: Reference[] = [];
	for (const source of [...tls.certificates, tls.validation]) {
		// Without a source the secret is one of the bootstrap, which is there already.
		if (source.kind === "secret" && source.source !== undefined) {
			references.push({ name: source.name, source: source.source });
		}
	}
	return references;
}
