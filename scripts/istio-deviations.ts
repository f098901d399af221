/** Where amime deliberately does something else than Istio; docs/reference/istio-support.md shows them, and the replay of golden
 *  observations knows them. */
export interface IstioDeviation {
	/** What differs. */
	readonly what: string;
	/** Why that is better. */
	readonly why: string;
	/** How to have Istio's behaviour, where there is a way. */
	readonly instead?: string;
	/** Golden observations that show it, `case/number`. */
	readonly observations: readonly string[];
}

export const istioDeviations: readonly IstioDeviation[] = [
	{
		what: "A Gateway that asks for TLS 1.0 or 1.1 (`minProtocolVersion`, `maxProtocolVersion`) gets 1.2.",
		why: "Both are out of use (RFC 8996).",
		observations: [],
	},
	{
		what: "A client's header `x_forwarded_client_cert` does not reach the application.",
		why: "Many servers take it for `x-forwarded-client-cert`, which only the proxy may say.",
		observations: [],
	},
	{
		what: "Where any policy of a workload compares paths, `//admin`, `/admin%2fx`, `/admin%5Cx` and `/admin;x` are judged (and passed on) as what many applications take them for.",
		why: "Istio's default normalisation lets a request past a DENY rule that the application then understands as the denied one.",
		instead:
			"`pathNormalization: { normalization: BASE }` in the MeshConfig compares exactly as Istio does, and each of Istio's other levels is there.",
		observations: [2, 7, 8, 9, 11].map((number) => `authz-path-normalization/${number}`),
	},
	{
		what: "A host that a rule restricts (`hosts` of DENY, `notHosts` of ALLOW) is restricted with any port and dot behind it and any name before it (`me@`); a host that a rule allows is allowed without them only, as in Istio.",
		why: "An added `:8080`, `.` or `me@` must not get a request past a rule.",
		instead: "any `pathNormalization` in the MeshConfig makes hosts exact as well.",
		observations: [],
	},
	{
		what: "A TCP port on which no connection can pass, because no rule of the ALLOW policies in force can match one, closes connections at once.",
		why: "Envoy judges a connection at its first bytes; the greeting of a server that speaks first has gone out by then.",
		observations: ["authz-tcp-allow-http-fields/0"],
	},
	{
		what: "A connection that DENY or ALLOW rules for TCP turn away gets no greeting of a server that speaks first from an amime proxy.",
		why: "All that such rules look at is known then; Envoy judges a connection at its first bytes.",
		observations: [],
	},
	{
		what: "A peer that waits for the server to speak, on a port where plain text and mutual TLS are both taken, is taken for plain text after 5 s.",
		why: "In Istio it waits for ever.",
		observations: [],
	},
	{
		what: "With several issuers, every token of a request has to be good, whosever it is.",
		why: "In Istio one good token excuses a bad one, which the application may be the one to read.",
		observations: [],
	},
	{
		what: "The body of a 403 says which policy decided, by namespace, name and rule, instead of `RBAC: access denied`.",
		why: "Whoever is denied can ask for the right thing; it names no secrets. (Golden comparisons call a body a soft difference.)",
		observations: [],
	},
	{
		what: "With related trust domains (`amime federation`), `namespaces`, `serviceAccounts` and `source.namespace` that let in mean the mesh's own trust domain and its aliases.",
		why: "A namespace of the same name over there is somebody else's; `principals` and `trustDomains` name its workloads. Rules that keep out mean every domain, as in Istio.",
		observations: [],
	},
	{
		what: "A denial carries `x-amime-reason`, which policy or rule decided and what it lacked, for callers that showed a certificate of the mesh.",
		why: "The caller reads why without a look at the server; callers from outside do not get the header.",
		observations: ["mtls-when/1", "mtls-when/3", "mtls-deny-not-principal/1", "mtls-gateway/1"],
	},
	{
		what: "An amime proxy ends a client's connection as soon as an answer breaks off halfway (upstream reset, timeout behind the head).",
		why: "The client learns of it at once; Envoy keeps it waiting for `delayed_close_timeout`, 1 s, first.",
		observations: ["timeout/3", "plain-http-defaults/15"],
	},
	{
		what: "A redirect that replaces a prefix by `/` leads to `/a`, not to `//a`.",
		why: "The Gateway API says so (HTTPPathModifier, replacePrefixMatch).",
		observations: ["gapi-redirect/12"],
	},
	{
		what: "A rewrite or redirect that replaces the prefix `/` by `/base` makes `/base/a` of `/a`, not `/basea`.",
		why: "The Gateway API replaces whole path elements (HTTPPathModifier, replacePrefixMatch).",
		observations: [],
	},
	{
		what: "A value of an AuthorizationPolicy with a `*` that is neither its first nor its last character alone is refused.",
		why: "Istio compares such a star as it stands, so that a DENY rule for `/mid*dle` denies nothing that its author meant.",
		observations: [],
	},
	{
		what: "A redirect that changes the scheme leads to the scheme's own port unless it gives one, and a port that it gives wins over the listener's.",
		why: "The Gateway API says so (HTTPRequestRedirectFilter, port); Istio keeps the listener's port where it is not 80 or 443.",
		observations: [21, 23, 25].map((number) => `gapi-redirect/${number}`),
	},
	{
		what: "`consistentHash` in `portLevelSettings` holds for the cluster without a subset as well.",
		why: "In Istio the cluster hashes and the routes give it nothing to hash by, so requests go anywhere.",
		observations: ["port-level/1"],
	},
	{
		what: "The forward proxy (`proxyHttpPort`) sends a request without a destination port to the port that it names, and knows hosts of every port.",
		why: "Istio looks for port 0, which no service has: 503.",
		observations: [1, 3, 4, 9].map((number) => `forward-proxy/${number}`),
	},
	{
		what: "`internalTrafficPolicy: Local` goes by the node that the Pod object names.",
		why: "Istio goes by what the proxy says of itself, and finds no endpoint when it says nothing.",
		observations: ["traffic-distribution/2"],
	},
	{
		what: "A Service with `publishNotReadyAddresses` gets to endpoints that an EndpointSlice calls not ready.",
		why: "That is what the field asks for. Istio goes by the EndpointSlice alone, which Kubernetes writes to fit.",
		observations: [],
	},
	{
		what: "A ServiceEntry for the host of a Service of Kubernetes adds no endpoints to it.",
		why: "The Service is the owner of its name; in Istio calls are spread over the endpoints of both.",
		observations: [],
	},
	{
		what: "A GRPCRoute whose backend is not there says which one in `grpc-message`.",
		why: "The caller's log has the reason. Istio answers without a word.",
		observations: [],
	},
	{
		what: "`hosts` of a Sidecar may name a Service as `./reviews`.",
		why: "Istio takes it for a host of that name, and the Service is hidden from the workload.",
		observations: [],
	},
	{
		what: "A retry stanza of an HTTPRoute without codes repeats requests after resets and timeouts.",
		why: "The Gateway API's conformance asks for it; Istio repeats what could not be sent alone.",
		observations: [],
	},
	{
		what: "Of several headers of one name in a match of an HTTPRoute only the first counts.",
		why: "The Gateway API says so (HTTPHeaderMatch, name); in Istio such a match never holds.",
		observations: [],
	},
	{
		what: "A DestinationRule may name a Service as `reviews.shop`.",
		why: "Istio takes it for a host of that name, and the rule has no effect.",
		observations: [],
	},
	{
		what: "An HTTPRoute of a Service decides for clients of every namespace, whatever VirtualServices say of the host.",
		why: "A route in the Service's own namespace is for all its clients (GEP-1294); in Istio it is lost for other namespaces when a VirtualService is there.",
		observations: ["gamma-vs-older/1"],
	},
	{
		what: "On a port where a Service has an HTTPRoute or GRPCRoute, captured requests to the address of a Service are its own, whatever host they name; with more than 100 Services at the port, and for proxies that are given what they need alone (`proxyScope`), only those with routes, or called before, have that.",
		why: "Such a route holds for connections to its Service and no others (GEP-1426); Istio's sidecars go by the host alone.",
		observations: [],
	},
	{
		what: "A rule with a filter of another implementation is answered with 500, and the other rules of its HTTPRoute serve.",
		why: "The Gateway API says so; Istio drops the whole route.",
		observations: [],
	},
	{
		what: "A host that a listener of a Gateway has is answered by that listener alone, with 404 when it has no route.",
		why: "The Gateway API says so (listener isolation); in Istio routes of a wider listener answer for it.",
		observations: [],
	},
	{
		what: "A server of a Gateway whose Secret is missing or broken, or that does not go together with an older server of its port, is left out alone and told as a problem.",
		why: "In Istio its connections hang, and the other servers of the port with them.",
		observations: [],
	},
	{
		what: "A rule that an Envoy would refuse (several destinations without weights, a bad regular expression) is left out alone and its object says why; other rules and hosts are served.",
		why: "In Istio one such rule makes every proxy refuse the whole route configuration, which stays as it was before.",
		observations: ["weights-missing/0", "weights-missing/1"],
	},
	{
		what: "A connection to an upstream may take 5 s to open where no DestinationRule says it, in place of 10 s.",
		why: "Callers learn of an endpoint that is gone, and are sent to another one, before they give up themselves.",
		instead: "`connectTimeout: 10s` in the MeshConfig.",
		observations: [],
	},
	{
		what: "A connection to a Gateway whose SNI none of the server's `hosts` covers is closed, also when a VirtualService of the Gateway names it in `sniHosts`.",
		why: "`hosts` say what a Gateway exposes; in Istio any VirtualService that is bound to it by one host may expose others.",
		observations: [],
	},
	{
		what: "DestinationRules of one host and namespace with different `exportTo` are merged for the clients that see both.",
		why: "Each of them is meant for those clients; in Istio only the newest of them has an effect.",
		observations: [],
	},
	{
		what: "`%UPSTREAM_CLUSTER%` in a header or a log line is the cluster's name.",
		why: "Istio's has a `;` behind it, which is for its own rules of statistics.",
		observations: [],
	},
	{
		what: "A server of a Gateway with `AUTO_PASSTHROUGH` is left out and told as a problem.",
		why: "It joins networks that cannot reach each other, which amime does not know; meshes trust each other by `amime federation`.",
		instead: "`PASSTHROUGH`, and `tls` rules of a VirtualService for the services that others may reach.",
		observations: [],
	},
];

/** Where amime does something else than the text of the Gateway API, what differs and why. */
export const gatewayApiDeviations: readonly (readonly [what: string, why: string])[] = [
	[
		"An HTTPRoute and a GRPCRoute with a host in common are both accepted by a listener; the most specific match of either decides. The text has only the older accepted.",
		"Calls and plain requests to one host are common, Istio serves both, and what served before would stop.",
	],
	[
		"Of listeners of one port that cannot be told apart, the first serves and the others are `Conflicted`. The text has all of them `Conflicted`.",
		"A listener that is added, or a ListenerSet, must not take away one that serves.",
	],
	[
		"`backoff` of a retry is the longest that the first retry waits, doubled for the next; each waits a random part of it. The text has it the shortest.",
		"Envoy has no lower bound for the wait.",
	],
];
