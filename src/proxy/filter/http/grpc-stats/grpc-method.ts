import { getHeader, type HeaderList } from "../../../../core/index.ts";
import type { StatsScope } from "../../../../telemetry/index.ts";
import { destinationOf } from "../destination.ts";
import type { FilterStream } from "../filter.ts";
import type { FilterParts } from "../filter-parts.ts";
import type { PassResponseHead } from "../pass-head.ts";

/** A gRPC method as its path names it. */
export interface GrpcMethod {
	readonly service: string;
	readonly method: string;
}

/** The method of a path `/service/method`; undefined for others. */
export function parseGrpcPath(path: string): GrpcMethod | undefined {
	const query = path.indexOf("?");
	const parts = (query === -1 ? path : path.slice(0, query)).split("/");
	if (parts.length !== 3 || parts[1] === "" || parts[2] === "") return undefined;
	return { service: parts[1]!, method: parts[2]! };
}

/** The scope of the statistics of the cluster that a request goes to; undefined without one. */
export function clusterScopeOf(stream: FilterStream, { context }: FilterParts): StatsScope | undefined {
	return context.getCluster(destinationOf(stream) ?? "")?.cluster.statsScope;
}

/** Counts the status of an answer below `<protocol>.<service>.<method>`. */
export function countGrpcStatus(scope: StatsScope, prefix: string, headers: HeaderList): void {
	const status = getHeader(headers, "grpc-status");
	if (status === undefined) return;
	const own = scope.scope(prefix);
	own.counter(status).value++;
	own.counter(status === "0" ? "success" : "failure").value++;
	own.counter("total").value++;
}

/** Whether an answer is gRPC's. */
export function isGrpcResponse(head: PassResponseHead, endStream: boolean): boolean {
	if (endStream) return getHeader(head.headers, "grpc-status") !== undefined;
	return head.status === 200 && isGrpcType(getHeader(head.headers, "content-type"));
}

function isGrpcType(type: string | undefined): boolean {
	return type !== undefined && /^application\/grpc(?:\+|$)/.test(type);
}

/** Counts the messages of a body by their frames. */
export class FrameCounter {
	count = 0;
	/** Bytes of the frame's head that came. */
	#headBytes = 0;
	#length = 0;

	/** @returns how many messages began in these bytes */
	inspect(bytes: Buffer): number {
		const before = this.count;
		let at = 0;
		while (at < bytes.length) {
			if (this.#headBytes < 5) {
				if (this.#headBytes === 0) {
					this.count++;
					this.#length = 0;
				} else {
					this.#length = this.#length * 256 + bytes[at]!;
				}
				this.#headBytes++;
				at++;
				if (this.#headBytes === 5 && this.#length === 0) this.#headBytes = 0;
				continue;
			}
			const taken = Math.min(this.#length, bytes.length - at);
			this.#length -= taken;
			at += taken;
			if (this.#length === 0) this.#headBytes = 0;
		}
		return this.count - before;
	}
}
