import type { Node } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import {
	assertNever,
	type Clock,
	describeError,
	invariant,
	type Log,
	type Random,
	type Timer,
} from "../../core/index.ts";
import { shortTypeName } from "../resource/type-urls.ts";
import {
	onApplied,
	onAsk,
	onClosed,
	onDrained,
	onForget,
	onFull,
	onOpened,
	onPause,
	onResponse,
	onResume,
	onShutdown,
	onSubscribe,
	onTime,
} from "./client-machine.ts";
import {
	type ClientEffect,
	type ClientVariant,
	createClientState,
	type RefusedResource,
	type ResourceUpdate,
} from "./client-state.ts";
import { type DiscoveryStream, openDiscoveryStream, type XdsService, type XdsTarget } from "./discovery-stream.ts";

/** Who uses what a client receives. */
export interface XdsConsumer {
	/** Puts an update to use and says what it refuses: the rest of the update counts as accepted. Updates come one at a time. */
	apply(update: ResourceUpdate): Promise<readonly RefusedResource[]>;
	/** Resources asked for by name that the server has not sent in time. */
	missing(typeUrl: string, names: readonly string[]): void;
	/** The first response of a stream came, or a stream ended. */
	connectionChanged?(connected: boolean): void;
}

export interface XdsClientOptions {
	readonly target: XdsTarget;
	readonly service: XdsService;
	readonly variant: ClientVariant;
	readonly node: Node;
	readonly nodeOnFirstMessageOnly: boolean;
	readonly consumer: XdsConsumer;
	readonly clock: Clock;
	readonly random: Random;
	readonly log: Log;
}

/** A client of one management server. It connects with the first subscription and again, with back-off, whenever it must. */
export interface XdsClient {
	/** Sets what is wanted of a type, in place of what was. */
	subscribe(typeUrl: string, wanted: ReadonlySet<string> | "*"): void;
	/** Asks for one resource beside what is subscribed to, until it is forgotten; to ask again has it sent again. In delta only. */
	ask(typeUrl: string, name: string): void;
	forget(typeUrl: string, name: string): void;
	/** Holds requests of a type, acknowledgements too, until the returned function is called. */
	pause(typeUrl: string): () => void;
	/** Whether the newest stream has answered. */
	readonly isConnected: boolean;
	close(): void;
}

export function createXdsClient(options: XdsClientOptions): XdsClient {
	const { clock, consumer, target, service, variant } = options;
	const log = options.log.child("xds/client", { server: target.authority });
	const state = createClientState(options);
	let stream: DiscoveryStream | undefined;
	let wake: Timer | undefined;
	let attempt = 0;
	let connected = false;
	let closed = false;

	function run(effects: readonly ClientEffect[]): void {
		for (const effect of effects) if (!closed) perform(effect);
	}

	function perform(effect: ClientEffect): void {
		switch (effect.kind) {
			case "connect":
				void follow();
				return;
			case "send":
				logRequest(effect.request.typeUrl, effect.request.nonce, effect.request.error);
				if (stream?.send(effect.request) === false) onFull(state);
				return;
			case "abandon":
				log.warn("the management server reads nothing");
				stream?.close();
				return;
			case "missing":
				log.warn("resources do not exist", { type: shortTypeName(effect.typeUrl), names: effect.names });
				consumer.missing(effect.typeUrl, effect.names);
				return;
			case "wake":
				wake?.cancel();
				wake = clock.setTimer(Math.max(0, effect.at - clock.now()), () => run(onTime(state, clock.now())));
				return;
			case "update":
				return;
			default:
				assertNever(effect);
		}
	}

	/** The life of one stream. */
	async function follow(): Promise<void> {
		let reason = "the server ended the stream";
		let mine: DiscoveryStream | undefined;
		try {
			mine = await openDiscoveryStream(target, service, variant, attempt++, () => {
				if (mine !== undefined && stream === mine) run(onDrained(state, clock.now()));
			});
			if (closed) {
				mine.close();
				return;
			}
			stream = mine;
			run(onOpened(state, clock.now()));
			for await (const response of mine.responses()) {
				setConnected(true);
				log.debug("resources received", {
					type: shortTypeName(response.typeUrl),
					version: response.version,
					resources: response.resources.length,
					removed: response.removed.length,
				});
				for (const effect of onResponse(state, response)) {
					if (effect.kind !== "update") continue;
					const refused = await consumer.apply(effect.update);
					run(onApplied(state, effect, refused, clock.now()));
				}
			}
		} catch (error) {
			reason = describeError(error);
		}
		mine?.close();
		stream = undefined;
		if (closed) return;
		if (connected || attempt === 1) log.warn("lost the management server", { reason });
		else log.debug("management server out of reach", { reason });
		setConnected(false);
		run(onClosed(state, clock.now(), options.random));
	}

	function setConnected(value: boolean): void {
		if (connected === value) return;
		connected = value;
		if (value) log.info("connected to the management server", { address: target.addresses.join(", ") });
		consumer.connectionChanged?.(value);
	}

	function logRequest(typeUrl: string, nonce: string, error: string | undefined): void {
		if (error !== undefined) log.warn("resources refused", { type: shortTypeName(typeUrl), reason: error });
		else if (nonce !== "") log.debug("resources accepted", { type: shortTypeName(typeUrl), nonce });
	}

	return {
		subscribe(typeUrl, wanted) {
			run(onSubscribe(state, typeUrl, wanted, clock.now()));
		},
		ask(typeUrl, name) {
			invariant(variant === "delta", "one resource more can be asked for in delta only");
			run(onAsk(state, typeUrl, name, clock.now()));
		},
		forget(typeUrl, name) {
			run(onForget(state, typeUrl, name, clock.now()));
		},
		pause(typeUrl) {
			onPause(state, typeUrl);
			let held = true;
			return () => {
				if (!held) return;
				held = false;
				run(onResume(state, typeUrl, clock.now()));
			};
		},
		get isConnected() {
			return connected;
		},
		close() {
			closed = true;
			onShutdown(state);
			wake?.cancel();
			stream?.close();
		},
	};
}
