import { resolve } from "node:path";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { type Clock, type Log, MeshError, silentLog, systemClock } from "../../core/index.ts";
import type { SvidSource } from "../../identity/index.ts";
import {
	createXdsServer,
	type NodeStatus,
	type SnapshotSource,
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
	/** Ends every stream and removes the socket. The source stays open: its owner closes it. */
	close(): Promise<void>;
}

/** Creates the SDS server of one workload. */
export function createSecretServer(options: SecretServerOptions): SecretServer {
	const socketPath = resolve(options.socketPath);
	const log = (options.log ?? silentLog).child("sds", { spiffeId: options.svid.spiffeId });
	const grpc = new Server();
	const xds = createXdsServer({
		source: createSecretSnapshots(options.svid),
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
		async close() {
			xds.close();
			grpc.forceShutdown();
			// A socket that another process holds must stay.
			if (bound) removeSocket(socketPath);
		},
	};
}

/** The snapshot of the newest SVID, the same for every node: whoever can open the socket is this workload's proxy. A proxy keeps an SVID
 *  that ended, since SDS cannot take one back; its peers refuse it. */
function createSecretSnapshots(svid: SvidSource): SnapshotSource {
	let translated: { readonly serial: string; readonly snapshot: XdsSnapshot } | undefined;
	return {
		get() {
			const current = svid.current();
			if (current !== undefined && current.serial !== translated?.serial) {
				translated = { serial: current.serial, snapshot: translateSvid(current) };
			}
			return translated?.snapshot;
		},
		onChange: (listener) => svid.onUpdate(() => listener("all")),
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
