import { matchString } from "../engine/matcher/index.ts";
import type { ClusterConfig, UpstreamTlsConfig, UpstreamTransportSocket } from "../proxy/runtime-config/index.ts";
import { describeString } from "./describe.ts";
import type { PlacedEndpoint } from "./endpoints.ts";

/** How a connection to an endpoint is protected. */
export interface Transport {
	/** Undefined for plain text. */
	readonly tls?: UpstreamTlsConfig;
	readonly mode: "plain text" | "TLS" | "mutual TLS";
	readonly serverName: string;
	/** Names of which the server must have one, for people. */
	readonly expected: readonly string[];
	/** Whether a server with this identity is believed. */
	accepts(identity: string): boolean;
}

/** The transport socket of an endpoint: the first whose criteria its metadata meets, else the cluster's. */
export function resolveTransport(cluster: ClusterConfig, { config }: PlacedEndpoint, host: string): Transport {
	const marks = (config.metadata["envoy.transport_socket_match"] ?? {}) as Readonly<Record<string, unknown>>;
	const matched = cluster.transportSocketMatches.find(({ criteria }) =>
		Object.entries(criteria).every(([key, value]) => marks[key] === value),
	);
	return describeSocket(matched?.socket ?? cluster.transportSocket, cluster, host);
}

export function describeSocket(socket: UpstreamTransportSocket, cluster: ClusterConfig, host: string): Transport {
	if (socket.kind === "raw-buffer") return { mode: "plain text", serverName: "", expected: [], accepts: () => true };
	const { tls } = socket;
	const { validation } = tls;
	const context =
		validation.kind === "inline" ? validation.context : validation.kind === "secret" ? validation.defaults : undefined;
	const names = context?.subjectAltNames ?? [];
	const isAuto = tls.autoHostSni || cluster.http.autoSni;
	return {
		tls,
		mode: tls.certificates.length > 0 ? "mutual TLS" : "TLS",
		serverName: tls.sni !== "" ? tls.sni : isAuto ? host.replace(/:\d+$/, "") : "",
		expected: names.map(({ matcher }) => describeString(matcher).replace(/^'(.*)'$/, "$1")),
		accepts: (identity) => names.length === 0 || names.some(({ matcher }) => matchString(matcher, identity)),
	};
}
