import { resolve } from "node:path";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { type Clock, type Log, MeshError, silentLog, systemClock } from "../../core/index.ts";
import { readCertificates, type SvidSource, type X509Svid } from "../../identity/index.ts";
import {
	createXdsServer,
	type NodeResources,
	type NodeStatus,
	type SnapshotSource,
	secretType,
	type XdsMetrics,
	type XdsSnapshot,
} from "../../xds/server/index.ts";
import { translateSvid } from "./secrets.ts";
import { closeToOthers, prepareSocketPath, removeSocket } from "./socket-file.ts";

/** Options of a secret server. */
export interface SecretServerOptions {
	/** Where it listens: at most 100 bytes, in a folder of mode 0700 that is made when missing. */
	readonly socketPath: string;
	/** The one identity it hands out. */
	readonly svid: SvidSource;
	/** The machine's clock by default. */
	readonly clock?: Clock;
	/** Silent by default. */
	readonly log?: Log;
	/** Nothing is counted without it. */
	readonly metrics?: XdsMetrics;
}

/** SDS for one workload. */
export interface SecretServer {
	/** Absolute path of the socket. */
	readonly socketPath: string;
	/** Listens. Proxies may connect before the first SVID is there: they wait for it.
	 *  @throws MeshError `SOCKET_PATH_TOO_LONG`, `SOCKET_PATH_TAKEN`, `SOCKET_FOLDER` */
	start(): Promise<void>;
	/** The connected proxies and what they acknowledged. */
	statuses(): NodeStatus[];
	/** What every connected proxy has acknowledged, by nonce: the ids of the roots, and the certificate's serial. What was true before a
	 *  proxy went away stays until the next one says more. */
	acknowledged(): Acknowledged;
	/** Ends every stream and removes the socket. The source stays open: its owner closes it. */
	close(): Promise<void>;
}

/** What the proxies of a workload have acknowledged. */
export interface Acknowledged {
	/** `Certificate.id` of every root. */
	readonly roots: readonly string[];
	/** Undefined before the first certificate. */
	readonly serial: string | undefined;
}

/** Creates the SDS server of one workload. */
export function createSecretServer(options: SecretServerOptions): SecretServer {
	const socketPath = resolve(options.socketPath);
	const log = (options.log ?? silentLog).child("sds", { spiffeId: options.svid.spiffeId });
	const grpc = new Server();
	const snapshots = createSecretSnapshots(options.svid);
	let acknowledged: Acknowledged = { roots: [], serial: undefined };
	const xds = createXdsServer({
		source: snapshots,
		log,
		clock: options.clock ?? systemClock,
		...(options.metrics === undefined ? {} : { metrics: options.metrics }),
	});
	xds.addTo(grpc, { sds: true, ads: false });
	let bound = false;
	return {
		socketPath,
		async start() {
			await prepareSocketPath(socketPath);
			await bind(grpc, socketPath);
			bound = true;
			closeToOthers(socketPath);
			log.info("secrets served", { socketPath });
		},
		statuses: () => xds.statuses(),
		acknowledged() {
			acknowledged = readAcknowledged(xds.resources(), snapshots, acknowledged);
			return acknowledged;
		},
		async close() {
			xds.close();
			grpc.forceShutdown();
			// A socket that another process holds must stay.
			if (bound) removeSocket(socketPath);
		},
	};
}

interface SecretSnapshots extends SnapshotSource {
	/** The newest that was asked for. */
	newest(): { readonly svid: X509Svid; readonly snapshot: XdsSnapshot } | undefined;
}

/** The snapshot of the newest SVID, the same for every node: whoever can open the socket is this workload's proxy. A proxy keeps an SVID
 *  that ended, since SDS cannot take one back; its peers refuse it. */
function createSecretSnapshots(svid: SvidSource): SecretSnapshots {
	let translated: ReturnType<SecretSnapshots["newest"]>;
	return {
		newest: () => translated,
		get() {
			const current = svid.current();
			if (current !== undefined && current !== translated?.svid) {
				translated = { svid: current, snapshot: translateSvid(current) };
			}
			return translated?.snapshot;
		},
		onChange: (listener) => svid.onUpdate(() => listener("all")),
	};
}

function readAcknowledged(
	nodes: readonly NodeResources[],
	snapshots: SecretSnapshots,
	before: Acknowledged,
): Acknowledged {
	const newest = snapshots.newest();
	if (newest === undefined || nodes.length === 0) return before;
	const { svid, snapshot } = newest;
	const wanted = snapshot.resources.get(secretType);
	const certificates = new Set<string>(["default", svid.spiffeId]);
	/** Whether every node that took such a secret took the newest one, and at least one did. */
	const hasAll = (isMeant: (name: string) => boolean): boolean => {
		const held = nodes.flatMap(({ resources }) =>
			resources.filter(({ typeUrl, name }) => typeUrl === secretType && isMeant(name)),
		);
		const isNewest = ({ name, state, version }: (typeof held)[number]): boolean =>
			state === "ACKED" && version === wanted?.get(name)?.version;
		return held.length > 0 && held.every(isNewest);
	};
	return {
		roots: hasAll((name) => !certificates.has(name))
			? readCertificates(svid.bundlePem).map(({ id }) => id)
			: before.roots,
		serial: hasAll((name) => certificates.has(name)) ? svid.serial : before.serial,
	};
}

function bind(grpc: Server, socketPath: string): Promise<void> {
	return new Promise((done, fail) => {
		grpc.bindAsync(`unix:${socketPath}`, ServerCredentials.createInsecure(), (error) => {
			if (error === null) done();
			else fail(new MeshError("SOCKET_FOLDER", `unix socket ${socketPath}: cannot listen`, { cause: error }));
		});
	});
}
