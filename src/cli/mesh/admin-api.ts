import type { Explanation } from "../../explain/index.ts";
import type { PortProtocol, WorkloadInstance } from "../../model/index.ts";

/** `control.json` of a state folder: where the control plane of a running mesh answers. */
export interface ControlFile {
	/** The process that holds the mesh: `amime up`, or a control plane on its own. */
	readonly pid: number;
	/** The state folder; undefined of a mesh that a context names. */
	readonly stateFolder?: string;
	readonly adminUrl: string;
	readonly xdsAddress: string;
	/** Empty where a certificate says who asks. */
	readonly token: string;
	/** Of an `https://` address; PEM. */
	readonly tls?: {
		readonly ca?: string;
		readonly cert?: string;
		readonly key?: string;
		readonly isPinned?: boolean;
	};
}

/** The admin API of the control plane. Both reject with a MeshError when it cannot be reached or refuses. */
export interface AdminApi {
	/** The items of a list such as `/v1/instances`. */
	list(path: string): Promise<readonly unknown[]>;
	/** Any other request; `body` goes as YAML when it is text, else as JSON. */
	request(method: "GET" | "PUT" | "POST" | "DELETE", path: string, body?: unknown): Promise<unknown>;
}

export type SyncState = "SYNCED" | "STALE" | "NACKED" | "NOT_SENT";

/** What one proxy has of one resource type. */
export interface TypeStatus {
	readonly typeUrl: string;
	readonly state: SyncState;
	readonly sentVersion?: string;
	readonly ackedVersion?: string;
	readonly reason?: string;
	readonly resources: number;
}

/** One connected proxy. */
export interface ProxyStatus {
	readonly nodeId: string;
	/** What it calls itself. */
	readonly userAgent?: string;
	/** `namespace/name`; absent for a proxy that belongs to no instance. */
	readonly instance?: string;
	readonly types: readonly TypeStatus[];
}

/** A Workload with its identity. */
export interface WorkloadStatus {
	readonly namespace: string;
	readonly name: string;
	readonly pattern: string;
	readonly sidecar?: string;
	readonly identity?: string;
	readonly replicas: number;
	readonly ports: readonly { readonly name: string; readonly protocol: PortProtocol }[];
}

export type InstanceStatus = WorkloadInstance;

/** A Gateway of either kind with its listeners, and the proxies that serve it. */
export interface GatewayStatus {
	readonly kind: string;
	readonly namespace: string;
	readonly name: string;
	readonly listeners: readonly {
		readonly name: string;
		readonly port: number;
		readonly protocol: string;
		readonly hosts: readonly string[];
		/** Undefined for Istio's kind, whose VirtualServices come by host. */
		readonly routes?: number;
	}[];
	readonly proxies: readonly {
		readonly instance: string;
		readonly program?: string;
		readonly health: string;
		readonly address: string;
		/** Where it listens, by the port of the Gateway; those that are not listed are as declared. */
		readonly ports: readonly { readonly port: number; readonly listenPort: number }[];
	}[];
}

/** One rule of the routing of one service port. */
export interface RouteStatus {
	readonly namespace: string;
	readonly service: string;
	readonly port: number;
	readonly clients?: string;
	readonly match: string;
	readonly action: string;
	readonly route?: string;
}

export interface EndpointStatus {
	readonly namespace: string;
	readonly service: string;
	readonly port: number;
	readonly address: string;
	readonly meshPort: number;
	readonly instance: string;
	readonly health: string;
	/** Why it is not ready, as far as is known. */
	readonly healthReason?: string;
	readonly tls: boolean;
}

/** A limit as `/v1/limits` lists it, with its budgets, those of a global one. */
export interface LimitStatus {
	readonly namespace: string;
	readonly policy: string;
	readonly limit: string;
	readonly scope: string;
	readonly isDryRun: boolean;
	readonly requests: number;
	readonly unitSeconds: number;
	readonly keys: readonly string[];
	readonly budgets: readonly {
		readonly values: readonly string[];
		readonly demand: number;
		readonly allowed: number;
		readonly limited: number;
		readonly wouldLimit: number;
		readonly available: number;
		readonly leases: readonly {
			readonly proxy: string;
			readonly demand: number;
			readonly rate?: number;
			readonly burst?: number;
			readonly isConnected: boolean;
		}[];
	}[];
	readonly more: number;
}

