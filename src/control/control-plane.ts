import { join } from "node:path";
import { createLastGoodFiles, type FolderSource, watchFolder } from "../config/index.ts";
import { type Clock, describeError, type Log, MeshError, systemClock, systemRandom } from "../core/index.ts";
import type { AuthorityOptions } from "../identity/index.ts";
import type { Mesh, MeshSettings } from "../model/index.ts";
import {
	type ConfigStore,
	createConfigStore,
	createIdentityRegistry,
	createInstanceRegistry,
	type EtcdTls,
	type IdentityRegistry,
	type InstanceRegistry,
	openEtcdStore,
	openSqliteStore,
	type Store,
} from "../registry/index.ts";
import { clusterType, createXdsServer } from "../xds/server/index.ts";
import { createCertificateList, createDesiredFeed, type DesiredFeed, type Endpoint } from "./admin/index.ts";
import { readAdminTls } from "./admin-tls.ts";
import { openRevocations } from "./agents/index.ts";
import { openAuthority } from "./authority/index.ts";
import { type Convergence, createConvergence } from "./convergence.ts";
import { type DiscoveryService, listenForDiscovery } from "./discovery-listener.ts";
import { createPatchedSource } from "./envoy-filter/index.ts";
import type { Predict } from "./failed-requests/index.ts";
import { bundlePublishMs, type FederationOptions, openFederation } from "./federation/index.ts";
import { computeStatuses, createStatusBoard, type StatusBoard } from "./gateway-api/index.ts";
import { createMeshSource, type MeshSource } from "./ingest/index.ts";
import { createLearnedHosts, createOnDemandService, type LearnedHosts } from "./learning/index.ts";
import { type ListenAddress, parseListenAddress, parseLoopbackAddress, readXdsAddresses } from "./listen-address.ts";
import { createLoadService, type LoadService, type LoadTimes } from "./load/index.ts";
import { type ControlMetrics, createControlMetrics } from "./metrics.ts";
import { listMeshProblems } from "./problems.ts";
import { createProxyPages } from "./proxy-pages.ts";
import { openQuota, type QuotaService, type QuotaTimes } from "./quota/index.ts";
import { createRefusals } from "./refusals/index.ts";
import { withRevokedPeers } from "./revoked-peers.ts";
import { createSplitSource, type Rollouts } from "./rollout/index.ts";
import { createSecureReach } from "./secure-reach.ts";
import { type AdminParts, serveAdmin } from "./serve-admin.ts";
import { isAdminIdentity, serveAgents } from "./serve-agents.ts";
import { serveRollouts, withCandidate } from "./serve-rollouts.ts";
import type { ServedMesh } from "./served-mesh.ts";
import { openServerCertificate } from "./server-certificate.ts";
import { createSnapshotStore, type OnDemandSource, type SnapshotStore } from "./snapshot/index.ts";
import { openStateFolder } from "./state-folder.ts";
import { createGroupProbes, findGroup, probeWorkload } from "./workload-groups/index.ts";
import { createXdsGate } from "./xds-gate.ts";

