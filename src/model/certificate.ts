import type { ObjectName } from "./names.ts";
import type { Source } from "./source.ts";

/** A `v1/Secret`: values by key, decoded to text. */
export interface Secret extends ObjectName {
	/** `kubernetes.io/tls`, `Opaque`, … */
	readonly type: string;
	readonly data: Readonly<Record<string, string>>;
	readonly source: Source;
}

/** A `v1/ConfigMap`: text by key. */
export interface ConfigMap extends ObjectName {
	readonly data: Readonly<Record<string, string>>;
	readonly source: Source;
}
