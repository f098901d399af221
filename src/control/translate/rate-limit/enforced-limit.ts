import type { RateLimit } from "../../../model/index.ts";
import type { ProxyKind } from "../http-connection-manager.ts";

/** A limit where it is enforced. */
export interface EnforcedLimit {
	/** Which proxy enforces it. */
	readonly kind: ProxyKind;
	readonly limit: RateLimit;
	/** `namespace/policy/limit`. */
	readonly name: string;
	readonly trustDomain: string;
	/** The only identity that calls there; undefined where the connection says it. */
	readonly caller: string | undefined;
	/** What a refused caller is told. */
	readonly answer: { readonly body: string; readonly headers: readonly (readonly [name: string, value: string])[] };
	/** Proxies that enforce it, as far as is known. */
	readonly proxies: number;
	/** Names the proxy to the quota authority; undefined where several share the filter. */
	readonly node: string | undefined;
}
