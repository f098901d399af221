import type { CdnLoopConfig as Message } from "../../api/gen/envoy/extensions/filters/http/cdn_loop/v3/cdn_loop_pb.js";
import { parseCdnLoop } from "../../engine/cdn-loop/index.ts";
import type { Scope } from "./scope.ts";

/** `envoy.extensions.filters.http.cdn_loop.v3.CdnLoopConfig`. */
export interface CdnLoopConfig {
	/** How this network calls itself in `cdn-loop`. */
	readonly id: string;
	/** How often the name may be there already. */
	readonly maxOccurrences: number;
}

export function readCdnLoop(message: Message, scope: Scope): CdnLoopConfig {
	const id = message.cdnId;
	const [only] = parseCdnLoop(id) ?? [];
	if (id !== "" && only !== id)
		scope.at("cdn_id").report("must be a host, with or without a port, or a token (RFC 8586)");
	return { id, maxOccurrences: message.maxAllowedOccurrences };
}
