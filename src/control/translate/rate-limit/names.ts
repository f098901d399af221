/** The control plane as quota authority, as a cluster of proxies. */
export const quotaClusterName = "amime|quota";
/** Domain of all quota buckets of the mesh (RLQS). */
export const quotaDomain = "amime";
/** Metadata of a quota stream: which proxy it is, so that one that connects anew keeps its leases. */
export const quotaNodeHeader = "x-amime-node";

const prefix = "amime.rate_limit/";

/** The HTTP filter of a limit, named `namespace/policy/limit`. */
export function limitFilterName(limit: string): string {
	return prefix + limit;
}

/** The limit that a filter enforces; undefined for any other filter. */
export function readLimitFilterName(filter: string): string | undefined {
	return filter.startsWith(prefix) ? filter.slice(prefix.length) : undefined;
}
