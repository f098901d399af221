/** Who sees what: Sidecar objects, exports, ServiceEntries, routes of Services and ServiceEntries, policies, patches and settings of
 *  the mesh, by simulated requests. */
import type { TranslationCase } from "../support/translation-table.ts";
import { gatewayApi, istio, objectOf, security, testTranslations } from "../support/translation-world.ts";

const entry = (name: string, spec: string): string => istio("ServiceEntry", name, `{${spec}}`);
const web80 = "ports: [{number: 80, name: http, protocol: HTTP}]";
const sidecar = (spec: string, name = "shop/default"): string => istio("Sidecar", name, `{${spec}}`);
const meshRoute = (
	name: string,
	spec: string,
	parent = 'group: "", kind: Service, name: reviews',
	kind = "HTTPRoute",
) => gatewayApi(kind, name, `{parentRefs: [{${parent}}], ${spec}}`);
const settings = (spec: string): string =>
	`\napiVersion: amime.dev/v1alpha1\nkind: MeshConfig\nmetadata: {name: mesh}\nspec: {${spec}}\n`;
const allow = (name: string, source: string): string =>
	security(
		"AuthorizationPolicy",
		name,
		`{selector: {matchLabels: {app: reviews}}, rules: [{from: [{source: {${source}}}]}]}`,
	);

