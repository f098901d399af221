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

/** What must hold of the caller, all of it. */
export interface AuthorizationSource {
	readonly principals: ValueMatch;
	readonly namespaces: ValueMatch;
	/** `name` in the policy's namespace, or `namespace/name`. */
	readonly serviceAccounts: ValueMatch;
	/** Of the peer's SPIFFE ID. */
	readonly trustDomains: ValueMatch;
	/** `issuer/subject` of a JSON web token. */
	readonly requestPrincipals: ValueMatch;
	/** Addresses or CIDR blocks of the peer. */
	readonly ipBlocks: ValueMatch;
	/** Addresses or CIDR blocks of the original client. */
	readonly remoteIpBlocks: ValueMatch;
}

/** What must hold of the request, all of it. */
export interface AuthorizationOperation {
	readonly hosts: ValueMatch;
	readonly ports: ValueMatch;
	readonly methods: ValueMatch;
	/** Paths, or templates with `{*}` for a segment and `{**}` for several. */
	readonly paths: ValueMatch;
}

/** An attribute by its key, such as `request.headers[x-user]`. */
export interface AuthorizationCondition extends ValueMatch {
	readonly key: string;
}

/** A rule matches when one source, one operation and all conditions match; an empty list matches everything. */
export interface AuthorizationRule {
	readonly from: readonly AuthorizationSource[];
	readonly to: readonly AuthorizationOperation[];
	readonly when: readonly AuthorizationCondition[];
	/** Field path of the rule in its document. */
	readonly path: string;
}

/** Whether a rule compares anything that only HTTP has. */
export function comparesHttp({ from, to, when }: AuthorizationRule): boolean {
	const isUsed = ({ values, notValues }: ValueMatch): boolean => values.length + notValues.length > 0;
	return (
		to.some(({ hosts, methods, paths }) => [hosts, methods, paths].some(isUsed)) ||
		from.some(({ requestPrincipals }) => isUsed(requestPrincipals)) ||
		when.some(({ key }) => key.startsWith("request."))
	);
}

/** An object that a policy is attached to, in its own namespace. */
export interface PolicyTarget {
	readonly group: string;
	readonly kind: string;
	readonly name: string;
}

/** What is judged first to last: CUSTOM, DENY, ALLOW; AUDIT decides nothing. */
export type AuthorizationAction = "ALLOW" | "DENY" | "AUDIT" | "CUSTOM";

/** `security.istio.io/v1` AuthorizationPolicy. With any ALLOW policy, what none allows is denied. */
export interface AuthorizationPolicy extends ObjectName {
	readonly selector?: Labels;
	/** Attached to these instead of chosen by selector. */
	readonly targets?: readonly PolicyTarget[];
	readonly action: AuthorizationAction;
	/** CUSTOM: name of the extension provider that decides. */
	readonly provider?: string;
	/** Only told what it would have denied. */
	readonly isDryRun?: boolean;
	/** No rule: an ALLOW policy allows nothing, a DENY policy denies nothing. */
	readonly rules: readonly AuthorizationRule[];
	readonly createdAt: number;
	readonly source: Source;
}

/** Where a token is looked for, beside the others. */
export type TokenLocation =
	| { readonly kind: "header"; readonly name: string; readonly prefix: string }
	| { readonly kind: "param"; readonly name: string }
	| { readonly kind: "cookie"; readonly name: string };

/** One issuer of tokens. */
export interface JwtRule {
	readonly issuer: string;
	/** Empty accepts any. */
	readonly audiences: readonly string[];
	/** Where the keys are: in the text, at a URI, or wherever the issuer says. */
	readonly keys:
		| { readonly kind: "inline"; readonly jwks: string }
		| { readonly kind: "remote"; readonly uri: string }
		| { readonly kind: "unknown" };
	/** Empty: `Authorization: Bearer` and the parameter `access_token`. */
	readonly locations: readonly TokenLocation[];
	readonly outputPayloadToHeader?: string;
	readonly outputClaimToHeaders: readonly { readonly header: string; readonly claim: string }[];
	readonly forwardOriginalToken: boolean;
	/** Time the keys may take; 5 s by default. */
	readonly timeoutMs: number;
	readonly spaceDelimitedClaims: readonly string[];
	/** Field path of the rule in its document. */
	readonly path: string;
}

/** `security.istio.io/v1` RequestAuthentication: a token that is there must be good; whether one must be there, policies say. */
export interface RequestAuthentication extends ObjectName {
	readonly selector?: Labels;
	readonly targets?: readonly PolicyTarget[];
	readonly rules: readonly JwtRule[];
	readonly createdAt: number;
	readonly source: Source;
}
