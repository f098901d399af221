import type { Labels, ObjectName } from "./names.ts";
import type { Source } from "./source.ts";

export type MutualTlsMode = "STRICT" | "PERMISSIVE" | "DISABLE" | "UNSET";

/** `security.istio.io/v1` PeerAuthentication. Without a selector it covers its namespace; in the root namespace, the mesh. */
export interface PeerAuthentication extends ObjectName {
	readonly selector?: Labels;
	readonly mode: MutualTlsMode;
	/** By the port the application listens on (the workload's port). */
	readonly portModes: Readonly<Record<number, MutualTlsMode>>;
	readonly createdAt: number;
	readonly source: Source;
}

/** A list of values and its negation; values allow a leading or trailing `*`. */
export interface ValueMatch {
	readonly values: readonly string[];
	readonly notValues: readonly string[];
}

export interface AuthorizationSource {
	readonly principals: ValueMatch;
	readonly namespaces: ValueMatch;
}

export interface AuthorizationOperation {
	readonly hosts: ValueMatch;
	readonly ports: ValueMatch;
	readonly methods: ValueMatch;
	readonly paths: ValueMatch;
}

/** A rule matches when one source and one operation match; an empty list matches everything. */
export interface AuthorizationRule {
	readonly from: readonly AuthorizationSource[];
	readonly to: readonly AuthorizationOperation[];
	/** Field path of the rule in its document. */
	readonly path: string;
}

/** `security.istio.io/v1` AuthorizationPolicy. DENY is judged before ALLOW; with any ALLOW policy, what none allows is denied. */
export interface AuthorizationPolicy extends ObjectName {
	readonly selector?: Labels;
	readonly action: "ALLOW" | "DENY";
	/** No rule: an ALLOW policy allows nothing, a DENY policy denies nothing. */
	readonly rules: readonly AuthorizationRule[];
	readonly createdAt: number;
	readonly source: Source;
}
