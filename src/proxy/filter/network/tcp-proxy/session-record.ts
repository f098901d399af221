import type { Clock } from "../../../../core/index.ts";
import {
	type ConnectionFacts,
	ResponseFlag,
	type StreamInfo,
	type UpstreamHostFacts,
} from "../../../../engine/format/index.ts";
import type { AccessLog } from "../../../../telemetry/index.ts";
import type { UpstreamCluster } from "../../../connection-pool/index.ts";
import type { GateRefusal } from "../network-filter.ts";
import { noteCloseReason } from "./session-failure.ts";

/** Puts into a session's record what it begins with. `attempted` is filled as the session goes on. */
export function beginRecord(record: StreamInfo, facts: ConnectionFacts, attempted: readonly UpstreamHostFacts[]): void {
	record.dynamicMetadata = facts.dynamicMetadata;
	record.filterState = facts.filterState;
	record.upstreamCloseType = "Normal";
	record.attemptedHosts = attempted;
}

/** The session goes to a cluster. */
export function noteCluster(record: StreamInfo, { cluster, shownName }: UpstreamCluster): void {
	record.upstreamClusterName = shownName;
	record.upstreamClusterRawName = cluster.name;
	record.upstreamClusterMetadata = cluster.config.metadata;
}

/** The upstream cut its connection, and so do we the client's. */
export function noteUpstreamReset(record: StreamInfo): void {
	record.responseFlags |= ResponseFlag.upstreamRemoteReset;
	record.upstreamCloseType = "RemoteReset";
	record.downstreamCloseType = "LocalReset";
}

/** For `amime why`: what a denied client lacks, or which cluster is not there. Nothing is noted of an empty word. */
export function noteReason(record: StreamInfo, key: "denied" | "missing_cluster", word: string): void {
	if (word !== "") record.dynamicMetadata = new Map(record.dynamicMetadata ?? []).set("amime", { [key]: word });
}

/** A gate of the chain turned the client away. */
export function noteDenial(record: StreamInfo, refusal: GateRefusal, hasUpstream: boolean): void {
	const { terminationDetails, flags = 0, codeDetails, closeReason, lacks = "" } = refusal;
	record.connectionTerminationDetails = terminationDetails;
	record.responseFlags |= flags;
	if (codeDetails !== undefined) record.responseCodeDetails = codeDetails;
	if (closeReason !== undefined) noteCloseReason(record, closeReason, hasUpstream);
	noteReason(record, "denied", lacks);
}

/** Writes the record as it is to the access logs. */
export function writeRecord(
	record: StreamInfo,
	type: string,
	{ accessLogs, clock }: { readonly accessLogs: readonly AccessLog[]; readonly clock: Clock },
): void {
	if (accessLogs.length === 0) return;
	record.accessLogType = type;
	record.endedAt = clock.now();
	for (const log of accessLogs) log.log(record);
}
