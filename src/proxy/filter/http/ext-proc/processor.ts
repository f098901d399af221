import { create, fromBinary, type JsonObject, toBinary } from "@bufbuild/protobuf";
import { ProcessingMode_BodySendMode } from "../../../../api/gen/envoy/extensions/filters/http/ext_proc/v3/processing_mode_pb.js";
import {
	type CommonResponse,
	CommonResponse_ResponseStatus,
	CommonResponseSchema,
	type HeaderMutation,
	type ImmediateResponse,
	ProcessingRequestSchema,
	type ProcessingResponse,
	ProcessingResponseSchema,
} from "../../../../api/gen/envoy/service/ext_proc/v3/external_processor_pb.js";
import type { HeaderList, Timer } from "../../../../core/index.ts";
import type { GrpcClient, GrpcStatus, GrpcStream } from "../../../grpc-client/index.ts";
import {
	type DirectionMode,
	type ExtProcConfig,
	type ProcessingMode,
	type ProcessorMetadata,
	readMode,
} from "../../../runtime-config/index.ts";
import type { ExtProcStats } from "../../../stats/index.ts";
import type { FilterStream } from "../filter.ts";
import type { FilterParts } from "../filter-parts.ts";
import type { PassResponseHead } from "../pass-head.ts";
import { changeFields } from "../request-fields.ts";
import { readAttributes } from "./attributes.ts";
import { type Direction, type DirectionOwner, spurious } from "./direction.ts";
import { applyHeaderMutation, type MutableHeaders, mutableList, pairsOf, toHeaderMap } from "./mutations.ts";

const processPath = "/envoy.service.ext_proc.v3.ExternalProcessor/Process";
const errorPrefix = "ext_proc_error";

/** What a processor is made for. */
export interface ProcessorOptions {
	readonly parts: FilterParts;
	readonly config: ExtProcConfig;
	readonly stats: ExtProcStats;
	readonly stream: FilterStream;
	readonly client: GrpcClient;
	readonly metadata: ProcessorMetadata;
	readonly allowsFailure: boolean;
	readonly initialMetadata: HeaderList;
	/** The fields of the head that is being sent. */
	readonly fieldsOf: (direction: Direction) => Iterable<readonly [string, string]>;
}

const bodyModes: Readonly<Record<DirectionMode["body"], ProcessingMode_BodySendMode>> = {
	none: ProcessingMode_BodySendMode.NONE,
	streamed: ProcessingMode_BodySendMode.STREAMED,
	buffered: ProcessingMode_BodySendMode.BUFFERED,
	"buffered-partial": ProcessingMode_BodySendMode.BUFFERED_PARTIAL,
	duplex: ProcessingMode_BodySendMode.FULL_DUPLEX_STREAMED,
};

/** One stream's talk with the service. */
export class Processor implements DirectionOwner {
	readonly #options: ProcessorOptions;
	request: Direction | undefined;
	response: Direction | undefined;
	/** Makes the direction of the response when there is one. */
	beginResponse: ((head: PassResponseHead) => Direction) | undefined;
	isOver = false;
	#call: GrpcStream | undefined;
	#timer: Timer | undefined;
	#timedDirection: Direction | undefined;
	#wasExtended = false;
	readonly #modes: () => { readonly request: DirectionMode; readonly response: DirectionMode };
	#overrideResponse: DirectionMode | undefined;
	readonly #described = new Set<Direction>();

	constructor(
		options: ProcessorOptions,
		modes: () => { readonly request: DirectionMode; readonly response: DirectionMode },
	) {
		this.#options = options;
		this.#modes = modes;
	}

	get observes(): boolean {
		return this.#options.config.observes;
	}

	/** What the service asked for instead of the configured mode of responses. */
	get responseMode(): DirectionMode {
		return this.#overrideResponse ?? this.#modes().response;
	}

	// --- to the service

	sendHeaders(direction: Direction, endOfStream: boolean): void {
		const { config, fieldsOf } = this.#options;
		const value = { headers: toHeaderMap(fieldsOf(direction), config), endOfStream };
		this.#send(direction, { case: direction.parts.kind === "request" ? "requestHeaders" : "responseHeaders", value });
	}

