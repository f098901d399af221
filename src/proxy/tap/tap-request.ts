import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { type TapRequest, TapRequestSchema } from "../../api/gen/envoy/admin/v3/tap_pb.js";
import type { TraceWrapper } from "../../api/gen/envoy/data/tap/v3/wrapper_pb.js";
import { invariant, type Validated } from "../../core/index.ts";
import { parseMessage } from "../bootstrap/index.ts";
import { type TapConfig, translateTapRequest } from "../runtime-config/index.ts";
import type { TapBoard } from "./tap-board.ts";

/** What somebody asks of `/tap`. */
export interface TapRequestConfig {
	readonly configId: string;
	readonly config: TapConfig;
	/** Packed, for other threads. */
	readonly packed: Uint8Array;
}

/** Reads the body of a `/tap` request, which is YAML or JSON. */
export function readTapRequest(text: string): Validated<TapRequestConfig> {
	const parsed = parseMessage(TapRequestSchema, text);
	return parsed.ok ? translate(parsed.value) : parsed;
}

function translate(message: TapRequest): Validated<TapRequestConfig> {
	const translated = translateTapRequest(message);
	if (!translated.ok) return translated;
	const packed = toBinary(TapRequestSchema, message);
	return { ok: true, value: { configId: message.configId, config: translated.value, packed } };
}

/** Attaches a request that was read before, as it travels between threads. */
export function attachPacked(board: TapBoard, packed: Uint8Array, submit: (trace: TraceWrapper) => void): () => void {
	const translated = translate(fromBinary(TapRequestSchema, packed));
	invariant(translated.ok, "what was read once is translated alike");
	return board.attach(translated.value.configId, translated.value.config, submit);
}