export interface ControlPlaneOptions {
	/** A folder of config to serve and follow; without one, only what is applied through the admin API. */
	readonly configFolder?: string;
	/** Where store and authority are kept; made when absent. */
	readonly stateFolder: string;
	/** An etcd that several control planes share, see `parseEtcdAddress`; without one, a file in the state folder. */
	readonly store?: { readonly address: string; readonly tls?: EtcdTls };
	/** Settings that a MeshConfig does not give; the trust domain of an authority that exists must be the same. */
	readonly settings?: Partial<MeshSettings>;
	/** `127.0.0.1:15010` by default; port 0 chooses a free one. In plain text on loopback, over mutual TLS on any other address. */
	readonly xdsAddress?: string;
	/** Where xDS answers over mutual TLS besides; nowhere without it. Port 0 chooses a free one. */
	readonly xdsTlsAddress?: string;
	/** `127.0.0.1:15014` by default; port 0 chooses a free one. Other machines may only reach it with `adminTls`. */
	readonly adminAddress?: string;
	/** The admin API over TLS 1.2 or 1.3, with client certificates as well as tokens: of the mesh's own authority, or these in PEM. */
	readonly adminTls?: "mesh" | { readonly cert: string; readonly key: string; readonly clientCa?: string };
	/** Lets other machines reach the admin API in plain text: something in front of it has to encrypt. */
	readonly allowsPlainAdmin?: boolean;
	/** Where agents attest and have identities signed, over mutual TLS; no agents without it. Port 0 chooses a free one. */
	readonly agentAddress?: string;
	/** How nodes may attest besides by join tokens, see `createNodeAttestors`. */
	readonly attestationFile?: string;
	/** The bearer token of the admin API for whoever runs this. */
	readonly token: string;
	/** A file with the tokens of others, see `readTokensFile`. */
	readonly tokensFile?: string;
	/** Who signs the authority's issuers, and where its keys are; a root of its own in the state folder by default. */
	readonly authority?: Pick<AuthorityOptions, "upstream" | "keys">;
	/** How its trust domain meets others. */
	readonly federation?: FederationOptions;
	/** How long leases of quotas last, and how often they are looked at. */
	readonly quota?: QuotaTimes;
	/** How often clients report their load. */
	readonly load?: LoadTimes;
	readonly log: Log;
	/** The machine's clock by default. */
	readonly clock?: Clock;
	/** How often the proxies of a rollout are asked for their figures; 1000 by default. */
	readonly rolloutTickMs?: number;
	/** Further endpoints of the admin API. */
	readonly endpoints?: (served: ServedMesh) => readonly Endpoint[];
	/** Says what should have become of a request that failed; `amime why` tells less about missing routes without it. */
	readonly predict?: (served: ServedMesh) => Predict;
	/** For `pilot_info`; `unknown` by default. */
	readonly version?: string;
}

/** A control plane: config and registry in, configuration of proxies and certificates out. */
export interface ControlPlane {
	/** Opens everything and serves; on failure everything is closed again.
	 *  @throws MeshError with one sentence for a person: a taken port, an unreadable folder, a state folder of another version */
	start(): Promise<void>;
	/** Ends streams and closes everything. */
	close(): Promise<void>;
	/** Where it listens, once started. */
	readonly xdsPort: number;
	/** Of xDS over mutual TLS; undefined when it is not served. */
	readonly xdsTlsPort: number | undefined;
	readonly adminPort: number;
	/** What the admin API's certificate leads to, in PEM; undefined without TLS. */
	readonly adminRoots: string | undefined;
	/** Of agents; undefined when they are not served. */
	readonly agentPort: number | undefined;
}

