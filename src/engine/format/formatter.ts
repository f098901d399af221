import type { StreamInfo } from "./stream-info.ts";

/** A compiled substitution format. */
export interface Formatter {
	/** The text when the format has no operators, else undefined. */
	readonly literal: string | undefined;
	/** Unknown values come out as the compile option said: `-` or nothing. */
	format(stream: StreamInfo): string;
}
