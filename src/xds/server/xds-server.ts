import type { Server } from "@grpc/grpc-js";
import type { Node } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import type { Clock, Log } from "../../core/index.ts";
import { defineClientStatusService, type NodeResources } from "./client-status.ts";
import { createXdsServerEvents, type XdsMetrics } from "./events.ts";
import { type DiscoveryCall, defineService, discoveryServices } from "./services.ts";
import { createSetVersions } from "./set-version.ts";
import type { AnswerListener, SnapshotSource, StreamGate } from "./snapshot.ts";
import type { ConnectionStatus, NodeStatus, ResourceStatus, TypeStatus } from "./status.ts";
import type { Variant } from "./stream.ts";
import { openStreamShell, type StreamShell, streamPeerOf } from "./stream-shell.ts";

export interface XdsServerOptions {
	readonly source: SnapshotSource;
	readonly log: Log;
	readonly clock: Clock;
	/** Everybody may be every node by default. */
	readonly gate?: StreamGate;
	/** Nobody by default. */
	readonly answers?: AnswerListener;
	/** Nothing is counted without it. */
	readonly metrics?: XdsMetrics;
}

/** Which gRPC services to offer; `ads` alone by default. */
export type XdsServices = { readonly [Name in keyof typeof discoveryServices | "csds"]?: boolean };

export interface XdsServer {
	/** Registers the services; the caller owns the gRPC server, its address and its credentials. */
	addTo(grpcServer: Pick<Server, "addService">, services?: XdsServices): void;
	/** Every connected node, by node id. */
	statuses(): NodeStatus[];
	/** Every stream of a node that has said which it is. */
	connections(): readonly ConnectionStatus[];
	/** What every connected node holds, resource by resource. */
	resources(): readonly NodeResources[];
	/** Whether every connected one of some nodes has accepted the newest version of a resource. */
	hasAccepted(nodeIds: ReadonlySet<string>, typeUrl: string, name: string): boolean;
	/** Whether some stream has not been looked at since the source changed. */
	isPushing(): boolean;
	/** Ends every stream and stops following the source. */
	close(): void;
}

/** How long and how many streams are brought up to date before other work of the process gets its turn. Long enough that a change is out before the
 *  answers to it are read. */
const pushTurnMs = 10;
const pushBatch = 256;

/** Creates the server side of discovery; it serves once it was added to a gRPC server. */
export function createXdsServer(options: XdsServerOptions): XdsServer {
	const { source, clock } = options;
	const events = createXdsServerEvents(options.log.child("xds/server"), options.metrics);
	const versionOf = createSetVersions();
	const streams = new Set<StreamShell>();
	/** Streams whose snapshot changed; several changes before their turn are one push. */
	const dirty = new Set<StreamShell>();
	let scheduled = false;
	let closed = false;

	function pushBatchOfStreams(): void {
		scheduled = false;
		let count = 0;
		const end = clock.now() + pushTurnMs;
		for (const stream of dirty) {
			dirty.delete(stream);
			stream.push();
			if (++count === pushBatch || clock.now() >= end) break;
		}
		schedule();
	}

	function schedule(): void {
		if (scheduled || dirty.size === 0) return;
		scheduled = true;
		setImmediate(pushBatchOfStreams);
	}

	const stopFollowing = source.onChange((nodeIds) => {
		for (const stream of streams) {
			if (stream.node !== undefined && (nodeIds === "all" || nodeIds.has(stream.node.id))) dirty.add(stream);
		}
		schedule();
	});

	function open(call: DiscoveryCall, variant: Variant, typeUrl: string | undefined): void {
		if (closed) {
			call.end();
			return;
		}
		const stream = openStreamShell(call, variant, typeUrl, {
			clock,
			events,
			versionOf,
			answers: options.answers,
			getSnapshot: (node) => source.get(node),
			gate: options.gate,
			onClose: (gone) => {
				streams.delete(gone);
				dirty.delete(gone);
			},
		});
		streams.add(stream);
	}

	return {
		addTo(grpcServer, services = { ads: true }) {
			for (const [name, service] of Object.entries(discoveryServices)) {
				if (services[name as keyof typeof discoveryServices] !== true) continue;
				const { definition, implementation } = defineService(service, open);
				grpcServer.addService(definition, implementation);
			}
			if (services.csds !== true) return;
			const { definition, implementation } = defineClientStatusService(
				() => mergeResources(streams),
				(call) => options.gate?.refuseStatus(streamPeerOf(call)),
			);
			grpcServer.addService(definition, implementation);
		},
		statuses: () => mergeStatuses(streams),
		connections: () => [...streams].flatMap(describeConnection),
		resources: () => mergeResources(streams),
		hasAccepted(nodeIds, typeUrl, name) {
			for (const stream of streams)
				if (nodeIds.has(stream.node?.id ?? "") && (dirty.has(stream) || stream.hasAccepted(typeUrl, name) === false))
					return false;
			return true;
		},
		isPushing: () => dirty.size > 0,
		close() {
			closed = true;
			stopFollowing();
			for (const stream of [...streams]) stream.close();
		},
	};
}

function describeConnection({ node, peer, connectedAt, watches }: StreamShell): ConnectionStatus[] {
	return node === undefined ? [] : [{ node, peer, connectedAt, watches: watches() }];
}

/** One entry a node: the newest stream decides where several carry one type. */
function mergeStatuses(streams: Iterable<StreamShell>): NodeStatus[] {
	const nodes = new Map<string, { status: Omit<NodeStatus, "types">; types: Map<string, TypeStatus> }>();
	for (const stream of streams) {
		const { node, connectedAt } = stream;
		if (node === undefined) continue;
		const types = nodes.get(node.id)?.types ?? new Map<string, TypeStatus>();
		for (const type of stream.describe()) types.set(type.typeUrl, type);
		nodes.set(node.id, { status: { nodeId: node.id, node, connectedAt }, types });
	}
	return [...nodes.values()].map(({ status, types }) => ({ ...status, types: [...types.values()] }));
}

function mergeResources(streams: Iterable<StreamShell>): NodeResources[] {
	const nodes = new Map<string, { readonly node: Node; readonly resources: Map<string, ResourceStatus> }>();
	for (const stream of streams) {
		const { node } = stream;
		if (node === undefined) continue;
		const resources = nodes.get(node.id)?.resources ?? new Map<string, ResourceStatus>();
		for (const resource of stream.describeResources()) resources.set(`${resource.typeUrl}/${resource.name}`, resource);
		nodes.set(node.id, { node, resources });
	}
	return [...nodes.values()].map(({ node, resources }) => ({ node, resources: [...resources.values()] }));
}
