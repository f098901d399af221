import assert from "node:assert/strict";
import { test } from "node:test";
import { application } from "../support/control-mesh.ts";
import { describeCall, openWorld, simulateCall, type TranslationCase } from "../support/translation-table.ts";

const common = [
	application("web"),
	application("reviews"),
	application("ratings"),
	application("ledger", { protocol: "tcp", port: 7000 }),
	application("bank", { namespace: "bank" }),
].join("---");

const rule = (spec: string, name = "rule"): string => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ${name}, namespace: shop}
spec:
  hosts: [reviews]
  http:${spec}`;
const route = (spec: string, name = "route"): string => `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: ${name}, namespace: shop}
spec:
  parentRefs: [{group: "", kind: Service, name: reviews}]
  rules:${spec}`;
const destination = (spec: string): string => `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: subsets, namespace: shop}
spec:
  host: reviews
  ${spec}`;
const policy = (spec: string, name = "policy"): string => `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: ${name}, namespace: shop}
spec:
  selector: {matchLabels: {app: reviews}}
  ${spec}`;
const peer = (mode: string, more = ""): string => `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: peers, namespace: shop}
spec: {mtls: {mode: ${mode}}${more}}`;
const entry = (spec: string): string => `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: outer, namespace: shop}
spec: {${spec}}`;
const tokens = `
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: tokens, namespace: shop}
spec:
  selector: {matchLabels: {app: reviews}}
  jwtRules: [{issuer: https://issuer.example, audiences: [shop], jwks: '{"keys":[{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}'}]`;

const cases: readonly TranslationCase[] = [
	{
		name: "without rules everything goes to the service itself, by any of its names",
		config: "",
		calls: {
			"web -> reviews": "reviews.shop:80 by Service reviews",
			"web -> reviews.shop": "reviews.shop:80 by Service reviews",
			"web -> reviews.shop.svc.cluster.local": "reviews.shop:80 by Service reviews",
			"bank -> reviews.shop": "reviews.shop:80 by Service reviews",
			"web -> bank.bank": "bank.bank:80 by Service bank",
			"web -> nobody": "unroutable 502",
			"web -> reviews:81": "unroutable 502",
		},
	},
	{
		name: "VirtualService: paths by exact, prefix and regular expression, the first rule wins",
		config: rule(`
    - match: [{uri: {exact: /a}}]
      route: [{destination: {host: ratings}}]
    - match: [{uri: {prefix: /a}}, {uri: {regex: "/r[0-9]+"}}]
      route: [{destination: {host: web}}]
    - route: [{destination: {host: reviews}}]`),
		calls: {
			"web -> reviews /a": "ratings.shop:80 by VirtualService rule spec.http[0]",
			"web -> reviews /a?q=1": "ratings.shop:80 by VirtualService rule spec.http[0]",
			"web -> reviews /ab": "web.shop:80 by VirtualService rule spec.http[1]",
			"web -> reviews /r12": "web.shop:80 by VirtualService rule spec.http[1]",
			"web -> reviews /r12x": "reviews.shop:80 by VirtualService rule spec.http[2]",
			"web -> reviews /A": "reviews.shop:80 by VirtualService rule spec.http[2]",
		},
	},
	{
		name: "VirtualService: headers, methods, query parameters and withoutHeaders",
		config: rule(`
    - match: [{headers: {x-user: {exact: jason}}}]
      route: [{destination: {host: ratings}}]
    - match: [{method: {exact: POST}, queryParams: {v: {exact: "2"}}}]
      route: [{destination: {host: web}}]
    - match: [{withoutHeaders: {x-old: {}}, uri: {prefix: /new}}]
      route: [{destination: {host: bank.bank.svc.cluster.local}}]`),
		calls: {
			"web -> reviews / x-user=jason": "ratings.shop:80 by VirtualService rule spec.http[0]",
			"web -> reviews / x-user=Jason": "unroutable 404 NR by VirtualService rule spec.http[0]",
			"web -> reviews POST /?v=2": "web.shop:80 by VirtualService rule spec.http[1]",
			"web -> reviews GET /?v=2": "unroutable 404 NR by VirtualService rule spec.http[0]",
			"web -> reviews /new": "bank.bank:80 by VirtualService rule spec.http[2]",
			"web -> reviews /new x-old=1": "unroutable 404 NR by VirtualService rule spec.http[0]",
		},
	},
	{
		name: "VirtualService: rules for other clients, namespaces or ports are none",
		config: rule(`
    - match: [{sourceLabels: {app: web}, uri: {prefix: /l}}]
      route: [{destination: {host: ratings}}]
    - match: [{sourceNamespace: bank}]
      route: [{destination: {host: web.shop.svc.cluster.local}}]
    - match: [{port: 81}]
      route: [{destination: {host: bank.bank.svc.cluster.local}}]
    - route: [{destination: {host: reviews}}]`),
		calls: {
			"web -> reviews /l": "ratings.shop:80 by VirtualService rule spec.http[0]",
			"ratings -> reviews /l": "reviews.shop:80 by VirtualService rule spec.http[3]",
			"bank -> reviews.shop": "web.shop:80 by VirtualService rule spec.http[1]",
		},
	},
	{
		name: "VirtualService: weights, to subsets of a DestinationRule",
		config: `${rule(`
    - route:
        - {destination: {host: reviews, subset: v1}, weight: 90}
        - {destination: {host: reviews, subset: v2}, weight: 10}
        - {destination: {host: ratings}, weight: 0}`)}
---${destination("subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v1}}]")}`,
		calls: {
			"web -> reviews": "reviews.shop:80[v1] 90, reviews.shop:80[v2] 10 by VirtualService rule spec.http[0]",
		},
	},
	{
		name: "a subset that nobody declares, and one without endpoints, lead nowhere",
		config: `${rule(`
    - match: [{uri: {prefix: /none}}]
      route: [{destination: {host: reviews, subset: v3}}]
    - match: [{uri: {prefix: /empty}}]
      route: [{destination: {host: reviews, subset: v2}}]
    - match: [{uri: {prefix: /half}}]
      route: [{destination: {host: reviews, subset: v1}, weight: 50}, {destination: {host: reviews, subset: v2}, weight: 50}]
    - route: [{destination: {host: nobody}}]`)}
---${destination("subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]")}`,
		calls: {
			"web -> reviews /none": "unroutable 503 NC by DestinationRule subsets",
			"web -> reviews /empty": "unroutable 503 UH by DestinationRule subsets spec.subsets[1]",
			"web -> reviews /half": "unroutable 503 UH by DestinationRule subsets spec.subsets[1]",
			"web -> reviews /": "unroutable 503 NC by VirtualService rule spec.http[3]",
		},
	},
	{
		name: "VirtualService: rewrites, headers of requests and answers, mirrors and faults",
		config: rule(`
    - match: [{uri: {prefix: /old/}}]
      rewrite: {uri: /new/, authority: other.example}
      route: [{destination: {host: reviews}}]
    - match: [{uri: {prefix: /headers}}]
      headers: {request: {set: {x-a: "1"}, remove: [x-b]}, response: {add: {x-c: "2"}}}
      route: [{destination: {host: reviews}}]
    - match: [{uri: {prefix: /mirror}}]
      mirror: {host: ratings}
      mirrorPercentage: {value: 25}
      route: [{destination: {host: reviews}}]
    - match: [{uri: {prefix: /slow}}]
      fault: {delay: {fixedDelay: 2s, percentage: {value: 50}}}
      route: [{destination: {host: reviews}}]
    - match: [{uri: {prefix: /broken}}]
      fault: {abort: {httpStatus: 418, percentage: {value: 100}}}
      route: [{destination: {host: reviews}}]
    - match: [{uri: {prefix: /regex}}]
      rewrite: {uriRegexRewrite: {match: "/regex/([a-z]+)", rewrite: '/\\1'}}
      route: [{destination: {host: reviews}}]`),
		calls: {
			"web -> reviews /old/x?q":
				"reviews.shop:80; path /new/x?q; host other.example by VirtualService rule spec.http[0]",
			"web -> reviews /headers x-b=2":
				"reviews.shop:80; set x-a: 1; remove x-b; answer set x-c: 2 by VirtualService rule spec.http[1]",
			"web -> reviews /mirror": "reviews.shop:80; mirror ratings.shop:80 25 by VirtualService rule spec.http[2]",
			"web -> reviews /slow": "reviews.shop:80; 50 % wait 2000 ms by VirtualService rule spec.http[3]",
			"web -> reviews /broken": "answered 418 by VirtualService rule spec.http[4]",
			"web -> reviews /regex/abc": "reviews.shop:80; path /abc by VirtualService rule spec.http[5]",
			"web -> reviews /other": "unroutable 404 NR by VirtualService rule spec.http[0]",
		},
	},
	{
		name: "VirtualService: redirects and direct responses are answered by the proxy",
		config: rule(`
    - match: [{uri: {prefix: /moved}}]
      redirect: {uri: /there, authority: new.example, redirectCode: 302}
    - match: [{uri: {prefix: /teapot}}]
      directResponse: {status: 418, body: {string: short}}`),
		calls: {
			"web -> reviews /moved": "answered 302 http://new.example/there by VirtualService rule spec.http[0]",
			"web -> reviews /teapot": "answered 418 by VirtualService rule spec.http[1]",
			"web -> reviews /": "unroutable 404 NR by VirtualService rule spec.http[0]",
		},
	},
	{
		name: "HTTPRoute: exact before prefix, longer before shorter, whatever the order",
		config: route(`
    - matches: [{path: {type: PathPrefix, value: /}}]
      backendRefs: [{name: reviews, port: 80}]
    - matches: [{path: {type: PathPrefix, value: /a/b}}]
      backendRefs: [{name: ratings, port: 80}]
    - matches: [{path: {type: Exact, value: /a/b}}]
      backendRefs: [{name: web, port: 80}]
    - matches: [{path: {type: PathPrefix, value: /a}, headers: [{name: x-user, value: jason}]}]
      backendRefs: [{name: ratings, port: 80, weight: 3}, {name: web, port: 80, weight: 1}]`),
		calls: {
			"web -> reviews /": "reviews.shop:80 by HTTPRoute route spec.rules[0]",
			"web -> reviews /a/b": "web.shop:80 by HTTPRoute route spec.rules[2]",
			"web -> reviews /a/b/c": "ratings.shop:80 by HTTPRoute route spec.rules[1]",
			"web -> reviews /a/bc": "reviews.shop:80 by HTTPRoute route spec.rules[0]",
			"web -> reviews /a x-user=jason": "ratings.shop:80 75, web.shop:80 25 by HTTPRoute route spec.rules[3]",
		},
	},
	{
		name: "HTTPRoute: filters",
		config: route(`
    - matches: [{path: {type: PathPrefix, value: /old}}]
      filters: [{type: URLRewrite, urlRewrite: {hostname: new.example, path: {type: ReplacePrefixMatch, replacePrefixMatch: /new}}}]
      backendRefs: [{name: reviews, port: 80}]
    - matches: [{path: {type: PathPrefix, value: /moved}}]
      filters: [{type: RequestRedirect, requestRedirect: {scheme: https, statusCode: 301}}]
    - matches: [{path: {type: PathPrefix, value: /headers}}]
      filters:
        - {type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: x-a, value: "1"}], remove: [x-b]}}
        - {type: ResponseHeaderModifier, responseHeaderModifier: {add: [{name: x-c, value: "2"}]}}
        - {type: RequestMirror, requestMirror: {backendRef: {name: ratings, port: 80}}}
      backendRefs: [{name: reviews, port: 80}]`),
		calls: {
			"web -> reviews /old/x": "reviews.shop:80; path /new/x; host new.example by HTTPRoute route spec.rules[0]",
			"web -> reviews /moved": "answered 301 https://reviews/moved by HTTPRoute route spec.rules[1]",
			"web -> reviews /headers x-b=1":
				"reviews.shop:80; set x-a: 1; remove x-b; answer set x-c: 2; mirror ratings.shop:80 100 by HTTPRoute route spec.rules[2]",
			"web -> reviews /else": "unroutable 404 NR by HTTPRoute route spec.rules[2]",
		},
	},
	{
		name: "HTTPRoute: backends that cannot be used answer 500",
		config: route(`
    - matches: [{path: {type: PathPrefix, value: /gone}}]
      backendRefs: [{name: gone, port: 80}]`),
		calls: {
			"web -> reviews /gone": "unroutable 500 by HTTPRoute route spec.rules[0]",
		},
	},
	{
		name: "AuthorizationPolicy: ALLOW by identity, method and path",
		config: policy(`
  action: ALLOW
  rules:
    - from: [{source: {principals: [cluster.local/ns/shop/sa/web]}}]
      to: [{operation: {methods: [GET], paths: [/a*]}}]
    - from: [{source: {namespaces: [bank]}}]`),
		calls: {
			"web -> reviews /abc": "reviews.shop:80 by Service reviews",
			"web -> reviews POST /abc": "denied 403 by AuthorizationPolicy policy spec.rules[0]",
			"web -> reviews /b": "denied 403 by AuthorizationPolicy policy spec.rules[0]",
			"ratings -> reviews /a": "denied 403 by AuthorizationPolicy policy spec.rules[0]",
			"bank -> reviews.shop DELETE /z": "reviews.shop:80 by Service reviews",
			"outside -> reviews.shop /a": "denied 403 by AuthorizationPolicy policy spec.rules[0]",
		},
	},
	{
		name: "AuthorizationPolicy: DENY goes before ALLOW, and what is not named is compared too",
		config: `${policy(
			`
  action: DENY
  rules:
    - to: [{operation: {paths: [/admin*], notMethods: [HEAD]}}]
      when: [{key: "request.headers[x-debug]", notValues: ["yes"]}]`,
			"deny",
		)}
---${policy("rules: [{}]", "allow")}`,
		calls: {
			"web -> reviews /admin": "denied 403 by AuthorizationPolicy deny spec.rules[0]",
			"web -> reviews HEAD /admin": "reviews.shop:80 by Service reviews",
			"web -> reviews /admin x-debug=yes": "reviews.shop:80 by Service reviews",
			"web -> reviews /": "reviews.shop:80 by Service reviews",
		},
	},
	{
		name: "AuthorizationPolicy: dry runs and AUDIT decide nothing; an empty policy denies all",
		config: `${policy("action: AUDIT\n  rules: [{}]", "audit")}
---${policy("action: DENY\n  rules: [{}]", "tried").replace("namespace: shop}", 'namespace: shop, annotations: {istio.io/dry-run: "true"}}')}
---${policy("{}").replace("app: reviews", "app: ratings").replace("  {}", "")}`,
		calls: {
			"web -> reviews": "reviews.shop:80 by Service reviews",
			"web -> ratings": "denied 403 by AuthorizationPolicy policy",
		},
	},
	{
		name: "RequestAuthentication: a token may be missing, not wrong; policies may ask for it",
		config: `${tokens}
---${policy(`
  rules:
    - from: [{source: {requestPrincipals: ["https://issuer.example/*"]}}]
      when: [{key: "request.auth.claims[role]", values: [admin]}]`)}`,
		with: { claims: { iss: "https://issuer.example", sub: "alice", aud: "shop", role: "admin" } },
		calls: {
			"web -> reviews": "reviews.shop:80 by Service reviews",
		},
	},
	{
		name: "RequestAuthentication: claims that the policy does not admit, and tokens for others",
		config: `${tokens}
---${policy(`
  rules: [{when: [{key: "request.auth.claims[role]", values: [admin]}]}]`)}`,
		with: { claims: { iss: "https://issuer.example", sub: "alice", role: "user" } },
		calls: {
			"web -> reviews": "denied 403 by AuthorizationPolicy policy spec.rules[0]",
			"web -> ratings": "ratings.shop:80 by Service ratings",
		},
	},
	{
		name: "RequestAuthentication: who has no token is nobody",
		config: `${tokens}
---${policy("rules: [{from: [{source: {requestPrincipals: ['*']}}]}]")}`,
		calls: {
			"web -> reviews": "denied 403 by AuthorizationPolicy policy spec.rules[0]",
			"web -> reviews / authorization=Bearer": "denied 403 by AuthorizationPolicy policy spec.rules[0]",
		},
	},
	{
		name: "PeerAuthentication: STRICT shuts out clients without a proxy",
		config: peer("STRICT"),
		calls: {
			"web -> reviews": "reviews.shop:80 by Service reviews",
			"outside -> reviews.shop": "denied 0 by PeerAuthentication peers spec.mtls.mode",
			"web -> ledger:7000 TCP": "ledger.shop:7000",
			"outside -> ledger.shop:7000 TCP": "denied 0 by PeerAuthentication peers spec.mtls.mode",
		},
	},
	{
		name: "PeerAuthentication: PERMISSIVE takes both, without an identity in plain text",
		config: `${peer("PERMISSIVE")}
---${policy("rules: [{from: [{source: {namespaces: [shop]}}]}]")}`,
		calls: {
			"web -> reviews": "reviews.shop:80 by Service reviews",
			"outside -> reviews.shop": "denied 403 by AuthorizationPolicy policy spec.rules[0]",
			"outside -> ratings.shop": "ratings.shop:80",
		},
	},
	{
		name: "PeerAuthentication: DISABLE takes identities away",
		config: `${peer("DISABLE")}
---${policy("rules: [{from: [{source: {principals: ['*']}}]}]")}`,
		calls: {
			"web -> reviews": "denied 403 by AuthorizationPolicy policy spec.rules[0]",
			"web -> ratings": "ratings.shop:80 by Service ratings",
		},
	},
	{
		name: "DestinationRule: TLS that the server does not speak, and names that it does not have",
		config: `${destination("trafficPolicy: {tls: {mode: DISABLE}}")}
---${peer("STRICT")}`,
		calls: {
			"web -> reviews": "denied 503 by PeerAuthentication peers spec.mtls.mode",
			"web -> ratings": "ratings.shop:80 by Service ratings",
		},
	},
	{
		name: "DestinationRule: an expected name that is not the server's",
		config: destination(
			"trafficPolicy: {tls: {mode: ISTIO_MUTUAL, subjectAltNames: ['spiffe://cluster.local/ns/shop/sa/other']}}",
		),
		calls: {
			"web -> reviews": "unroutable 503 UF by DestinationRule subsets",
		},
	},
	{
		name: "ServiceEntry: hosts outside, by name and by wildcard",
		config: `${entry("hosts: [api.example.com], ports: [{number: 80, name: http, protocol: HTTP}], resolution: DNS, location: MESH_EXTERNAL")}
---${entry("hosts: ['*.wild.example'], ports: [{number: 80, name: http, protocol: HTTP}], resolution: NONE, location: MESH_EXTERNAL").replace("outer", "wild")}`,
		calls: {
			"web -> api.example.com /v1": "api.example.com:80 by ServiceEntry outer spec.hosts",
			"web -> a.wild.example": "*.wild.example:80 by ServiceEntry wild spec.hosts",
			"web -> apy.example.com": "unroutable 502",
		},
	},
	{
		name: "ServiceEntry: VirtualServices route external hosts too",
		config: `${entry("hosts: [api.example.com], ports: [{number: 80, name: http, protocol: HTTP}], resolution: STATIC, location: MESH_EXTERNAL, endpoints: [{address: 203.0.113.7}]")}
---${rule(`
    - match: [{uri: {prefix: /v2}}]
      route: [{destination: {host: reviews}}]
    - route: [{destination: {host: api.example.com}}]`).replace("hosts: [reviews]", "hosts: [api.example.com]")}`,
		calls: {
			"web -> api.example.com /v1": "api.example.com:80 by VirtualService rule spec.http[1]",
			"web -> api.example.com /v2": "reviews.shop:80 by VirtualService rule spec.http[0]",
		},
	},
	{
		name: "TCP: ports without HTTP are judged by connections",
		config: `${policy(`
  action: ALLOW
  rules: [{from: [{source: {principals: [cluster.local/ns/shop/sa/web]}}]}]`).replace("app: reviews", "app: ledger")}`,
		calls: {
			"web -> ledger TCP": "ledger.shop:7000",
			"reviews -> ledger TCP": "denied 0 by AuthorizationPolicy policy spec.rules[0]",
		},
	},
];

for (const { name, config, calls, with: more } of cases)
	test(name, () => {
		const world = openWorld(config === "" ? common : `${common}---${config}`);
		const results = Object.fromEntries(
			Object.keys(calls).map((call) => [call, describeCall(simulateCall(world, call, more))]),
		);
		assert.deepEqual(results, calls);
	});
