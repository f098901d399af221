import { status } from "@grpc/grpc-js";
import type { Node } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import { assertNever, type Clock, type Millis, type Timer } from "../../core/index.ts";
import type { XdsServerEvents } from "./events.ts";
import { onBlocked, onSnapshot, onWake, onWritable } from "./push.ts";
import { onRequest, type StreamRequest } from "./requests.ts";
import type { DiscoveryCall } from "./services.ts";
import type { AnswerListener, StreamGate, StreamPeer, XdsSnapshot } from "./snapshot.ts";
import { describeResources, describeTypes, hasAccepted, type ResourceStatus, type TypeStatus } from "./status.ts";
import { createStream, type StreamEffect, type StreamResponse, type Variant, type VersionOf } from "./stream.ts";

/** One open stream. */
export interface StreamShell {
	/** Undefined until the first request. */
	readonly node: Node | undefined;
	/** Milliseconds since the epoch. */
	readonly connectedAt: number;
	/** `address:port` that it comes from, as the transport says it. */
	readonly peer: string;
	/** Fetches the node's snapshot and sends what changed. */
	push(): void;
	/** Whether the client has accepted a resource; undefined on a stream without its type. */
	hasAccepted(typeUrl: string, name: string): boolean | undefined;
	describe(): TypeStatus[];
	describeResources(): ResourceStatus[];
	/** The names that are asked for, by type; none where all are. */
	watches(): ReadonlyMap<string, readonly string[]>;
	close(): void;
}

export interface StreamShellDeps {
	readonly clock: Clock;
	readonly events: XdsServerEvents;
	readonly versionOf: VersionOf;
	readonly answers: AnswerListener | undefined;
	readonly getSnapshot: (node: Node) => XdsSnapshot | undefined;
	/** Everybody may be anybody without it. */
	readonly gate: StreamGate | undefined;
	readonly onClose: (shell: StreamShell) => void;
}

/** Ties the state machine of one stream to its gRPC call. */
export function openStreamShell(
	call: DiscoveryCall,
	variant: Variant,
	onlyType: string | undefined,
	deps: StreamShellDeps,
): StreamShell {
	const { clock, events } = deps;
	const state = createStream(variant, deps.versionOf);
	const connectedAt = clock.wall();
	const peer = call.getPeer();
	const caller = streamPeerOf(call);
	let wake: Timer | undefined;
	let closed = false;
	const nodeId = (): string => state.node?.id ?? "";

	const toWall = (time: Millis): number => Math.round(clock.wall() - (clock.now() - time));

	const shell: StreamShell = {
		get node() {
			return state.node;
		},
		connectedAt,
		peer,
		push() {
			const { node } = state;
			if (node === undefined || closed) return;
			const refusal = deps.gate?.refuse(caller, node);
			if (refusal !== undefined) {
				end("PERMISSION_DENIED", refusal);
				return;
			}
			const snapshot = deps.getSnapshot(node);
			const given = snapshot === undefined ? undefined : deps.gate?.limit(caller, node, snapshot);
			run(onSnapshot(state, given ?? snapshot, clock.now()));
		},
		hasAccepted: (typeUrl, name) => hasAccepted(state, typeUrl, name),
		describe: () => describeTypes(state, toWall),
		describeResources: () => describeResources(state, toWall),
		watches: () => new Map([...state.types.values()].map(({ typeUrl, names }) => [typeUrl, [...names]])),
		close() {
			if (closed) return;
			onGone();
			call.end();
		},
	};

	function onGone(): void {
		if (closed) return;
		closed = true;
		wake?.cancel();
		if (state.node !== undefined) {
			events.disconnected(nodeId(), peer);
			deps.answers?.gone(state.node);
		}
		deps.onClose(shell);
	}

	function run(effects: readonly StreamEffect[]): void {
		for (const effect of effects) if (!closed) apply(effect);
	}

	function apply(effect: StreamEffect): void {
		switch (effect.kind) {
			case "identified":
				events.connected(effect.node.id, peer);
				shell.push();
				return;
			case "send":
				write(effect.response);
				return;
			case "acked":
				events.acknowledged(nodeId(), effect.typeUrl, effect.version);
				deps.answers?.accepted(state.node!, effect.typeUrl, effect.names);
				return;
			case "nacked":
				events.refused(nodeId(), effect.typeUrl, effect.version, effect.reason);
				deps.answers?.refused(state.node!, effect.typeUrl, effect.reason, effect.refused);
				return;
			case "stale":
				events.ignoredStale(nodeId(), effect.typeUrl, effect.nonce);
				return;
			case "wake":
				wake?.cancel();
				wake = clock.setTimer(Math.max(0, effect.at - clock.now()), () => run(onWake(state, clock.now())), {
					unref: true,
				});
				return;
			case "end":
				end(effect.code, effect.message);
				return;
			default:
				assertNever(effect);
		}
	}

	function write(response: StreamResponse): void {
		const { typeUrl, version, resources, removed } = response;
		events.pushed(nodeId(), typeUrl, version, resources.length, removed.length);
		if (call.write(response) || state.blocked) return;
		onBlocked(state);
		// A client that reads nothing is not read from either: its requests stay in its own buffers.
		call.pause();
		call.once("drain", () => {
			if (closed) return;
			call.resume();
			run(onWritable(state, clock.now()));
		});
	}

	function end(code: "INVALID_ARGUMENT" | "RESOURCE_EXHAUSTED" | "PERMISSION_DENIED", message: string): void {
		events.ended(peer, message);
		onGone();
		call.emit("error", Object.assign(new Error(message), { code: status[code], details: message }));
	}

	call.on("data", (request: StreamRequest) => {
		if (closed) return;
		const typed = request.typeUrl === "" && onlyType !== undefined ? { ...request, typeUrl: onlyType } : request;
		if (onlyType !== undefined && typed.typeUrl !== onlyType) {
			end("INVALID_ARGUMENT", `this service carries ${onlyType}, not ${typed.typeUrl}`);
			return;
		}
		run(onRequest(state, typed, clock.now()));
	});
	call.on("end", () => shell.close());
	call.on("cancelled", onGone);
	call.on("close", onGone);
	call.on("error", onGone);
	return shell;
}

/** Who calls, as far as TLS has checked it. A server in plain text has nothing to tell. */
export function streamPeerOf(
	call: Pick<DiscoveryCall, "getPeer"> & Partial<Pick<DiscoveryCall, "getAuthContext">>,
): StreamPeer {
	return { certificate: call.getAuthContext?.().sslPeerCertificate?.raw, address: call.getPeer() };
}
