import { getHeader, type HeaderList, type Millis } from "../../../../core/index.ts";
import { httpStatusOfGrpc } from "../../../../engine/format/index.ts";
import type { Cluster, Host } from "../../../cluster/index.ts";
import type { PassRequestHead, PassResponseHead } from "../pass-head.ts";
import { noteLoad } from "./upstream-facts.ts";

/** Tells the cluster how a host answered a request sent at `sentAt`: outlier detection judges the status of gRPC where a gRPC answer's
 *  head has it; balancers learn time and load. */
export function reportAnswer(
	cluster: Cluster,
	host: Host,
	request: PassRequestHead,
	head: PassResponseHead,
	sentAt: Millis,
	now: Millis,
): void {
	const grpcStatus = request.isGrpc ? readGrpcStatus(head.headers) : undefined;
	cluster.reportResponse(host, grpcStatus ?? head.status);
	const isChecked = cluster.config.healthChecks.length > 0;
	if (isChecked && head.mayHaveEnvoyFields && head.get("x-envoy-immediate-health-check-fail") !== undefined)
		cluster.failHealthAtOnce(host);
	const { latency, load } = host;
	if (latency !== undefined) latency.observe(now - sentAt, now);
	if (load !== undefined) noteLoad(load, head, now);
}

/** Counts an answer for its host.
 *  @returns whether trailers are still to say how it went: then {@link countGrpcEnd} counts */
export function countAnswer(host: Host, request: PassRequestHead, head: PassResponseHead, endStream: boolean): boolean {
	if (head.status >= 500) {
		host.stats.rq_error.value++;
	} else if (!request.isGrpc) {
		host.stats.rq_success.value++;
	} else {
		if (!endStream) return true;
		countGrpcEnd(host, head.headers);
	}
	return false;
}

/** Counts a gRPC answer by the fields of its end; there are none when the body had none behind it, which is an error. */
export function countGrpcEnd(host: Host, fields: HeaderList | undefined): void {
	const status = fields === undefined ? undefined : readGrpcStatus(fields);
	if (status === undefined || status >= 500) host.stats.rq_error.value++;
	else host.stats.rq_success.value++;
}

/** The HTTP status that `grpc-status` stands for; undefined when there is none. */
function readGrpcStatus(fields: HeaderList): number | undefined {
	const text = getHeader(fields, "grpc-status");
	if (text === undefined) return undefined;
	return httpStatusOfGrpc(/^\d{1,9}$/.test(text) ? Number(text) : -1);
}