	sendBody(direction: Direction, bytes: Buffer, endOfStream: boolean): void {
		const value = { body: new Uint8Array(bytes), endOfStream };
		this.#send(direction, { case: direction.parts.kind === "request" ? "requestBody" : "responseBody", value });
	}

	sendTrailers(direction: Direction, trailers: HeaderList): void {
		const value = { trailers: toHeaderMap(pairsOf(trailers), this.#options.config) };
		this.#send(direction, { case: direction.parts.kind === "request" ? "requestTrailers" : "responseTrailers", value });
	}

	#send(direction: Direction, request: { readonly case: string; readonly value: object }): void {
		const { stats, metadata, stream, config } = this.#options;
		const isFirst = this.#call === undefined;
		const call = this.#call ?? this.#open();
		const { dynamicMetadata } = stream.record;
		const filterMetadata: Record<string, never> = {};
		for (const name of metadata.forwarded) {
			const value = dynamicMetadata?.get(name);
			if (value !== undefined) filterMetadata[name] = value as never;
		}
		const modes = this.#modes();
		const message = create(ProcessingRequestSchema, {
			request: request as never,
			observabilityMode: this.observes,
			attributes: this.#describe(direction),
			...(Object.keys(filterMetadata).length > 0 ? { metadataContext: { filterMetadata } } : {}),
			...(isFirst && !this.observes
				? {
						protocolConfig: {
							requestBodyMode: bodyModes[modes.request.body],
							responseBodyMode: bodyModes[modes.response.body],
						},
					}
				: {}),
		});
		stats.stream_msgs_sent.value++;
		// As in Envoy, a service that may keep what it got as long as it likes has no time limit.
		if (!this.observes && !direction.isDuplex) this.#arm(direction, config.messageTimeoutMs);
		const takesMore = call.send(toBinary(ProcessingRequestSchema, message));
		if (!takesMore && direction.isDuplex) direction.pause();
	}

	/** The attributes that the service wants, once a direction. */
	#describe(direction: Direction): Record<string, JsonObject> {
		const { config, stream } = this.#options;
		const wanted = config.attributes[direction.parts.kind];
		if (wanted.length === 0 || this.#described.has(direction)) return {};
		this.#described.add(direction);
		return { "envoy.filters.http.ext_proc": readAttributes(wanted, stream.record) as JsonObject };
	}

	#open(): GrpcStream {
		const { client, stats, stream, initialMetadata } = this.#options;
		stats.streams_started.value++;
		const call = client.stream(
			processPath,
			{
				onMessage: (message) => this.#onMessage(message),
				onDrain: () => this.#onDrain(),
				onEnd: (status) => this.#onEnd(status),
			},
			{ metadata: initialMetadata, stream: stream.record },
		);
		this.#call = call;
		return call;
	}

