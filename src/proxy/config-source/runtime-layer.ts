import type { Runtime } from "../../api/gen/envoy/service/runtime/v3/rtds_pb.js";
import type { Validated } from "../../core/index.ts";
import type { JsonObject } from "../../engine/matcher/index.ts";
import { findInvalidRuntimeKey } from "../../engine/runtime/index.ts";

/** The values of a layer that comes over RTDS; as in Envoy, one that is none has the whole layer refused. */
export function readRuntimeLayer({ layer = {} }: Runtime): Validated<JsonObject> {
	const invalid = findInvalidRuntimeKey(layer);
	if (invalid === undefined) return { ok: true, value: layer as JsonObject };
	return { ok: false, problems: [{ path: "layer", problem: `invalid runtime entry value for ${invalid}` }] };
}
