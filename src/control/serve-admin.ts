import { formatObjectKey, type LocatedProblem } from "../config/index.ts";
import type { Clock, Log } from "../core/index.ts";
import type { Authority } from "../identity/index.ts";
import type { ConfigStore, IdentityRegistry, InstanceRegistry, StoredObjectName } from "../registry/index.ts";
import type { XdsServer } from "../xds/server/index.ts";
import {
	type AccessToken,
	AdminError,
	type AdminServer,
	type AdminTls,
	apiDescriptions,
	type CertificateList,
	createAdminServer,
	createAuthorityEndpoints,
	createConfigEndpoints,
	createEntryEndpoints,
	createFederationEndpoints,
	createGatewayEndpoint,
	createHistoryEndpoints,
	createIdentityEndpoints,
	createInstanceEndpoints,
	createStatusEndpoints,
	createWatchEndpoint,
	type DesiredFeed,
	describeApi,
	describeAsWritten,
	type Endpoint,
	readDocuments,
	readTokensFile,
} from "./admin/index.ts";
import { holderOf } from "./agents/index.ts";
import { analyze, type Finding } from "./analysis/index.ts";
import type { Holders } from "./authority/index.ts";
import { createDebugEndpoints } from "./debug/index.ts";
import type { PatchedSource } from "./envoy-filter/index.ts";
import { createFailureBoard, createFailureEndpoint, type Predict } from "./failed-requests/index.ts";
import type { openFederation } from "./federation/index.ts";
import type { StatusBoard } from "./gateway-api/index.ts";
import type { MeshSource } from "./ingest/index.ts";
import type { ListenAddress } from "./listen-address.ts";
import { type LoadService, listLoad, readLoadSelection } from "./load/index.ts";
import type { ControlMetrics } from "./metrics.ts";
import { describeStatus, isAbout } from "./object-status.ts";
import { listMeshProblems } from "./problems.ts";
import type { ProxyPages } from "./proxy-pages.ts";
import { listLimits, type QuotaService } from "./quota/index.ts";
import type { Refusals } from "./refusals/index.ts";
import { createRolloutEndpoints, nameObjects, type Rollouts } from "./rollout/index.ts";
import type { ServedMesh } from "./served-mesh.ts";
import type { SnapshotStore } from "./snapshot/index.ts";
import { findLateCertificates, formatStatusPage } from "./status-page/index.ts";
import { findGroup, type GroupProbes } from "./workload-groups/index.ts";

/** The parts of a control plane that its admin API is about. */
export interface AdminParts {
	readonly source: MeshSource;
	readonly config: ConfigStore;
	readonly instances: InstanceRegistry;
	readonly identity: IdentityRegistry;
	readonly snapshots: SnapshotStore;
	readonly patched: PatchedSource;
	readonly refusals: Refusals;
	readonly rollouts: Rollouts;
	readonly statuses: StatusBoard;
	readonly xds: XdsServer;
	readonly quota: Pick<QuotaService, "status">;
	readonly load: Pick<LoadService, "board">;
	readonly authority: Authority;
	readonly holders: Holders;
	readonly federation: Awaited<ReturnType<typeof openFederation>>;
	readonly metrics: ControlMetrics;
	readonly desired: DesiredFeed;
	readonly certificates: CertificateList;
	readonly pages: ProxyPages;
	/** The probes of workloads that register with a group. */
	readonly groups: GroupProbes;
}

export interface ServeAdminOptions {
	readonly address: ListenAddress;
	/** Of whoever runs the control plane. */
	readonly token: string;
	readonly tokensFile?: string;
	/** In plain text without it. */
	readonly tls?: Pick<AdminTls, "context" | "onChange" | "isAdmin">;
	/** Endpoints that others bring along. */
	readonly endpoints?: (served: ServedMesh) => readonly Endpoint[];
	/** Says what should have become of a request that failed. */
	readonly predict?: (served: ServedMesh) => Predict;
	readonly log: Log;
	readonly clock: Clock;
}

