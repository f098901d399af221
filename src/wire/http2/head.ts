import type { HeaderList } from "../../core/index.ts";

/** The pseudo-header fields of a message and what the codec learned of its fields (RFC 9113 section 8.3). Shared by every message
 *  with the same block: never changed. */
export interface Http2Head {
	/** `:method`; empty in responses. */
	readonly method: string;
	/** `:scheme`; empty in responses and for CONNECT without `:protocol`. */
	readonly scheme: string;
	/** `:authority`, else the value of `host` (which is not among the fields); undefined when there is neither. */
	readonly authority: string | undefined;
	/** `:path`; empty in responses and for CONNECT without `:protocol`. */
	readonly path: string;
	/** `:protocol` of an extended CONNECT (RFC 8441). */
	readonly protocol: string | undefined;
	/** `:status`; 0 in requests. */
	readonly status: number;
	/** content-length; -1 when there is none. */
	readonly contentLength: number;
	/** Whether some field's name starts with `x-`. */
	readonly hasExtension: boolean;
	/** Whether there is a field named `server`, `date`, `expect`, `te`, `traceparent`. */
	readonly hasServer: boolean;
	readonly hasDate: boolean;
	readonly hasExpect: boolean;
	readonly hasTe: boolean;
	readonly hasTraceParent: boolean;
	/** Names and values added up, pseudo-header fields included. */
	readonly bytes: number;
	/** Fields that were left out because of an underscore in their name. */
	readonly droppedUnderscores: number;
	/** The fields without pseudo-header ones and `host`; several `cookie` fields are joined (RFC 9113 section 8.2.3). */
	readonly fields: HeaderList;
}
