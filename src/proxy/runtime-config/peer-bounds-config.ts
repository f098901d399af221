import type { Metadata as MetadataMessage } from "../../api/gen/envoy/config/core/v3/base_pb.js";

/** What connections of mutual TLS do not outlive. */
export interface PeerBoundsConfig {
	/** What connections of peers that nobody vouches for any more have left, for requests under way. */
	readonly graceMs: number;
	/** The secret that names peers whose identity was taken away, over ADS; undefined when nobody says so. */
	readonly revokedPeers: string | undefined;
}

const defaultGraceMs = 30_000;
/** Timers of a day are long enough for anything that is under way. */
const maxGraceMs = 24 * 3_600_000;

/** Of a filter chain or a cluster whose connections are to end with what vouches for their peer: our control plane asks for it of mutual
 *  TLS, and nobody else by chance. Envoy keeps them open. */
export function readPeerBounds(message: MetadataMessage | undefined): PeerBoundsConfig | undefined {
	const wanted = message?.filterMetadata["amime"];
	if (wanted?.["ends_with_peer_certificate"] !== true) return undefined;
	const { untrusted_grace_seconds: seconds, revoked_peers_secret: secret } = wanted;
	return {
		graceMs: typeof seconds === "number" && seconds >= 0 ? Math.min(seconds * 1000, maxGraceMs) : defaultGraceMs,
		revokedPeers: typeof secret === "string" && secret !== "" ? secret : undefined,
	};
}