/** Makes the admin API of a control plane. */
export function serveAdmin(
	{
		source,
		config,
		instances,
		identity,
		snapshots,
		patched,
		refusals,
		rollouts,
		statuses,
		xds,
		quota,
		load,
		authority,
		holders,
		federation,
		metrics,
		desired,
		certificates,
		pages,
		groups,
	}: AdminParts,
	options: ServeAdminOptions,
): AdminServer {
	const { log, clock } = options;
	const problems = (): LocatedProblem[] =>
		listMeshProblems(source, snapshots, statuses, refusals.list(), patched.problems());
	/** Without documents that are nobody's here, which only an analysis tells of. */
	const faults = (): LocatedProblem[] => problems().filter(({ code }) => code !== "KIND_FOREIGN");
	const findings = (): readonly Finding[] => {
		const known = snapshots.index();
		if (known === undefined) return [];
		return analyze({ objects: source.objects(), index: known, problems: problems(), now: clock.wall() });
	};
	const nodeStatuses = () => xds.statuses();
	const index = () => snapshots.index();
	const csrCount = metrics.counter("citadel_server_csr_count");
	const signedCount = metrics.counter("citadel_server_success_cert_issuance_count");
	const checkFree = (objects: readonly StoredObjectName[]): void => refuseWhileRollout(rollouts, objects);
	const applied = { source, store: config, checkFree, clock };
	const served: ServedMesh = {
		index,
		objects: () => source.objects(),
		problems,
		snapshot: (node) => snapshots.get(node),
		nodes: () => xds.statuses().map(({ node }) => node),
	};
	const failures = {
		...{ index, objects: served.objects, instances: () => instances.list(), pages },
		predict: options.predict?.(served),
	};
	const board = createFailureBoard(failures, clock);
	const endpoints: Endpoint[] = [
		{ method: "GET", path: "/ready", answer: () => ({ body: "ready\n" }) },
		{
			method: "GET",
			path: "/metrics",
			answer: () => ({ body: metrics.format(), contentType: "text/plain; version=0.0.4; charset=utf-8" }),
		},
		{
			method: "GET",
			path: "/",
			answer: async () => {
				const [last, history] = await Promise.all([board.last(), config.history()]);
				const running = rollouts.running();
				return formatStatusPage({
					...{ index: index(), statuses: nodeStatuses(), problems: faults(), failures: last, history },
					late: findLateCertificates(index(), certificates.list(), authority.status(), clock.wall()),
					rollout: running && `${nameObjects(running)} by ${running.author}`,
					now: clock.wall(),
				});
			},
		},
		createFailureEndpoint(failures),
		desired.endpoint,
		...createStatusEndpoints({
			index,
			statuses: nodeStatuses,
			isChanging: () => source.isPending() || xds.isPushing(),
		}),
		createGatewayEndpoint(index),
		...createHistoryEndpoints(config, () => checkFree([])),
		createWatchEndpoint(config, clock),
		...(options.endpoints?.(served) ?? []),
		{
			method: "GET",
			path: "/v1/limits",
			answer: () => ({ body: { items: listLimits(index()?.mesh.rateLimitPolicies ?? [], quota.status(), 100) } }),
		},
		{
			method: "GET",
			path: "/v1/load",
			answer: ({ query }) => ({ body: { items: listLoad(load.board, readLoadSelection(query)) } }),
		},
		...createDebugEndpoints({
			index,
			statuses: nodeStatuses,
			connections: () => xds.connections(),
			resources: () => xds.resources(),
			snapshot: (node) => refusals.get(node),
			objects: () => source.objects(),
			describeObject: (object) => describeAsWritten(object, statuses.get(formatObjectKey(object))),
		}),
		{ method: "GET", path: "/v1/analysis", answer: () => ({ body: { items: findings() } }) },
		...createConfigEndpoints({
			...applied,
			problems: faults,
			statusOf: (key, found) =>
				describeStatus(
					statuses.get(key),
					found.filter((item) => isAbout(key, item)),
				),
		}),
		...createRolloutEndpoints({ rollouts, readDocuments: (text) => readDocuments(applied, text) }),
		...createInstanceEndpoints(
			instances,
			{ findGroup: (name) => findGroup(index()?.mesh, name), probes: groups },
			(name) => holders.remove(name),
		),
		...createEntryEndpoints({
			...{ identity, trustDomain: authority.trustDomain, clock, log },
			onAgentOut: (agent) => holders.removeBelow(holderOf(agent)),
		}),
		...createAuthorityEndpoints({ authority, holders, clock }),
		...createFederationEndpoints({ authority, ...federation }),
		...createIdentityEndpoints({
			authority,
			holders,
			certificates,
			mesh: () => index()?.mesh,
			onRequest: () => csrCount.value++,
			onSigned: () => signedCount.value++,
			log,
		}),
	];
	endpoints.push({
		method: "GET",
		path: "/openapi.json",
		answer: () => ({ body: describeApi(endpoints, apiDescriptions) }),
	});
	const owner: AccessToken = { name: "owner", role: "admin", token: options.token };
	const others = options.tokensFile === undefined ? { tokens: [], holders: [] } : readTokensFile(options.tokensFile);
	const { address, tls } = options;
	return createAdminServer({
		...{ ...address, tokens: [owner, ...others.tokens], endpoints, log: log.child("admin") },
		...(tls !== undefined && { tls: { ...tls, holders: others.holders } }),
	});
}

/** @throws AdminError 409 when a rollout is about one of the objects; about any with none given */
function refuseWhileRollout(rollouts: Rollouts, objects: readonly StoredObjectName[]): void {
	const rollout = rollouts.running();
	if (rollout === undefined) return;
	const isSame = (one: StoredObjectName, other: StoredObjectName): boolean =>
		one.kind === other.kind && one.namespace === other.namespace && one.name === other.name;
	const found = objects.find((object) => rollout.objects.some((other) => isSame(object, other)));
	if (found === undefined && objects.length > 0) return;
	const what = found === undefined ? "the config" : `${found.kind} ${found.namespace}/${found.name}`;
	const message = `${what} is being rolled out (${rollout.id} by ${rollout.author}: ${nameObjects(rollout)}): wait, or 'amime rollout promote' or 'abort' it`;
	throw new AdminError(409, "ROLLOUT_RUNNING", message);
}
