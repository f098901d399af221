import type { HeaderList } from "../../core/index.ts";
import type { RequestHead, StreamInfo } from "../format/stream-info.ts";
import type { HeaderAddition } from "./route-config.ts";

/** Header operations of one or several levels, ready to run in order. */
export interface HeaderOperations {
	readonly isEmpty: boolean;
	/** Changes the request in place; `:path` and `:authority` are settable through their pseudo names. */
	applyToRequest(request: RequestHead, stream: StreamInfo): void;
	applyToHeaders(headers: HeaderList, stream: StreamInfo): void;
}

/** One level: what is added, then what is removed. */
export interface HeaderLevel {
	readonly add: readonly HeaderAddition[];
	readonly remove: readonly string[];
}
