import type { Clock, Log } from "../core/index.ts";
import type { Authority } from "../identity/index.ts";
import type { SpiffeId } from "../model/index.ts";
import type { IdentityRegistry, Store } from "../registry/index.ts";
import type { AdminServer, CertificateList } from "./admin/index.ts";
import {
	type AgentServer,
	createAgentEndpoints,
	createAgentServer,
	createDownstreamEndpoints,
	createNodeAttestors,
} from "./agents/index.ts";
import type { Holders } from "./authority/index.ts";
import type { ListenAddress } from "./listen-address.ts";
import type { ControlMetrics } from "./metrics.ts";
import type { ServerCertificate } from "./server-certificate.ts";
import type { SnapshotStore } from "./snapshot/index.ts";

/** The parts of a control plane that agents are served from. */
export interface ServeAgentsOptions {
	readonly address: ListenAddress;
	readonly attestationFile?: string;
	readonly store: Store;
	readonly identity: IdentityRegistry;
	readonly authority: Authority;
	/** What the control plane shows to whom it serves over TLS. */
	readonly certificate: ServerCertificate;
	readonly holders: Holders;
	readonly certificates: CertificateList;
	readonly snapshots: Pick<SnapshotStore, "index">;
	readonly metrics: ControlMetrics;
	readonly admin: AdminServer;
	readonly clock: Clock;
	readonly log: Log;
}

const defaultSvidTtlMs = 24 * 3_600_000;

/** Makes the server of agents of a control plane. */
export async function serveAgents(options: ServeAgentsOptions): Promise<AgentServer> {
	const { identity, authority, holders, certificates, snapshots, admin, clock, log } = options;
	const signedCount = options.metrics.counter("citadel_server_success_cert_issuance_count");
	const endpoints = createAgentEndpoints({
		identity,
		authority,
		attestors: createNodeAttestors(options.attestationFile, identity, clock),
		holders,
		svidTtlMs: () => snapshots.index()?.mesh.settings.svidTtlMs ?? defaultSvidTtlMs,
		onSigned: (issued) => {
			certificates.add(issued);
			signedCount.value++;
		},
		clock,
		log,
	});
	const downstream = await createDownstreamEndpoints({
		store: options.store,
		identity,
		authority,
		holders,
		clock,
		log,
	});
	return createAgentServer({
		...options.address,
		authority,
		certificate: options.certificate,
		endpoints: {
			routes: new Map([...endpoints.routes, ...downstream.routes]),
			close() {
				endpoints.close();
				downstream.close();
			},
		},
		admin,
		isAdmin: (spiffeId) => isAdminIdentity(identity, spiffeId),
		clock,
		log,
	});
}

/** Whether an identity has an entry with `admin`. */
export function isAdminIdentity({ entries }: Pick<IdentityRegistry, "entries">, spiffeId: SpiffeId): boolean {
	return entries.list().some((entry) => entry.admin && entry.spiffeId === spiffeId);
}
