/** Where an xDS server listens. */
export interface ListeningAddress {
	readonly address: string;
	readonly port: number;
}

/** Istio's template for listeners of servers; `%s` is where the server listens. */
const istioPrefix = "xds.istio.io/grpc/lds/inbound/";

/** The template of gRPC's own documents (gRFC A36). */
const grpcPrefix = "grpc/server?xds.resource.listening_address=";

/** Reads the name of a server's listener; undefined for any other name. */
export function readInboundListenerName(name: string): ListeningAddress | undefined {
	const prefix = [istioPrefix, grpcPrefix].find((candidate) => name.startsWith(candidate));
	if (prefix === undefined) return undefined;
	// Some clients put escapes for the colons and brackets of an IPv6 address.
	const found = /^(.+):(\d{1,5})$/.exec(name.slice(prefix.length).replaceAll(/%(3A|5B|5D)/gi, unescapeByte));
	if (found === null) return undefined;
	const address = found[1]!.replace(/^\[(.*)\]$/, "$1");
	const port = Number(found[2]);
	return port <= 65_535 ? { address, port } : undefined;
}

function unescapeByte(text: string): string {
	return String.fromCharCode(Number.parseInt(text.slice(1), 16));
}

/** Stands for destinations that may not be used, and for answers that gRPC cannot give: a cluster without endpoints. */
export const unusableClusterName = "unusable_backend";

export function isUnusableCluster(name: string): boolean {
	return name === unusableClusterName;
}