/** What is reported of one locality of a cluster, by all clients or by one. */
export interface LoadStatus {
	/** A node id; absent where clients are summed up. */
	readonly client?: string;
	readonly cluster: string;
	readonly locality: string;
	readonly priority: number;
	readonly clients: number;
	readonly rate: number;
	readonly errorRate: number;
	readonly inProgress: number;
	readonly requests: number;
	readonly errors: number;
	/** Requests that were not sent, a second, by category. */
	readonly drops: Readonly<Record<string, number>>;
}

export interface CertificateStatus {
	readonly spiffeId: string;
	readonly serial: string;
	readonly notBefore: string;
	readonly notAfter: string;
}

/** Somebody that a rotation waits for. */
export interface WaitedForStatus {
	/** `<namespace>/<instance>`. */
	readonly name: string;
	/** Milliseconds since the epoch. */
	readonly since: number;
}

/** A key of the authority; times are milliseconds since the epoch. */
interface SlotStatus {
	readonly name: string;
	readonly phase: string;
	/** `plugin`; absent for keys beside their certificates. */
	readonly keyIn?: string;
	readonly since: number;
	readonly notBefore: number;
	readonly notAfter: number;
}

/** What the authority signs with. */
export interface AuthorityStatus {
	readonly trustDomain: string;
	readonly sequence: number;
	readonly roots: readonly (SlotStatus & { readonly isOwn: boolean; readonly heldBy: readonly WaitedForStatus[] })[];
	readonly issuers: readonly (SlotStatus & { readonly root: string; readonly serial: string })[];
	readonly jwtKeys: readonly (SlotStatus & { readonly keyId: string })[];
	readonly missing: readonly WaitedForStatus[];
	readonly live: number;
	/** Where new keys go. */
	readonly keys: { readonly place: string; readonly problem?: string };
}

/** A related trust domain. */
export interface RelationStatus {
	readonly trustDomain: string;
	readonly endpoint?: { readonly profile: string; readonly url: string; readonly spiffeId?: string };
	/** How many keys its bundle has; absent while none was got. */
	readonly keys?: number;
	/** A text beyond 2^53. */
	readonly sequence?: number | string;
	/** ISO 8601: when the last good bundle came. */
	readonly fetchedAt?: string;
	readonly error?: string;
}

/** A registration entry. */
export interface EntryStatus {
	readonly id: string;
	readonly spiffeId: string;
	readonly parentId: string;
	readonly selectors: readonly string[];
}

/** A node that showed who it is. */
export interface AgentStatus {
	readonly spiffeId: string;
	readonly attestor: string;
	/** ISO 8601. */
	readonly expiresAt: string;
	readonly isBanned: boolean;
}

/** One object of a change. */
export interface HistoryChange {
	readonly kind: string;
	readonly namespace: string;
	readonly name: string;
	readonly result: "created" | "configured" | "deleted";
}

