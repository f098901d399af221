import type { AccessLogFilter } from "../access-log/types.ts";
import type { Formatter } from "../format/formatter.ts";
import type { HeaderAddition } from "../router/route-config.ts";

/** `LocalReplyConfig` of the HTTP connection manager: how answers that the proxy itself makes are changed. */
export interface LocalReplyConfig {
	/** The first whose filter takes the stream applies. */
	readonly mappers: readonly LocalReplyMapper[];
	/** Undefined leaves the body as it is. */
	readonly bodyFormat: BodyFormat | undefined;
}

export interface LocalReplyMapper {
	readonly filter: AccessLogFilter;
	/** 0 keeps the status. */
	readonly status: number;
	/** What `%LOCAL_REPLY_BODY%` becomes; undefined keeps the body. */
	readonly body: string | undefined;
	/** Overrides the config's. */
	readonly bodyFormat: BodyFormat | undefined;
	readonly headers: readonly HeaderAddition[];
}

export interface BodyFormat {
	readonly formatter: Formatter;
	readonly contentType: string;
}