/** Creates a control plane; nothing is opened before `start`. */
export function createControlPlane(options: ControlPlaneOptions): ControlPlane {
	const clock = options.clock ?? systemClock;
	const log = options.log.child("control");
	const closers: (() => Promise<void> | void)[] = [];
	let adminRoots: string | undefined;
	let ports:
		| { readonly xds: number; readonly xdsTls?: number; readonly admin: number; readonly agents?: number }
		| undefined;

	async function closeAll(): Promise<void> {
		for (const close of closers.splice(0).reverse()) await close();
	}

	async function open(): Promise<void> {
		const xdsAddresses = readXdsAddresses(options);
		const readAdminAddress =
			options.adminTls === undefined && options.allowsPlainAdmin !== true ? parseLoopbackAddress : parseListenAddress;
		const adminAddress = readAdminAddress(options.adminAddress ?? "127.0.0.1:15014", "admin address");
		const agentAddress =
			options.agentAddress === undefined ? undefined : parseListenAddress(options.agentAddress, "agent address");
		await openStateFolder(options.stateFolder);
		const state = await openState(options, clock, closers);
		const parts = await openParts(options, state, clock, log, closers);
		const { plain, tls } = xdsAddresses;
		const certificate =
			tls === undefined && agentAddress === undefined && options.adminTls !== "mesh"
				? undefined
				: await openServerCertificate({ authority: parts.authority, clock, log });
		closers.push(() => certificate?.close());
		const discovery = await listenForDiscovery(
			[{ addTo: (server) => parts.xds.addTo(server, xdsServices) }, parts.onDemand, parts.quota, parts.load],
			{
				arrivals: parts.arrivals,
				...(plain !== undefined && { plain }),
				...(tls !== undefined && { tls: { address: tls, certificate: certificate! } }),
			},
			{ clock, log },
		);
		// Proxies ask in plain text, where they are; who came over mutual TLS is told where it came to.
		parts.onDemand.serveAt({ host: (plain ?? tls)!.host, port: (discovery.port ?? discovery.tlsPort)! });
		closers.push(() => discovery.close());
		closers.push(() => parts.xds.close());
		const groups = createGroupProbes({
			put: (instance, leaseTtlMs) => parts.instances.put(instance, leaseTtlMs),
			findGroup: (name) => findGroup(parts.snapshots.index()?.mesh, name),
			probe: probeWorkload,
			clock,
			log,
		});
		closers.push(() => groups.close());
		const adminTls = readAdminTls(options.adminTls, certificate, parts.identity);
		adminRoots = options.adminTls === "mesh" ? parts.authority.bundle().pem : options.adminTls?.cert;
		const admin = serveAdmin(
			{ ...parts, groups },
			{ ...options, address: adminAddress, ...(adminTls !== undefined && { tls: adminTls }), log, clock },
		);
		await admin.start();
		closers.push(() => admin.close());
		ports = {
			xds: (discovery.port ?? discovery.tlsPort)!,
			admin: admin.port(),
			...(discovery.tlsPort !== undefined && { xdsTls: discovery.tlsPort }),
		};
		if (agentAddress !== undefined) {
			const agents = await serveAgents({
				...options,
				...parts,
				store: parts.store,
				certificate: certificate!,
				admin,
				address: agentAddress,
				log,
				clock,
			});
			closers.push(() => agents.close());
			await agents.start();
			ports = { ...ports, agents: agents.port() };
		}
		log.info("control plane serves", { xdsPort: ports.xds, adminPort: ports.admin });
	}

	const portOf = (name: "xds" | "admin"): number => {
		if (ports === undefined)
			throw new MeshError("CONTROL_PLANE_NOT_STARTED", "the control plane has no ports before its start");
		return ports[name];
	};
	return {
		async start() {
			try {
				await open();
			} catch (error) {
				await closeAll();
				throw error;
			}
		},
		close: closeAll,
		get xdsPort() {
			return portOf("xds");
		},
		get adminPort() {
			return portOf("admin");
		},
		get xdsTlsPort() {
			return ports?.xdsTls;
		},
		get adminRoots() {
			return adminRoots;
		},
		get agentPort() {
			return ports?.agents;
		},
	};
}

/** What is served there: everything over one stream, or each type over its own, and what everybody holds. */
const xdsServices = { ads: true, cds: true, eds: true, lds: true, rds: true, sds: true, csds: true };

type Closers = (() => Promise<void> | void)[];

interface State {
	readonly store: Store;
	readonly config: ConfigStore;
	readonly instances: InstanceRegistry;
	readonly identity: IdentityRegistry;
}

async function openState(options: ControlPlaneOptions, clock: Clock, closers: Closers): Promise<State> {
	const registryLog = options.log.child("registry");
	const store = openStore(options, clock, registryLog);
	closers.push(() => store.close());
	const config = await createConfigStore(store, { clock, log: registryLog });
	closers.push(() => config.close());
	const instances = await createInstanceRegistry(store, { clock, log: registryLog });
	closers.push(() => instances.close());
	const identity = await createIdentityRegistry(store, { clock, log: registryLog });
	closers.push(() => identity.close());
	return { store, config, instances, identity };
}

function openStore({ store, stateFolder }: ControlPlaneOptions, clock: Clock, log: Log): Store {
	if (store === undefined) return openSqliteStore(join(stateFolder, "store.db"), { clock });
	return openEtcdStore(store.address, { log, ...(store.tls === undefined ? {} : { tls: store.tls }) });
}

