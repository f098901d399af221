import { X509Certificate } from "node:crypto";
import { MeshError } from "../../core/index.ts";
import { findSystemPath } from "../../os/index.ts";
import type { XdsTarget, XdsTls } from "../../xds/client/index.ts";
import type {
	AddressConfig,
	ApiConfigSourceConfig,
	ClusterConfig,
	UpstreamTransportSocket,
} from "../runtime-config/index.ts";
import { type SecretSource, verifyPeer } from "../secret/index.ts";

/** Where the management server of a config source is: a static cluster of the bootstrap, or an address written there.
 *  @throws MeshError XDS_CLUSTER_UNUSABLE when it names no cluster that can be used so */
export function resolveXdsTarget(
	api: ApiConfigSourceConfig,
	clusters: readonly ClusterConfig[],
	secrets: SecretSource,
): XdsTarget {
	const service = api.services[0];
	if (service === undefined) throw unusable("a config source", "names no gRPC service");
	const metadata = service.initialMetadata;
	if (service.target.kind === "uri") {
		const { uri } = service.target;
		return { addresses: [uri], authority: uri, tls: undefined, metadata, keepaliveMs: 0 };
	}
	const { authority, name } = service.target;
	const cluster = clusters.find((candidate) => candidate.name === name);
	if (cluster === undefined) throw unusable(name, "is not among the static clusters of the bootstrap");
	const { discovery } = cluster;
	if (discovery.kind !== "static" && discovery.kind !== "strict-dns" && discovery.kind !== "logical-dns") {
		throw unusable(name, `is found by ${discovery.kind}: a management server needs a static address or DNS`);
	}
	const addresses = discovery.assignment.localities.flatMap(({ endpoints }) =>
		endpoints.map(({ address }) => formatAddress(address)),
	);
	if (addresses.length === 0) throw unusable(name, "has no endpoint");
	return {
		addresses,
		authority: authority === "" ? name : authority,
		tls: resolveTls(name, cluster.transportSocket, secrets),
		metadata,
		keepaliveMs: cluster.http.http2.keepalive?.intervalMs ?? 0,
	};
}

function unusable(cluster: string, problem: string): MeshError {
	return new MeshError("XDS_CLUSTER_UNUSABLE", `management server ${cluster}: ${problem}`);
}

function formatAddress(address: AddressConfig): string {
	if (address.kind !== "socket") return `unix:${findSystemPath(address)}`;
	return address.address.includes(":") ? `[${address.address}]:${address.port}` : `${address.address}:${address.port}`;
}

/** The material is looked up for each connection, so that a rotated secret is for the next one; a connection whose secrets have not come yet
 *  fails, and is tried again. */
function resolveTls(cluster: string, socket: UpstreamTransportSocket, secrets: SecretSource): XdsTarget["tls"] {
	if (socket.kind === "raw-buffer") return undefined;
	const { tls } = socket;
	return (): XdsTls => {
		const [wanted] = tls.certificates;
		const certificate = wanted === undefined ? undefined : secrets.certificate(wanted);
		const validation = secrets.validation(tls.validation);
		// Without the roots nobody would be verified.
		if (validation === undefined || (wanted !== undefined && certificate === undefined))
			throw new MeshError("XDS_SECRETS_MISSING", `management server ${cluster}: its TLS secrets have not come yet`);
		const rules = validation === "none" ? undefined : validation;
		return {
			ca: rules?.ca,
			cert: certificate?.cert,
			key: certificate?.key,
			serverName: tls.sni,
			rejectUnauthorized: rules !== undefined && !rules.acceptUntrusted,
			verify: (leaf) => (rules === undefined ? undefined : verifyPeer(rules, new X509Certificate(leaf))),
		};
	};
}
