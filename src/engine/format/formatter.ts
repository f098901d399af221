import type { JsonValue } from "../matcher/metadata.ts";
import type { StreamInfo } from "./stream-info.ts";

/** A compiled substitution format. */
export interface Formatter {
	/** The text when the format has no operators, else undefined. */
	readonly literal: string | undefined;
	/** Unknown values come out as the compile option said: `-` or nothing. */
	format(stream: StreamInfo): string;
}

/** One operator at work. */
export interface Operator {
	/** Undefined while the value is unknown. */
	text(stream: StreamInfo): string | undefined;
	/** The value in a JSON format: numbers stay numbers. */
	json(stream: StreamInfo): JsonValue | undefined;
}

/** What formats may ask of the process they run in. */
export interface FormatEnvironment {
	/** `%HOSTNAME%`. */
	readonly hostname: string;
	/** `%ENVIRONMENT(X)%`. */
	environment(name: string): string | undefined;
	/** `%CEL(X)%`; absent where formats have no expressions. */
	compileExpression?(
		text: string,
	): { readonly ok: true; readonly value: Operator } | { readonly ok: false; readonly problem: string };
}

/** An environment that knows nothing. */
export const emptyFormatEnvironment: FormatEnvironment = { hostname: "", environment: () => undefined };