interface Parts extends State, Omit<AdminParts, "groups"> {
	readonly onDemand: OnDemandPart;
	readonly quota: QuotaService;
	readonly load: LoadService;
	/** Where peers over TLS came to. */
	readonly arrivals: Map<string, ListenAddress>;
}

/** What answers proxies that ask for more, and is told where it does. */
interface OnDemandPart extends DiscoveryService {
	serveAt(address: { readonly host: string; readonly port: number }): void;
}

/** Config to mesh to snapshots to streams. */
async function openParts(
	options: ControlPlaneOptions,
	state: State,
	clock: Clock,
	log: Log,
	closers: Closers,
): Promise<Parts> {
	const metrics = createControlMetrics(options.version ?? "unknown");
	let xdsServer: { readonly host: string; readonly port: number } | undefined;
	const learned: LearnedHosts = await createLearnedHosts({
		...{ store: state.store, clock, random: systemRandom, log },
		isConnected: (workload) => snapshots.nodesOf(workload).size > 0,
		onChange(workload) {
			snapshots.onHosts(workload);
			rollouts?.candidate()?.snapshots.onHosts(workload);
		},
	});
	closers.push(() => learned.close());
	const onDemandSource: OnDemandSource = {
		hostsOf: (workload) => learned.of(workload),
		get server() {
			return xdsServer;
		},
	};
	const snapshots: SnapshotStore = createSnapshotStore(onDemandSource);
	let rollouts: Rollouts | undefined;
	const statuses = createStatusBoard();
	const patched = createPatchedSource(snapshots, () => snapshots.index());
	const split = createSplitSource(patched);
	const refusals = createRefusals(split, split.refuse);
	const revocations = await openRevocations({ ...state, clock, log });
	closers.push(() => revocations.close());
	let ownTrustDomain: string | undefined;
	const arrivals = new Map<string, ListenAddress>();
	const gate = createXdsGate({
		index: () => snapshots.index(),
		trustDomain: () => ownTrustDomain,
		isAdmin: (id) => isAdminIdentity(state.identity, id),
		reach: createSecureReach(() => ownTrustDomain),
		arrivalOf: (peer) => arrivals.get(peer),
		wall: () => clock.wall(),
		log,
	});
	const xds = createXdsServer({
		source: withRevokedPeers(refusals, revocations),
		gate,
		answers: {
			...refusals.answers,
			refused(...refusal) {
				// Before it is held back: what a canary refuses is taken back whole.
				rollouts?.refused(...refusal);
				refusals.answers.refused(...refusal);
			},
			gone(node) {
				refusals.answers.gone(node);
				split.gone(node);
			},
		},
		log: options.log,
		clock,
		metrics,
	});
	const learnedCount = metrics.counter("amime_learned_hosts_total");
	const onDemandService = createOnDemandService({
		...{ snapshots: withCandidate(snapshots, () => rollouts?.candidate()?.snapshots), learned, xds, clock, log },
		refuse: (peer, workload) => gate.refuseWorkload(peer, workload),
		onLearned: () => learnedCount.value++,
	});
	const onDemand: OnDemandPart = {
		addTo: (server) => onDemandService.addTo(server),
		serveAt(address) {
			xdsServer = address;
		},
	};
	const quota = await openQuota({
		...{ ...options.quota, store: state.store, clock, log, metrics, closers },
		refuse: (peer, name) => gate.refuseInstance(peer, name),
	});
	const load = createLoadService({
		...{ ...options.load, gate, clock, log, metrics },
		clustersOf: (node) => [...(refusals.get(node)?.resources.get(clusterType)?.keys() ?? [])],
	});
	closers.push(() => load.close());
	const convergence = createConvergence({
		clock,
		statuses: () => xds.statuses(),
		onConverged: (ms) => metrics.observeConvergence(ms),
	});
	closers.push(() => convergence.close());
	const desired: DesiredFeed = createDesiredFeed(clock, () => listMeshProblems(source, snapshots, statuses));
	closers.push(() => desired.close());
	const settings: Partial<MeshSettings> = { ...options.settings };
	const apply = (mesh: Mesh): void =>
		applyMesh(mesh, { snapshots, statuses, quota, metrics, convergence, desired, log, clock });
	const source = createMeshSource({ ...state, settings: () => settings, clock, onMesh: apply });
	closers.push(() => source.close());
	const folder = await openFolder(options, source, clock);
	if (folder !== undefined) closers.push(() => folder.close());
	const mesh = source.start();
	const { authority, holders, isLeader } = await openAuthority({
		stateFolder: options.stateFolder,
		store: state.store,
		isShared: options.store !== undefined,
		instances: state.instances,
		trustDomain: mesh.settings.trustDomain,
		parts: {
			...(options.federation?.bundleEndpoint !== undefined && { rootPublishMs: bundlePublishMs }),
			...options.authority,
		},
		clock,
		log: options.log,
		closers,
	});
	ownTrustDomain = authority.trustDomain;
	source.pinTrustDomain(authority.trustDomain);
	const federation = await openFederation({
		...options.federation,
		...{ store: state.store, authority, isLeader, clock, log: options.log, closers },
		onTrustDomains: (trustDomains) => source.setFederatedTrustDomains(trustDomains),
	});
	apply(mesh);
	const pages = createProxyPages();
	closers.push(() => pages.close());
	rollouts = await serveRollouts({
		...{ ...state, source, snapshots, split, xds, pages, clock, log },
		...{ isShared: options.store !== undefined, onDemand: onDemandSource },
		...(options.rolloutTickMs !== undefined && { tickMs: options.rolloutTickMs }),
	});
	closers.push(() => rollouts?.close());
	return {
		...state,
		rollouts,
		source,
		snapshots,
		patched,
		refusals,
		statuses,
		xds,
		onDemand,
		quota,
		load,
		arrivals,
		authority,
		holders,
		federation,
		metrics,
		desired,
		certificates: createCertificateList(clock),
		pages,
	};
}