/** A request that failed, as one proxy saw it: null where it does not know. */
export interface FailureStatus {
	/** `namespace/name` of the instance whose proxy it is. */
	readonly proxy: string;
	readonly time: string;
	readonly request_id: string | null;
	readonly method: string | null;
	readonly authority: string | null;
	/** Without its query. */
	readonly path: string | null;
	/** 0 when the client was gone before there was one. */
	readonly status: number;
	/** As in access logs, joined by commas. */
	readonly flags: string | null;
	readonly details: string | null;
	/** What the nearest policies lack. */
	readonly reason: string | null;
	/** What policies that are only tried would have denied it for. */
	readonly would_deny: string | null;
	/** The AUDIT policy that it matched. */
	readonly audited: string | null;
	readonly duration_ms: number | null;
	readonly remote_address: string | null;
	/** SPIFFE id of the peer. */
	readonly caller: string | null;
	readonly callee: string | null;
	readonly route: string | null;
	/** Path of the object that the route is from. */
	readonly route_config: string | null;
	readonly upstream_cluster: string | null;
	readonly upstream_host: string | null;
	readonly upstream_attempts: number | null;
	readonly upstream_failure: string | null;
	/** The cluster that the route names and the proxy does not have. */
	readonly missing_cluster?: string | null;
	/** The limits of the circuit breaker that were reached: `max_pending_requests 1, max_connections 1`. */
	readonly limit?: string | null;
	/** Why the name of the endpoint has no address. */
	readonly dns_failure?: string | null;
	/** What was wrong with the connection of the client. */
	readonly caller_failure?: string | null;
	/** Why a filter ended the connection. */
	readonly termination_details?: string | null;
	/** Where the client connected to. */
	readonly local_address?: string | null;
	/** Whose turn it is; null where the proxy only passed on what another one said, or does not know. */
	readonly fault: "caller" | "application" | "configuration" | "policy" | "network" | null;
	/** Sentences, the most telling first. */
	readonly explanation: readonly string[];
	/** What most likely helps. */
	readonly fix: string | null;
	/** The objects that decided. */
	readonly objects: Explanation["because"];
}

/** Objects that changed together. */
export interface HistoryStatus {
	readonly revision: number;
	/** ISO 8601. */
	readonly at: string;
	readonly author: string;
	readonly action: string;
	readonly changes: readonly HistoryChange[];
	readonly note?: string;
}

/** Requests of a group of proxies. */
interface FiguresStatus {
	readonly requests: number;
	readonly errorRate?: number;
	readonly p90Ms?: number;
}

/** Canaries beside the others, in one kind of requests. */
export interface ComparedStatus {
	readonly series: string;
	readonly canaries: FiguresStatus;
	readonly others: FiguresStatus;
	readonly before: FiguresStatus;
	readonly worse?: string;
}

/** A change that some proxies have before the others. */
export interface RolloutStatus {
	readonly id: string;
	readonly author: string;
	readonly state: string;
	/** ISO 8601. */
	readonly createdAt: string;
	readonly since: string;
	readonly endedAt?: string;
	readonly reason?: string;
	readonly objects: readonly HistoryChange[];
	readonly options: { readonly watchMs: number };
	/** How many proxies it changes something for, and how many have it. */
	readonly touched: number;
	readonly served: number;
	readonly step?: { readonly number: number; readonly of: number; readonly percent: number; readonly proxies: number };
	/** Node ids. */
	readonly canaries: readonly string[];
	readonly figures: readonly ComparedStatus[];
}

interface StatusPart {
	readonly conditions?: readonly { readonly type: string; readonly status: string; readonly reason: string }[];
}

/** A configuration object as a document. */
export interface ConfigDocument {
	readonly apiVersion: string;
	readonly kind: string;
	readonly metadata: { readonly name: string; readonly namespace?: string; readonly [key: string]: unknown };
	readonly source?: { readonly file: string; readonly line: number };
	/** Of kinds that have one: what became of the object. */
	readonly status?: StatusPart & {
		readonly listeners?: readonly StatusPart[];
		readonly parents?: readonly StatusPart[];
		readonly ancestors?: readonly StatusPart[];
	};
	readonly [key: string]: unknown;
}

/** Something worth telling of the config, see docs/reference/findings.md. */
export interface FindingStatus extends Omit<ConfigProblem, "severity"> {
	readonly code: string;
	readonly severity: "error" | "warning" | "info";
}

/** A fault in a document, as the control plane tells it. */
export interface ConfigProblem {
	readonly severity?: "error" | "warning";
	readonly file?: string;
	readonly line?: number;
	readonly column?: number;
	readonly kind?: string;
	readonly namespace?: string;
	readonly name?: string;
	readonly path?: string;
	readonly problem: string;
}