export const cases: readonly TranslationCase[] = [
	{
		name: "Sidecar: only the hosts of its egress are there",
		config: sidecar("egress: [{hosts: ['./reviews.shop.svc.cluster.local', 'bank/*']}]"),
		calls: {
			"web -> reviews": "reviews.shop:80 by Service reviews",
			"web -> ratings": "unroutable 502",
			"web -> bank.bank": "bank.bank:80 by Service bank",
			"bank -> ratings.shop": "ratings.shop:80 by Service ratings",
		},
	},
	{
		name: "Sidecar: hosts are taken out of what others let in",
		config: `${sidecar("egress: [{hosts: ['shop/*', '~./ratings.shop.svc.cluster.local', '~*/*.bank.svc.cluster.local', '*/*']}]")}
---${istio("VirtualService", "v", "{hosts: [ratings, reviews], http: [{directResponse: {status: 201}}]}")}`,
		calls: {
			"web -> ratings": "unroutable 502",
			"web -> bank.bank": "unroutable 502",
			"web -> reviews": "answered 201 by VirtualService v spec.http[0]",
		},
	},
	{
		name: "Sidecar: '~' in place of a namespace takes hosts out of every one, and '~/*' leaves none",
		config: `${sidecar("egress: [{hosts: ['~/bank.bank.svc.cluster.local', '*/*']}]")}
---${sidecar("workloadSelector: {labels: {app: ratings}}, egress: [{hosts: ['./reviews.shop.svc.cluster.local', '~/*']}]", "shop/ratings")}`,
		calls: {
			"web -> reviews": "reviews.shop:80 by Service reviews",
			"web -> bank.bank": "unroutable 502",
			"ratings -> reviews": "unroutable 502",
			"ratings -> bank.bank": "unroutable 502",
		},
	},
	{
		name: "Sidecar: one that selects workloads is over that of the namespace",
		config: `${sidecar("egress: [{hosts: ['./*']}]")}
---${sidecar("workloadSelector: {labels: {app: web}}, egress: [{hosts: ['bank/*']}]", "shop/web")}`,
		calls: {
			"web -> reviews": "unroutable 502",
			"web -> bank.bank": "bank.bank:80 by Service bank",
			"ratings -> reviews": "reviews.shop:80 by Service reviews",
			"ratings -> bank.bank": "unroutable 502",
		},
	},
	{
		name: "Sidecar: of the root namespace it is for all, unless a namespace has its own",
		config: `${sidecar("egress: [{hosts: ['./*']}]", "amime-system/default")}
---${sidecar("egress: [{hosts: ['*/*']}]", "bank/default")}`,
		calls: {
			// The own namespace is the client's.
			"web -> reviews": "reviews.shop:80 by Service reviews",
			"web -> bank.bank": "unroutable 502",
			"bank -> reviews.shop": "reviews.shop:80 by Service reviews",
		},
	},
	{
		name: "Sidecar: where a VirtualService leads works, though no host names it",
		config: `${sidecar("egress: [{hosts: ['./reviews.shop.svc.cluster.local']}]")}
---${istio("VirtualService", "v", "{hosts: [reviews], http: [{route: [{destination: {host: bank.bank.svc.cluster.local}}]}]}")}`,
		calls: {
			"web -> reviews": "bank.bank:80 by VirtualService v spec.http[0]",
			"web -> bank.bank": "bank.bank:80 by Service bank",
		},
	},
	{
		name: "Sidecar: a VirtualService whose hosts are not listed has no effect",
		config: `${sidecar("egress: [{hosts: ['bank/*', './ratings.shop.svc.cluster.local']}]")}
---${istio("VirtualService", "v", "{hosts: [reviews, bank.bank.svc.cluster.local], http: [{directResponse: {status: 201}}]}")}`,
		calls: {
			"web -> bank.bank": "bank.bank:80 by Service bank",
			"web -> reviews": "unroutable 502",
			"web -> ratings": "ratings.shop:80 by Service ratings",
		},
	},
	{
		name: "a Service that is not exported is not there for others",
		config:
			"apiVersion: v1\nkind: Service\nmetadata: {name: inner, namespace: shop, annotations: {networking.istio.io/exportTo: '.'}}\nspec: {selector: {app: reviews}, ports: [{name: http, port: 80}]}\n",
		calls: { "web -> inner": "inner.shop:80 by Service inner", "bank -> inner.shop": "unroutable 502" },
	},
	{
		name: "a Service of another name is the Service that it names",
		config:
			"apiVersion: v1\nkind: Service\nmetadata: {name: alias, namespace: shop}\nspec: {type: ExternalName, externalName: reviews.shop.svc.cluster.local, ports: [{name: http, port: 80}]}\n",
		calls: {
			"web -> alias": "reviews.shop:80 by Service reviews",
			"bank -> alias.shop": "reviews.shop:80 by Service reviews",
		},
	},
	{
		name: "ServiceEntry: exported to some namespaces only",
		config: entry("ext", `hosts: [api.example], ${web80}, resolution: DNS, location: MESH_EXTERNAL, exportTo: [bank]`),
		calls: {
			"bank -> api.example": "api.example:80 by ServiceEntry ext spec.hosts",
			"web -> api.example": "unroutable 502",
		},
	},
	{
		name: "ServiceEntry: several hosts and ports, each by itself",
		config: entry(
			"ext",
			"hosts: [a.example, b.example], ports: [{number: 80, name: http, protocol: HTTP}, {number: 8080, name: alt, protocol: HTTP, targetPort: 9090}], resolution: STATIC, endpoints: [{address: 203.0.113.7}]",
		),
		calls: {
			"web -> a.example": "a.example:80 by ServiceEntry ext spec.hosts",
			"web -> b.example:8080": "b.example:8080 by ServiceEntry ext spec.hosts",
			"web -> b.example:81": "unroutable 502",
		},
	},
	{
		name: "ServiceEntry: the host itself is closer than a wildcard, a longer wildcard closer than a shorter",
		config: `${entry("aa", `hosts: ['*.example'], ${web80}, resolution: NONE`)}
---${entry("bb", `hosts: ['*.b.example'], ${web80}, resolution: NONE`)}
---${entry("cc", `hosts: [a.b.example], ${web80}, resolution: DNS`)}`,
		calls: {
			"web -> a.b.example": "a.b.example:80 by ServiceEntry cc spec.hosts",
			"web -> x.b.example": "*.b.example:80 by ServiceEntry bb spec.hosts",
			"web -> x.example": "*.example:80 by ServiceEntry aa spec.hosts",
			"web -> example": "unroutable 502",
		},
	},
	{
		name: "ServiceEntry: DYNAMIC_DNS goes to the name that the request asks for",
		config: entry("dd", `hosts: ['*.example'], ${web80}, resolution: DYNAMIC_DNS`),
		calls: { "web -> x.example": "*.example:80 by ServiceEntry dd spec.hosts", "web -> example": "unroutable 502" },
	},
	{
		name: "ServiceEntry: WorkloadEntries that it selects, by subsets too",
		config: `${entry("vm", `hosts: [vm.example], ${web80}, resolution: STATIC, location: MESH_INTERNAL, workloadSelector: {labels: {app: vm}}`)}
---${istio("WorkloadEntry", "one", "{address: 203.0.113.1, labels: {app: vm, version: v1}}")}
---${istio("WorkloadEntry", "two", "{address: 203.0.113.2, labels: {app: vm, version: v2}}")}
---${istio("DestinationRule", "vm", "{host: vm.example, subsets: [{name: v2, labels: {version: v2}}, {name: v3, labels: {version: v3}}]}")}
---${istio("VirtualService", "vm", "{hosts: [vm.example], http: [{match: [{uri: {prefix: /v3}}], route: [{destination: {host: vm.example, subset: v3}}]}, {route: [{destination: {host: vm.example, subset: v2}}]}]}")}`,
		calls: {
			"web -> vm.example": "vm.example:80[v2] by VirtualService vm spec.http[1]",
			"web -> vm.example /v3": "unroutable 503 UH by ServiceEntry vm spec.hosts",
		},
	},
	{
		name: "routes of a ServiceEntry are for its hosts",
		config: `${entry("ext", `hosts: [api.example, other.example], ${web80}, resolution: DNS, location: MESH_EXTERNAL`)}
---${meshRoute(
			"r",
			"rules: [{matches: [{path: {value: /v2}}], backendRefs: [{name: reviews, port: 80}]}, {backendRefs: [{group: networking.istio.io, kind: Hostname, name: api.example, port: 80}]}]",
			"group: networking.istio.io, kind: ServiceEntry, name: ext",
		)}`,
		calls: {
			"web -> api.example /v2": "reviews.shop:80 by HTTPRoute r spec.rules[0]",
			"web -> api.example /": "api.example:80 by HTTPRoute r spec.rules[1]",
			"web -> other.example /v2": "reviews.shop:80 by HTTPRoute r spec.rules[0]",
		},
	},
	{
		name: "routes of a Service: a producer's are for all, a consumer's for its own namespace in their place",
		config: `${meshRoute("producer", "rules: [{matches: [{path: {value: /p}}], backendRefs: [{name: ratings, port: 80}]}, {backendRefs: [{name: reviews, port: 80}]}]")}
---${meshRoute("bank/consumer", "rules: [{matches: [{path: {value: /c}}], backendRefs: [{name: bank, port: 80}]}]", 'group: "", kind: Service, name: reviews, namespace: shop')}`,
		calls: {
			"web -> reviews /p": "ratings.shop:80 by HTTPRoute producer spec.rules[0]",
			"web -> reviews /c": "reviews.shop:80 by HTTPRoute producer spec.rules[1]",
			"bank -> reviews.shop /p": "unroutable 404 NR by HTTPRoute consumer spec.rules[0]",
			"bank -> reviews.shop /c": "bank.bank:80 by HTTPRoute consumer spec.rules[0]",
		},
	},
	{
		name: "routes of one port of a Service leave its others alone",
		config: `${meshRoute("r", "rules: [{backendRefs: [{name: ratings, port: 80}]}]", 'group: "", kind: Service, name: reviews, port: 81')}`,
		calls: { "web -> reviews": "reviews.shop:80 by Service reviews" },
	},
	{
		name: "routes of a Service: a backend of another namespace needs no grant in the mesh",
		config: meshRoute("r", "rules: [{backendRefs: [{name: bank, namespace: bank, port: 80}]}]"),
		calls: { "web -> reviews": "bank.bank:80 by HTTPRoute r spec.rules[0]" },
	},
	{
		name: "GRPCRoutes of a Service",
		config: meshRoute(
			"g",
			"rules: [{matches: [{method: {service: lib.Books, method: Get}}], backendRefs: [{name: reviews, port: 80}]}, {matches: [{method: {service: lib.Books}}], backendRefs: [{name: books, port: 9090}]}]",
			'group: "", kind: Service, name: books',
			"GRPCRoute",
		),
		calls: {
			"web -> books:9090 POST /lib.Books/Get content-type=application/grpc":
				"reviews.shop:80 by GRPCRoute g spec.rules[0]",
			"web -> books:9090 POST /lib.Books/Put content-type=application/grpc":
				"books.shop:9090 by GRPCRoute g spec.rules[1]",
			"web -> books:9090 POST /other/Put content-type=application/grpc":
				"unroutable 404 NR by GRPCRoute g spec.rules[0]",
		},
	},
	{
		name: "TCPRoutes of a Service",
		config: meshRoute(
			"t",
			"rules: [{backendRefs: [{name: ledger, port: 7000, weight: 3}, {name: safe, namespace: bank, port: 7000, weight: 1}]}]",
			'group: "", kind: Service, name: ledger',
			"TCPRoute",
		),
		calls: { "web -> ledger TCP": "ledger.shop:7000 75, safe.bank:7000 25" },
	},
	{
		name: "subsets: by labels, and several",
		config: `${istio("DestinationRule", "d", "{host: reviews, subsets: [{name: all}, {name: v1, labels: {version: v1}}, {name: v7, labels: {version: v7}}]}")}
---${istio("VirtualService", "v", "{hosts: [reviews], http: [{match: [{uri: {prefix: /all}}], route: [{destination: {host: reviews, subset: all}}]}, {match: [{uri: {prefix: /v7}}], route: [{destination: {host: reviews, subset: v7}}]}, {route: [{destination: {host: reviews, subset: v1}}]}]}")}`,
		calls: {
			"web -> reviews /all": "reviews.shop:80[all] by VirtualService v spec.http[0]",
			"web -> reviews /v7": "unroutable 503 UH by DestinationRule d spec.subsets[2]",
			"web -> reviews /": "reviews.shop:80[v1] by VirtualService v spec.http[2]",
		},
	},
	{
		name: "DestinationRules: the client's namespace hides the Service's own",
		config: `${istio("DestinationRule", "own", "{host: reviews, subsets: [{name: v1, labels: {version: v1}}]}")}
---${istio("DestinationRule", "bank/own", "{host: reviews.shop.svc.cluster.local, subsets: [{name: other, labels: {version: v1}}]}")}
---${istio("VirtualService", "v", "{hosts: [reviews], http: [{route: [{destination: {host: reviews, subset: v1}}]}]}")}`,
		calls: {
			"web -> reviews": "reviews.shop:80[v1] by VirtualService v spec.http[0]",
			"bank -> reviews.shop": "unroutable 503 NC by DestinationRule own",
		},
	},
	{
		name: "DestinationRules of one host merge their subsets",
		config: `${istio("DestinationRule", "aa", "{host: reviews, subsets: [{name: v1, labels: {version: v1}}]}")}
---${istio("DestinationRule", "bb", "{host: reviews, subsets: [{name: again, labels: {version: v1}}]}")}
---${istio("VirtualService", "v", "{hosts: [reviews], http: [{match: [{uri: {prefix: /b}}], route: [{destination: {host: reviews, subset: again}}]}, {route: [{destination: {host: reviews, subset: v1}}]}]}")}`,
		calls: {
			"web -> reviews": "reviews.shop:80[v1] by VirtualService v spec.http[1]",
			"web -> reviews /b": "reviews.shop:80[again] by VirtualService v spec.http[0]",
		},
	},
	{
		name: "DestinationRules: one for some clients, by their labels",
		config: `${istio("DestinationRule", "web", "{host: reviews, workloadSelector: {matchLabels: {app: web}}, subsets: [{name: v1, labels: {version: v1}}]}")}
---${istio("VirtualService", "v", "{hosts: [reviews], http: [{route: [{destination: {host: reviews, subset: v1}}]}]}")}`,
		calls: {
			"web -> reviews": "reviews.shop:80[v1] by VirtualService v spec.http[0]",
			"ratings -> reviews": "unroutable 503 NC by Service reviews",
		},
	},
	{
		name: "mutual TLS: a client that is told to speak plain text is refused where it is required",
		config: `${security("PeerAuthentication", "strict", "{mtls: {mode: STRICT}}")}
---${istio("DestinationRule", "plain", "{host: reviews, trafficPolicy: {tls: {mode: DISABLE}}}")}`,
		calls: {
			"web -> reviews": "denied 503 by PeerAuthentication strict spec.mtls.mode",
			"web -> ratings": "ratings.shop:80 by Service ratings",
		},
	},
	{
		name: "policies: the mesh's own trust domain, by whichever of its names",
		config: `${settings("trustDomain: new.example, trustDomainAliases: [old.example]")}
---${allow("aliased", "principals: [old.example/ns/shop/sa/web]")}`,
		calls: {
			"web -> reviews": "reviews.shop:80 by Service reviews",
			"ratings -> reviews": "denied 403 by AuthorizationPolicy aliased spec.rules[0]",
		},
	},
	{
		name: "policies: trust domains of callers",
		config: `${allow("own", 'trustDomains: ["cluster.local"], namespaces: [shop]')}`,
		calls: {
			"web -> reviews": "reviews.shop:80 by Service reviews",
			"bank -> reviews.shop": "denied 403 by AuthorizationPolicy own spec.rules[0]",
		},
	},
	{
		name: "policies: not from some trust domains",
		config: `${allow("others", 'notTrustDomains: ["cluster.*"]')}`,
		calls: { "web -> reviews": "denied 403 by AuthorizationPolicy others spec.rules[0]" },
	},
	{
		name: "policies: service accounts of the policy's namespace and of others",
		config: allow("accounts", "serviceAccounts: [web, bank/bank]"),
		calls: {
			"web -> reviews": "reviews.shop:80 by Service reviews",
			"ratings -> reviews": "denied 403 by AuthorizationPolicy accounts spec.rules[0]",
			"bank -> reviews.shop": "reviews.shop:80 by Service reviews",
		},
	},
	{
		name: "policies: a DENY is before an ALLOW, and what no ALLOW covers is refused",
		config: `${allow("web", "principals: [cluster.local/ns/shop/sa/web]")}
---${security("AuthorizationPolicy", "no-put", "{selector: {matchLabels: {app: reviews}}, action: DENY, rules: [{to: [{operation: {methods: [PUT]}}]}]}")}`,
		calls: {
			"web -> reviews": "reviews.shop:80 by Service reviews",
			"web -> reviews PUT /": "denied 403 by AuthorizationPolicy no-put spec.rules[0]",
			"ratings -> reviews": "denied 403 by AuthorizationPolicy web spec.rules[0]",
		},
	},
	{
		name: "policies: paths by templates, methods and hosts together",
		config: security(
			"AuthorizationPolicy",
			"t",
			'{selector: {matchLabels: {app: reviews}}, rules: [{to: [{operation: {paths: ["/users/{*}/posts", "/files/{**}"], methods: [GET]}}]}]}',
		),
		calls: {
			"web -> reviews /users/7/posts": "reviews.shop:80 by Service reviews",
			"web -> reviews /users/7/8/posts": "denied 403 by AuthorizationPolicy t spec.rules[0]",
			"web -> reviews /files/a/b": "reviews.shop:80 by Service reviews",
			"web -> reviews POST /files/a": "denied 403 by AuthorizationPolicy t spec.rules[0]",
		},
	},
	{
		name: "EnvoyFilter: a patch of a route of one client",
		config: istio(
			"EnvoyFilter",
			"f",
			`{workloadSelector: {labels: {app: web}}, configPatches: [{applyTo: VIRTUAL_HOST, match: {context: SIDECAR_OUTBOUND, routeConfiguration: {vhost: {name: "reviews.shop.svc.cluster.local:80"}}}, patch: {operation: MERGE, value: {response_headers_to_add: [{header: {key: x-patched, value: "1"}}]}}}]}`,
		),
		calls: {
			"web -> reviews": "reviews.shop:80; answer set x-patched: 1 by Service reviews",
			"ratings -> reviews": "reviews.shop:80 by Service reviews",
		},
	},
	{
		name: "EnvoyFilter: a route in front of the others",
		config: istio(
			"EnvoyFilter",
			"f",
			`{configPatches: [{applyTo: HTTP_ROUTE, match: {context: SIDECAR_OUTBOUND, routeConfiguration: {vhost: {name: "reviews.shop.svc.cluster.local:80"}}}, patch: {operation: INSERT_FIRST, value: {name: teapot, match: {prefix: /tea}, direct_response: {status: 418}}}}]}`,
		),
		calls: {
			"web -> reviews /tea": "answered 418 by Service reviews",
			"web -> reviews /": "reviews.shop:80 by Service reviews",
		},
	},
	{
		name: "MeshConfig: everything needs a policy when that is said",
		config: `${settings("denyByDefault: true")}
---${allow("web", "principals: [cluster.local/ns/shop/sa/web]")}`,
		calls: {
			"web -> reviews": "reviews.shop:80 by Service reviews",
			"ratings -> reviews": "denied 403 by AuthorizationPolicy web spec.rules[0]",
			"web -> ratings": "denied 403 by Service ratings",
		},
	},
	{
		name: "a bad subset is left out, the others serve",
		faults: 1,
		config: `${istio("DestinationRule", "d", "{host: reviews, subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}, trafficPolicy: {loadBalancer: {simple: FASTEST}}}]}")}
---${istio("VirtualService", "v", "{hosts: [reviews], http: [{match: [{uri: {prefix: /v2}}], route: [{destination: {host: reviews, subset: v2}}]}, {route: [{destination: {host: reviews, subset: v1}}]}]}")}`,
		calls: {
			"web -> reviews": "reviews.shop:80[v1] by VirtualService v spec.http[1]",
			"web -> reviews /v2": "unroutable 503 NC by DestinationRule d",
		},
	},
	{
		name: "an unknown object is nobody's fault but its own",
		faults: 1,
		config: `${objectOf("networking.istio.io/v1", "VirtualServce", "v", "{hosts: [reviews]}")}`,
		calls: { "web -> reviews": "reviews.shop:80 by Service reviews" },
	},
];

testTranslations(cases);