async function openFolder(
	{ configFolder, stateFolder, log }: ControlPlaneOptions,
	source: MeshSource,
	clock: Clock,
): Promise<FolderSource | undefined> {
	if (configFolder === undefined) return undefined;
	const folder = await watchFolder(configFolder, {
		clock,
		log: log.child("config"),
		lastGood: createLastGoodFiles(join(stateFolder, "config"), log.child("config")),
		onChange: (state) => source.setFolder(state),
	});
	source.setFolder(folder.current());
	return folder;
}

interface ApplyOptions {
	readonly snapshots: SnapshotStore;
	readonly statuses: StatusBoard;
	readonly quota: QuotaService;
	readonly metrics: ControlMetrics;
	readonly convergence: Convergence;
	readonly desired: DesiredFeed;
	readonly log: Log;
	readonly clock: Clock;
}

function applyMesh(mesh: Mesh, options: ApplyOptions): void {
	const { snapshots, statuses, quota, metrics, convergence, desired, log, clock } = options;
	const startedAt = clock.now();
	try {
		snapshots.apply(mesh);
	} catch (error) {
		// A mistake of ours. Proxies run on what they have; ending here would end the same way at every start.
		log.error("mesh cannot be translated, the last good one stays", {
			problem: describeError(error),
			stack: (error as Error).stack,
		});
		metrics.counter("pilot_xds_push_context_errors").value++;
		return;
	}
	statuses.update(computeStatuses(snapshots.index()!), clock.wall());
	quota.apply(mesh.rateLimitPolicies);
	convergence.changed();
	desired.publish(mesh);
	metrics.gauge("pilot_services").value = mesh.services.length;
	const { services, workloads, instances } = mesh;
	log.debug("mesh applied", {
		services: services.length,
		workloads: workloads.length,
		instances: instances.length,
		ms: Math.round(clock.now() - startedAt),
	});
}
