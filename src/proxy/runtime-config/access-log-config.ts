import type { AccessLogFilter } from "../../engine/access-log/index.ts";
import type { Formatter } from "../../engine/format/index.ts";

/** `envoy.config.accesslog.v3.AccessLog`, validated. */
export interface AccessLogConfig {
	readonly name: string;
	/** Undefined logs every stream. */
	readonly filter: AccessLogFilter | undefined;
	/** A whole entry, with its line end. */
	readonly formatter: Formatter;
	readonly sink:
		| { readonly kind: "file"; readonly path: string }
		| { readonly kind: "stdout" }
		| { readonly kind: "stderr" };
}
