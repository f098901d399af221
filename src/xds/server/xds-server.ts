import type { Server } from "@grpc/grpc-js";
import type { Clock, Log } from "../../core/index.ts";
import type { SnapshotSource } from "./snapshot.ts";
import type { NodeStatus } from "./status.ts";

/** A number that is counted up or set. */
export interface XdsCounter {
	value: number;
}

/** What the server needs of a metrics registry. */
export interface XdsMetrics {
	counter(name: string, labels?: Readonly<Record<string, string>>): XdsCounter;
	gauge(name: string, labels?: Readonly<Record<string, string>>): XdsCounter;
}

export interface XdsServerOptions {
	readonly source: SnapshotSource;
	readonly log: Log;
	readonly clock: Clock;
	/** Nothing is counted without it. */
	readonly metrics?: XdsMetrics;
}

/** Which gRPC services to offer; `ads` alone by default. */
export interface XdsServices {
	readonly ads?: boolean;
	readonly cds?: boolean;
	readonly eds?: boolean;
	readonly lds?: boolean;
	readonly rds?: boolean;
	readonly sds?: boolean;
}

export interface XdsServer {
	/** Registers the services; the caller owns the gRPC server, its address and its credentials. */
	addTo(grpcServer: Server, services?: XdsServices): void;
	/** Every connected node, by node id. */
	statuses(): NodeStatus[];
	/** Ends every stream and stops following the source. */
	close(): void;
}
