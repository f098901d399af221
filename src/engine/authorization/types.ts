import type { Expression } from "../expression/index.ts";
import type { CidrRange, HeaderMatcher, MetadataMatcher, StringMatcher } from "../matcher/types.ts";
import type { MatchTree } from "./match-tree.ts";

/** `envoy.config.rbac.v3.RBAC`. */
export interface RbacRules {
	readonly action: "allow" | "deny" | "log";
	/** In the order of their names, as Envoy evaluates them. */
	readonly policies: readonly RbacPolicy[];
	/** Decides instead of the policies; what it does not match is denied. */
	readonly tree?: MatchTree;
	/** Whether some action of the tree is for the access log. */
	readonly treeLogs?: boolean;
}

export interface RbacPolicy {
	readonly name: string;
	/** Any of them. */
	readonly permissions: readonly Permission[];
	/** Any of them. */
	readonly principals: readonly Principal[];
	/** Must be true as well. */
	readonly condition?: Expression;
}

export type Permission =
	| { readonly kind: "and"; readonly rules: readonly Permission[] }
	| { readonly kind: "or"; readonly rules: readonly Permission[] }
	| { readonly kind: "not"; readonly rule: Permission }
	| { readonly kind: "any" }
	| { readonly kind: "header"; readonly matcher: HeaderMatcher }
	/** The path without query and fragment. */
	| { readonly kind: "url-path"; readonly matcher: StringMatcher }
	| { readonly kind: "destination-ip"; readonly range: CidrRange }
	/** Inclusive start, exclusive end. */
	| { readonly kind: "destination-port"; readonly start: number; readonly end: number }
	| { readonly kind: "metadata"; readonly matcher: MetadataMatcher }
	| { readonly kind: "route-metadata"; readonly matcher: MetadataMatcher }
	| { readonly kind: "requested-server-name"; readonly matcher: StringMatcher }
	/** Where the request goes, as a filter before has found out; undefined range or ports: any. Without such a filter nothing matches. */
	| { readonly kind: "upstream-address"; readonly range: CidrRange | undefined; readonly ports: PortRange | undefined }
	/** `envoy.path.match.uri_template`. */
	| { readonly kind: "uri-template"; readonly regex: RegExp };

/** Both inclusive. */
export interface PortRange {
	readonly start: number;
	readonly end: number;
}

export type Principal =
	| { readonly kind: "and"; readonly ids: readonly Principal[] }
	| { readonly kind: "or"; readonly ids: readonly Principal[] }
	| { readonly kind: "not"; readonly id: Principal }
	| { readonly kind: "any" }
	/** Undefined matcher: any peer with a valid certificate. */
	| { readonly kind: "authenticated"; readonly matcher: StringMatcher | undefined }
	/** The connection's address: a PROXY header counts, forwarding headers do not. */
	| { readonly kind: "source-ip"; readonly range: CidrRange }
	| { readonly kind: "direct-remote-ip"; readonly range: CidrRange }
	| { readonly kind: "remote-ip"; readonly range: CidrRange }
	| { readonly kind: "header"; readonly matcher: HeaderMatcher }
	| { readonly kind: "url-path"; readonly matcher: StringMatcher }
	| { readonly kind: "metadata"; readonly matcher: MetadataMatcher }
	| { readonly kind: "route-metadata"; readonly matcher: MetadataMatcher }
	| { readonly kind: "filter-state"; readonly key: string; readonly matcher: StringMatcher };

/** What an RBAC filter (HTTP or network) is set up with. */
export interface RbacConfig {
	/** Undefined: everything is allowed. */
	readonly rules: RbacRules | undefined;
	/** Evaluated and counted, never enforced. */
	readonly shadowRules: RbacRules | undefined;
	readonly rulesStatPrefix: string;
	readonly shadowRulesStatPrefix: string;
	readonly trackPerRuleStats: boolean;
}
