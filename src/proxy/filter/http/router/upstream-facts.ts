import type { Millis } from "../../../../core/index.ts";
import { type HostLoad, parseLoadReport } from "../../../../engine/load-balancer/index.ts";
import { type ForwardAction, prepareRequest, rewriteHost } from "../../../../engine/router/index.ts";
import type { Cluster, Host } from "../../../cluster/index.ts";
import type { UpstreamCluster } from "../../../connection-pool/index.ts";
import type { HttpStream } from "../../network/http-connection-manager/http-stream.ts";
import type { PassResponseHead } from "../pass-head.ts";
import type { StreamRecord } from "../stream-record.ts";
import type { AttemptFailure } from "./response-details.ts";
import type { RouterFilter } from "./router-filter.ts";

/** Puts the chosen cluster into a request's record. */
export function noteCluster(record: StreamRecord, upstream: UpstreamCluster): void {
	const { cluster } = upstream;
	record.upstreamClusterRawName = cluster.name;
	record.upstreamClusterName = upstream.shownName;
	record.upstreamClusterMetadata = cluster.config.metadata;
}

/** Runs the route's rewrites and header operations, which may name the host. */
export function prepareForHost(
	stream: HttpStream,
	action: ForwardAction,
	host: Host,
	{ sendsEnvoyHeaders, matchesScheme }: Pick<RouterFilter, "sendsEnvoyHeaders" | "matchesScheme">,
): void {
	const { request, route } = stream;
	if (route!.changesRequest) rewriteRequest(stream, action, host, sendsEnvoyHeaders);
	if (matchesScheme) request.scheme = host.transportSocket.kind === "tls" ? "https" : "http";
}

function rewriteRequest(
	{ record, request, route }: HttpStream,
	action: ForwardAction,
	host: Host,
	sendsEnvoyHeaders: boolean,
): void {
	const options = { insertOriginalPath: sendsEnvoyHeaders };
	record.upstreamHost = host;
	prepareRequest(route!, request, record, options);
	if (action.hostRewrite?.kind === "auto" && host.hostname !== "") rewriteHost(action, request, host.hostname, options);
}

/** Tells outlier detection and the host's counts how an attempt broke, and `amime why` which limits had been reached. */
export function reportReset(cluster: Cluster, host: Host, reason: AttemptFailure, stream: HttpStream): void {
	if (reason === "overflow") {
		const priority = stream.route?.action.kind === "forward" ? stream.route.action.priority : "default";
		const limits = cluster.ownerOf(host).resources(priority).describeReached("use");
		if (limits !== "") stream.setDynamicMetadata("amime", { limit: limits });
		return;
	}
	host.stats.rq_error.value++;
	if (reason === "maximum duration") return;
	if (reason === "connection timeout") cluster.reportLocal(host, "connect-timeout");
	else cluster.reportLocal(host, reason.endsWith("connection failure") ? "connect-failure" : "reset");
}

/** Tells outlier detection and the host's counts that an attempt took too long. */
export function reportTimeout(cluster: Cluster, host: Host): void {
	cluster.reportLocal(host, "request-timeout");
	host.stats.rq_timeout.value++;
}

/** Gives the host's own report of its load, where the answer has one, to the balancer that goes by it. */
export function noteLoad(load: HostLoad, head: PassResponseHead, now: Millis): void {
	const text = head.get("endpoint-load-metrics");
	const report = text === undefined ? undefined : parseLoadReport(text);
	if (report !== undefined) load.observe(report, now);
}
