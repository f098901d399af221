import type { RequestHead, StreamInfo } from "../format/stream-info.ts";
import type { Metadata } from "../matcher/metadata.ts";
import type { HeaderOperations } from "./header-operations.ts";
import type { DirectResponseConfig, FilterConfigs, ForwardConfig, RedirectConfig } from "./route-config.ts";

/** The decision for a request: one object per route (and per cluster of a weighted route), made once and shared by all requests,
 *  with everything inherited from the virtual host and the table already in it. */
export interface RouteEntry {
	/** Empty when the route has none. */
	readonly name: string;
	readonly virtualHostName: string;
	readonly metadata: Metadata;
	readonly action: ForwardAction | RedirectConfig | DirectResponseConfig | { readonly kind: "non-forwarding" };
	/** Operations of all levels in Envoy's order. */
	readonly requestHeaders: HeaderOperations;
	readonly responseHeaders: HeaderOperations;
	/** The most specific config of each filter: cluster weight, route, virtual host, table. */
	readonly filterConfigs: FilterConfigs;
	readonly decoratorOperation: string;
	readonly decoratorPropagate: boolean;
	/** -1 when the listener's buffer limit holds. */
	readonly requestBufferLimitBytes: number;
	readonly includeRequestAttemptCount: boolean;
	readonly includeAttemptCountInResponse: boolean;
	readonly includeIsTimeoutRetryHeader: boolean;
	/** `vhost.<virtual host>.route.<prefix>.`; empty when the route keeps no statistics. */
	readonly statPrefix: string;
}

/** A forward action with its cluster picked and its policies resolved. */
export interface ForwardAction extends Omit<ForwardConfig, "cluster"> {
	/** `header` names the request header that carries the cluster's name. */
	readonly cluster:
		| { readonly kind: "name"; readonly name: string }
		| { readonly kind: "header"; readonly header: string };
	/** The path matcher's own text, for prefix rewrites; empty for regular expressions. */
	readonly matchedPath: string;
}

/** A compiled route configuration: one per version, shared by all connections. */
export interface RouteTable {
	readonly name: string;
	/** The first route of the virtual host that takes the request; undefined answers 404. `random` lies in [0, 1) and drives
	 *  runtime fractions and weighted clusters: the same number gives the same decision. */
	match(request: RequestHead, stream: StreamInfo, random: number): RouteEntry | undefined;
	/** The virtual cluster of a request for statistics; empty when none matches. */
	matchVirtualCluster(request: RequestHead, entry: RouteEntry): string;
	/** Names of every cluster the table can name statically. */
	readonly clusterNames: ReadonlySet<string>;
}
