/** Parts of amime that many of its processes never use: in the bundle they are loaded when something of them is used first. What is loaded and
 *  lies idle costs a start time, and each sidecar the memory of its text. Only what others call may be here: a class that one in another part
 *  extends, or a constant that another is made from, would be needed at once. */

/** The chunks of late modules: a pattern of their paths in the project, and a name that may have groups of the pattern in it. */
export type LateParts = readonly (readonly [pattern: RegExp, name: string])[];

/** The first pattern that fits counts. */
export const lateParts: LateParts = [
	[/^src\/cli\/(?:commands\/(?!proxy|control-plane|agent\.|authority-options)|mesh\/|output\/(?!colour))/, "cli"],
	[/^src\/proxy\/filter\/http\/(?!router\/|istio-stats\/)([\w-]+)\//, "filter-$1"],
	[/^src\/proxy\/filter\/network\/(call-outs|gates|rbac|simple|tcp-proxy)\//, "network-$1"],
	[
		/^src\/proxy\/filter\/listener\/(proxy-protocol|tls-inspector|http-inspector|original-destination)\.ts$/,
		"listener-filters",
	],
	[/^src\/wire\/(?:proxy-protocol|tls-hello)\//, "listener-filters"],
	[/^src\/engine\/(jwt|expression|rate-limit|quota|authorization)\//, "engine-$1"],
	[/^src\/engine\/(?:hash|load-balancer\/(?:subset|consistent|hash-ring|maglev|bounded))/, "hashing"],
	[/^src\/(?:xds\/client\/|proxy\/grpc-client\/(?!grpc-clients))/, "discovery"],
	[/^src\/proxy\/(workers|stats-sinks)\//, "$1"],
	[/^src\/proxy\/(tracing|access-log|quota|tap)\/(?!tracers|access-log-services|quota-clients|tap-board)/, "$1"],
	[/^src\/proxy\/cluster\/(?:health-check\/|event-log|outlier-monitor)/, "health"],
	[/^src\/engine\/(?:health-check|outlier-detection)\//, "health"],
	[/^src\/proxy\/cluster\/(?:dns\/|dynamic-forward|aggregate|original-destination)/, "clusters"],
	[
		/^src\/proxy\/admin\/(?:(?:certs|clusters|config-dump|failed-requests)-command|profiler-commands|home-page|field-mask|redact|config-dump-.*)\.ts$/,
		"admin",
	],
	[
		/^src\/proxy\/runtime-config\/(admission-control|api-key-auth|credential-injector|custom-response|ext-authz|ext-proc|istio-alpn|jwt-authn|on-demand|peer-metadata|rate-limit-filter|rate-limit-quota|bandwidth-limit|basic-auth|cdn-loop|ip-tagging|compression|csrf|fault|grpc-stats|header-mutation|header-to-metadata|json-to-metadata|local-rate-limit|stateful-session|tap)/,
		"filter-$1",
	],
	[/^src\/proxy\/runtime-config\/(?:match-tree|matched-filter|expression)\.ts$/, "matching"],
	[
		/^src\/proxy\/runtime-config\/(?:access-log-services|rbac|load-balancing-policy|subsets|core-retry|http-uri|tcp-proxy|route-scopes|name-servers|dynamic-forward-proxy|custom-tags)\.ts$/,
		"rare-config",
	],
	[
		/^src\/(?:os\/ssl\/|proxy\/(?:transport\/(?!turn-writer|copied-writes|internal-passthrough|index)|runtime-config\/check-tls))/,
		"tls",
	],
	[/^src\/wire\/(?:http2\/(?!frames|config|error-codes)|hpack\/|grpc\/)/, "http2"],
	[/^src\/proxy\/connection-pool\/(?:http2-|negotiating|http-tunnel|raw-)/, "http2"],
	[/^src\/proxy\/filter\/network\/http-connection-manager\/http2-(?:server|parts)/, "http2"],
];