	#onDrain(): void {
		for (const direction of [this.request, this.response]) if (direction?.isDuplex) direction.resume();
	}

	// --- from the service

	#onMessage(bytes: Buffer): void {
		const { stats } = this.#options;
		if (this.isOver || this.observes) return;
		let response: ProcessingResponse;
		try {
			response = fromBinary(ProcessingResponseSchema, bytes);
		} catch (_badMessage) {
			this.#fail(`${errorPrefix}_bad_message`, this.#options.config.statusOnError);
			return;
		}
		if (response.overrideMessageTimeout !== undefined) {
			this.#extend(
				Number(response.overrideMessageTimeout.seconds) * 1000 + response.overrideMessageTimeout.nanos / 1e6,
			);
			return;
		}
		this.#takeMetadata(response);
		const answer = response.response;
		if (answer.case === "immediateResponse") {
			stats.stream_msgs_received.value++;
			this.#answerNow(answer.value);
			return;
		}
		const { kind, direction } = this.#directionOf(answer.case);
		if (direction?.expects(kind) !== true) {
			stats.spurious_msgs_received.value++;
			this.#refuse(spurious);
			return;
		}
		this.#disarm(direction);
		if (kind === "headers") this.#overrideModes(response);
		stats.stream_msgs_received.value++;
		const wrong = this.#judge(direction, answer);
		if (wrong !== undefined) {
			if (wrong === spurious) stats.spurious_msgs_received.value++;
			this.#refuse(wrong);
			return;
		}
		if (direction.waitsFor === "pieces") this.#arm(direction, this.#options.config.messageTimeoutMs);
	}

	#directionOf(name: string | undefined): {
		readonly kind: "headers" | "body" | "trailers";
		readonly direction: Direction | undefined;
	} {
		const kind = name?.endsWith("Headers") ? "headers" : name?.endsWith("Body") ? "body" : "trailers";
		if (name?.startsWith("request")) return { kind, direction: this.request };
		return { kind, direction: name?.startsWith("response") ? this.response : undefined };
	}

	#judge(direction: Direction, answer: ProcessingResponse["response"]): string | undefined {
		switch (answer.case) {
			case "requestHeaders":
			case "responseHeaders":
				return direction.onHeadersAnswer(answer.value.response ?? create(CommonResponseSchema));
			case "requestBody":
			case "responseBody":
				return direction.onBodyAnswer(answer.value);
			case "requestTrailers":
			case "responseTrailers": {
				const { headerMutation } = answer.value;
				return direction.onTrailersAnswer((trailers) =>
					headerMutation === undefined
						? undefined
						: this.#apply(
								headerMutation,
								mutableList(trailers, (change) => changeFields(trailers, change)),
								false,
							),
				);
			}
			default:
				return undefined;
		}
	}

	mutate(_direction: Direction, target: MutableHeaders, response: CommonResponse): string | undefined {
		if (response.headerMutation === undefined) return undefined;
		const replaces = response.status === CommonResponse_ResponseStatus.CONTINUE_AND_REPLACE;
		return this.#apply(response.headerMutation, target, replaces);
	}

	#apply(mutation: HeaderMutation, target: MutableHeaders, replaces: boolean): string | undefined {
		const { config, stats } = this.#options;
		return applyHeaderMutation(mutation, target, config, stats, replaces);
	}

	onHeadersJudged(direction: Direction, response: CommonResponse): void {
		if (direction.parts.kind !== "request") {
			if (response.clearRouteCache) this.#options.stats.clear_route_cache_ignored.value++;
			return;
		}
		const { config, stats, stream } = this.#options;
		switch (config.routeCache) {
			case "clear":
				if (response.headerMutation !== undefined) stream.clearRouteCache();
				return;
			case "retain":
				if (response.clearRouteCache) stats.clear_route_cache_disabled.value++;
				return;
			default:
				if (!response.clearRouteCache) return;
				if (response.headerMutation === undefined) stats.clear_route_cache_ignored.value++;
				else stream.clearRouteCache();
		}
	}

	#takeMetadata(response: ProcessingResponse): void {
		const { metadata, stream } = this.#options;
		const given = (response.dynamicMetadata ?? {}) as Readonly<Record<string, unknown>>;
		for (const [namespace, values] of Object.entries(given)) {
			if (!metadata.received.includes(namespace) || typeof values !== "object" || values === null) continue;
			stream.setDynamicMetadata(namespace, values as Readonly<Record<string, unknown>>);
		}
	}

	#overrideModes({ modeOverride }: ProcessingResponse): void {
		if (modeOverride === undefined || !this.#options.config.allowsModeOverride) return;
		const modes = readMode(modeOverride, undefined);
		const { allowedModes } = this.#options.config;
		if (allowedModes.length > 0 && !allowedModes.some((mode) => isSameOverride(mode, modes))) return;
		if (this.request !== undefined) {
			this.request.mode = { ...modes.request, sendsHeaders: this.request.mode.sendsHeaders };
		}
		if (this.response === undefined) this.#overrideResponse = modes.response;
		else this.response.mode = { ...modes.response, sendsHeaders: this.response.mode.sendsHeaders };
	}

	#answerNow(response: ImmediateResponse): void {
		const { config, stats, stream } = this.#options;
		if (config.disablesImmediateResponse) {
			stats.spurious_msgs_received.value++;
			this.#giveUp();
			return;
		}
		stats.immediate_responses_sent.value++;
		this.#close();
		const headers: HeaderList = [];
		if (response.headers !== undefined) {
			this.#apply(
				response.headers,
				mutableList(headers, (change) => changeFields(headers, change)),
				false,
			);
		}
		const code = response.status?.code ?? 0;
		stream.sendLocalReply({
			status: code >= 200 ? code : 200,
			body: Buffer.from(response.body).toString("latin1"),
			isBinary: true,
			details: response.details === "" ? "ext_proc" : response.details,
			flags: 0,
			headers,
			...(response.grpcStatus === undefined ? {} : { grpcStatus: response.grpcStatus.status }),
		});
	}

	#onEnd({ code, message }: GrpcStatus): void {
		if (this.isOver) return;
		const { stats, config } = this.#options;
		this.#call = undefined;
		stats.server_half_closed.value++;
		if (code === 0) {
			stats.streams_closed.value++;
			if (this.request?.isOwed || this.response?.isOwed) this.#refuse("service ended before the body");
			else this.#release();
			return;
		}
		stats.streams_failed.value++;
		if (this.#options.allowsFailure) {
			// As Envoy counts it, which closes its own side of the stream then, too.
			stats.server_half_closed.value++;
			stats.streams_closed.value++;
		}
		this.#fail(`${errorPrefix}_gRPC_error_${code}{${message}}`, config.statusOnError);
	}

	// --- time

	#arm(direction: Direction, delayMs: number): void {
		this.#timer?.cancel();
		this.#timedDirection = direction;
		this.#wasExtended = false;
		this.#timer = this.#options.parts.context.clock.setTimer(delayMs, () => this.#onTimeout());
	}

	#disarm(direction: Direction): void {
		if (this.#timedDirection !== direction) return;
		this.#timer?.cancel();
		this.#timer = undefined;
		this.#timedDirection = undefined;
	}

	/** The service wants more time, once a message. */
	#extend(delayMs: number): void {
		const { config, stats } = this.#options;
		const direction = this.#timedDirection;
		if (delayMs < 1 || delayMs > config.maxMessageTimeoutMs || direction === undefined || this.#wasExtended) {
			stats.override_message_timeout_ignored.value++;
			return;
		}
		stats.override_message_timeout_received.value++;
		this.#arm(direction, delayMs);
		this.#wasExtended = true;
	}

	#onTimeout(): void {
		this.#timer = undefined;
		this.#options.stats.message_timeouts.value++;
		this.#fail(`${errorPrefix}_per-message_timeout_exceeded`, 504);
	}

	// --- the end

	#fail(details: string, status: number): void {
		const { stats, allowsFailure } = this.#options;
		if (allowsFailure) {
			stats.failure_mode_allowed.value++;
			this.#close();
			this.#release();
			return;
		}
		this.#reply(details, status);
	}

	/** The service asked for what must not be: fails the request even where failures are allowed. */
	#refuse(wrong: string): void {
		this.#reply(`${errorPrefix}_${wrong}`, this.#options.config.statusOnError);
	}

	#reply(details: string, status: number): void {
		this.#close();
		this.#options.stats.immediate_responses_sent.value++;
		this.#options.stream.sendLocalReply({ status, body: "", details, flags: 0 });
	}

	/** A message out of order: all that follows is ignored as well. */
	#giveUp(): void {
		this.#close();
		this.#release();
	}

	#release(): void {
		this.isOver = true;
		this.#timer?.cancel();
		this.request?.release();
		this.response?.release();
	}

	#close(): void {
		this.isOver = true;
		this.#timer?.cancel();
		if (this.#call === undefined) return;
		this.#options.stats.streams_closed.value++;
		this.#call.cancel();
		this.#call = undefined;
	}

	/** The stream is over. */
	end(): void {
		if (this.isOver) return;
		if (!this.observes || this.#call === undefined) {
			this.#close();
			return;
		}
		const { config, parts } = this.#options;
		this.#timer = parts.context.clock.setTimer(config.deferredCloseMs, () => this.#close());
	}
}

/** What the service may ask for; whether request headers are sent has been decided when it does. */
function isSameOverride(left: ProcessingMode, right: ProcessingMode): boolean {
	const { request, response } = left;
	return (
		request.body === right.request.body &&
		request.sendsTrailers === right.request.sendsTrailers &&
		response.sendsHeaders === right.response.sendsHeaders &&
		response.body === right.response.body &&
		response.sendsTrailers === right.response.sendsTrailers
	);
}
