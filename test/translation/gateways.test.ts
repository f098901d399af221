/** Gateways of both dialects with their routes, by simulated requests through a gateway proxy. */
import type { TranslationCase } from "../support/translation-table.ts";
import { gatewayApi, istio, security, testTranslations } from "../support/translation-world.ts";

const gateway = (servers: string, name = "edge/gw"): string =>
	istio("Gateway", name, `{selector: {istio: ingress}, servers: [${servers}]}`);
const http = (hosts: string): string => `{port: {number: 80, name: http, protocol: HTTP}, hosts: [${hosts}]}`;
const rules = (name: string, hosts: string, spec: string, more = ""): string =>
	istio("VirtualService", name, `{hosts: [${hosts}], gateways: [edge/gw]${more}, http: [${spec}]}`);
const listeners = (spec: string): string =>
	gatewayApi(
		"Gateway",
		"edge/kgw",
		`{gatewayClassName: istio, addresses: [{type: Hostname, value: ingress.edge.svc.cluster.local}], listeners: [${spec}]}`,
	);
const open = "allowedRoutes: {namespaces: {from: All}}";
const plain = listeners(`{name: http, port: 80, protocol: HTTP, ${open}}`);
const route = (name: string, spec: string, kind = "HTTPRoute"): string =>
	gatewayApi(kind, name, `{parentRefs: [{name: kgw, namespace: edge}], ${spec}}`);
const taking = (namespaces: string): string =>
	gatewayApi(
		"Gateway",
		"edge/kgw",
		`{gatewayClassName: istio, addresses: [{type: Hostname, value: ingress.edge.svc.cluster.local}], allowedListeners: {namespaces: {${namespaces}}}, listeners: [{name: http, port: 80, protocol: HTTP, ${open}}]}`,
	);
const set = (name: string, spec: string): string =>
	gatewayApi("ListenerSet", name, `{parentRef: {name: kgw, namespace: edge}, listeners: [${spec}]}`);
const ofSet = (name: string, spec: string): string =>
	gatewayApi("HTTPRoute", name, `{parentRefs: [{kind: ListenerSet, name: extra}], ${spec}}`);
const to = (name: string, port = 80): string => `backendRefs: [{name: ${name}, port: ${port}}]`;
const grant = (from: string, of: string): string =>
	gatewayApi(
		"ReferenceGrant",
		`${of}/lend`,
		`{from: [{group: gateway.networking.k8s.io, kind: ${from}, namespace: shop}], to: [{group: "", kind: Service}]}`,
	);

export const cases: readonly TranslationCase[] = [
	{
		name: "Istio: hosts of a server limit those of its VirtualServices",
		config: `${gateway(http("a.example, '*.b.example'"))}
---${rules("v", "a.example, x.b.example, c.example", "{route: [{destination: {host: reviews}}]}")}`,
		calls: {
			"gw -> a.example": "reviews.shop:80 by VirtualService v spec.http[0]",
			"gw -> x.b.example": "reviews.shop:80 by VirtualService v spec.http[0]",
			"gw -> y.b.example": "unroutable 404 NR",
			"gw -> c.example": "unroutable 404 NR",
		},
	},
	{
		name: "Istio: a VirtualService names its Gateway by namespace and name, by ./ in its own, or by the old name with dots",
		config: `${gateway(http("'*'"))}
---${istio("VirtualService", "a", "{hosts: [a.example], gateways: [gw.edge], http: [{directResponse: {status: 201}}]}")}
---${istio("VirtualService", "b", "{hosts: [b.example], gateways: [gw.edge.svc.cluster.local], http: [{directResponse: {status: 202}}]}")}
---${istio("VirtualService", "edge/c", "{hosts: [c.example], gateways: [./gw], http: [{directResponse: {status: 203}}]}")}
---${istio("VirtualService", "d", "{hosts: [d.example], gateways: [./gw], http: [{directResponse: {status: 204}}]}")}`,
		calls: {
			"gw -> a.example": "answered 201 by VirtualService a spec.http[0]",
			"gw -> b.example": "answered 202 by VirtualService b spec.http[0]",
			"gw -> c.example": "answered 203 by VirtualService c spec.http[0]",
			"gw -> d.example": "unroutable 404 NR",
		},
	},
	{
		name: "Istio: a server may say whose namespace its hosts are for",
		config: `${gateway(http("shop/a.example, bank/b.example, ./c.example"))}
---${rules("v", "a.example, b.example, c.example", "{route: [{destination: {host: reviews}}]}")}
---${rules("edge/own", "c.example", "{directResponse: {status: 201}}")}`,
		calls: {
			"gw -> a.example": "reviews.shop:80 by VirtualService v spec.http[0]",
			"gw -> b.example": "unroutable 404 NR",
			"gw -> c.example": "answered 201 by VirtualService own spec.http[0]",
		},
	},
	{
		name: "Istio: VirtualServices of one host merge, older first, and what is for everything comes last",
		config: `${gateway(http("'*'"))}
---${rules("aa", "a.example", "{match: [{uri: {prefix: /a}}], directResponse: {status: 201}}, {directResponse: {status: 202}}")}
---${rules("bb", "a.example", "{match: [{uri: {prefix: /b}}], directResponse: {status: 203}}, {match: [{uri: {prefix: /a}}], directResponse: {status: 204}}")}`,
		calls: {
			"gw -> a.example /a": "answered 201 by VirtualService aa spec.http[0]",
			"gw -> a.example /b": "answered 203 by VirtualService bb spec.http[0]",
			"gw -> a.example /c": "answered 202 by VirtualService aa spec.http[1]",
		},
	},
	{
		name: "Istio: a longer host of VirtualServices hides the wildcard wholly",
		config: `${gateway(http("'*'"))}
---${rules("aa", "'*.example'", "{directResponse: {status: 201}}")}
---${rules("bb", "a.example", "{match: [{uri: {prefix: /b}}], directResponse: {status: 202}}")}
---${rules("cc", "'*'", "{directResponse: {status: 203}}")}`,
		calls: {
			"gw -> a.example /b": "answered 202 by VirtualService bb spec.http[0]",
			"gw -> a.example /c": "unroutable 404 NR by VirtualService bb spec.http[0]",
			"gw -> b.example /c": "answered 201 by VirtualService aa spec.http[0]",
			"gw -> other": "answered 203 by VirtualService cc spec.http[0]",
		},
	},
	{
		name: "Istio: matches by gateway and port; labels of a client are not asked at gateways that are named",
		config: `${gateway(`${http("'*'")}, {port: {number: 8080, name: alt, protocol: HTTP}, hosts: ['*']}`)}
---${rules(
			"v",
			"a.example",
			`{match: [{gateways: [mesh]}], directResponse: {status: 201}},
			{match: [{port: 8080}], directResponse: {status: 202}},
			{match: [{gateways: [edge/gw], sourceLabels: {app: nobody}}], directResponse: {status: 203}}`,
		)}`,
		calls: {
			"gw -> a.example": "answered 203 by VirtualService v spec.http[2]",
			"gw -> a.example:8080": "answered 202 by VirtualService v spec.http[1]",
		},
	},
	{
		name: "Istio: httpsRedirect answers everything with the scheme of TLS",
		config: `${gateway("{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*'], tls: {httpsRedirect: true}}")}
---${rules("v", "a.example", "{route: [{destination: {host: reviews}}]}")}`,
		calls: {
			"gw -> a.example /x?y=1": "answered 301 https://a.example/x?y=1",
			"gw -> other /x": "answered 301 https://other/x",
		},
	},
	{
		name: "Gateway API: filters of a backend are for its share of the requests",
		config: `${plain}
---${route(
			"r",
			`rules: [
				{matches: [{path: {value: /full}}], backendRefs: [{name: reviews, port: 80, filters: [{type: URLRewrite, urlRewrite: {hostname: own.example, path: {type: ReplaceFullPath, replaceFullPath: /one}}}]}]},
				{matches: [{path: {value: /prefix}}], backendRefs: [{name: reviews, port: 80, filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /two}}}]}]},
				{matches: [{path: {value: /away}}], backendRefs: [{name: reviews, port: 80, filters: [{type: RequestRedirect, requestRedirect: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /new}}}]}]},
				{matches: [{path: {value: /copy}}], backendRefs: [{name: reviews, port: 80, filters: [{type: RequestMirror, requestMirror: {backendRef: {name: ratings, port: 80}}}]}]},
				{matches: [{path: {value: /none}}], backendRefs: [{name: reviews, port: 80, filters: [{type: ExtensionRef, extensionRef: {group: x.example, kind: Foo, name: f}}]}]}]`,
		)}`,
		calls: {
			"kgw -> a.example /full/a": "reviews.shop:80; path /one; host own.example by HTTPRoute r spec.rules[0]",
			"kgw -> a.example /prefix/a?b=c": "reviews.shop:80; path /two/a?b=c by HTTPRoute r spec.rules[1]",
			"kgw -> a.example /away/a": "answered 302 http://a.example/new/a by HTTPRoute r spec.rules[2]",
			"kgw -> a.example /copy": "reviews.shop:80; mirror ratings.shop:80 100 by HTTPRoute r spec.rules[3]",
			"kgw -> a.example /none": "unroutable 500 by HTTPRoute r spec.rules[4]",
		},
	},
	{
		name: "Gateway API: a host that is set as a header is the one that the backend sees",
		config: `${plain}
---${route("r", "rules: [{filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: Host, value: own.example}, {name: x, value: y}]}}], backendRefs: [{name: reviews, port: 80}]}]")}`,
		calls: { "kgw -> a.example": "reviews.shop:80; host own.example; set x: y by HTTPRoute r spec.rules[0]" },
	},
	{
		name: "Istio: TLS that is passed on goes by its server name",
		config: `${gateway("{port: {number: 443, name: tls, protocol: TLS}, hosts: ['*.example'], tls: {mode: PASSTHROUGH}}")}
---${istio(
			"VirtualService",
			"t",
			"{hosts: ['*.example'], gateways: [edge/gw], tls: [{match: [{sniHosts: [a.example]}], route: [{destination: {host: ledger}}]}, {match: [{sniHosts: ['*.example']}], route: [{destination: {host: safe.bank.svc.cluster.local}}]}]}",
		)}`,
		calls: { "gw -> a.example:443 TCP": "ledger.shop:7000" },
		with: { serverName: "a.example" },
	},
	{
		name: "Istio: TCP of a port goes by its rule",
		config: `${gateway("{port: {number: 7000, name: tcp, protocol: TCP}, hosts: ['*']}")}
---${istio(
			"VirtualService",
			"t",
			"{hosts: ['*'], gateways: [edge/gw], tcp: [{match: [{port: 7000}], route: [{destination: {host: ledger}}]}]}",
		)}`,
		calls: { "gw -> ledger.example:7000 TCP": "ledger.shop:7000" },
	},
	{
		name: "Istio: routes by claims of the token",
		config: `${gateway(http("'*'"))}
---${security(
			"RequestAuthentication",
			"edge/tokens",
			`{selector: {matchLabels: {istio: ingress}}, jwtRules: [{issuer: https://issuer.example, jwks: '{"keys":[{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}'}]}`,
		)}
---${rules(
			"v",
			"a.example",
			`{match: [{headers: {"@request.auth.claims.group": {exact: admin}}}], directResponse: {status: 201}},
			{match: [{headers: {"@request.auth.claims[org][unit]": {prefix: ops}}}], directResponse: {status: 202}},
			{match: [{withoutHeaders: {"@request.auth.claims[beta]": {exact: "yes"}}, uri: {prefix: /new}}], directResponse: {status: 203}},
			{directResponse: {status: 204}}`,
		)}`,
		calls: {
			"gw -> a.example": "answered 201 by VirtualService v spec.http[0]",
			"gw -> a.example /new": "answered 201 by VirtualService v spec.http[0]",
		},
		with: { claims: { iss: "https://issuer.example", sub: "x", group: ["dev", "admin"] } },
	},
	{
		name: "Istio: nested claims, and one that is not there",
		config: `${gateway(http("'*'"))}
---${security(
			"RequestAuthentication",
			"edge/tokens",
			`{selector: {matchLabels: {istio: ingress}}, jwtRules: [{issuer: https://issuer.example, jwks: '{"keys":[{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}'}]}`,
		)}
---${rules(
			"v",
			"a.example",
			`{match: [{headers: {"@request.auth.claims[org][unit]": {prefix: ops}}, uri: {prefix: /ops}}], directResponse: {status: 202}},
			{match: [{withoutHeaders: {"@request.auth.claims.beta": {exact: "yes"}}, uri: {prefix: /new}}], directResponse: {status: 203}},
			{directResponse: {status: 204}}`,
		)}`,
		calls: {
			"gw -> a.example /ops": "answered 202 by VirtualService v spec.http[0]",
			"gw -> a.example /new": "answered 203 by VirtualService v spec.http[1]",
			"gw -> a.example /": "answered 204 by VirtualService v spec.http[2]",
		},
		with: { claims: { iss: "https://issuer.example", sub: "x", org: { unit: "ops-7" } } },
	},
	{
		name: "Istio: policies of the gateway decide before its routes",
		config: `${gateway(http("'*'"))}
---${rules("v", "a.example", "{route: [{destination: {host: reviews}}]}")}
---${security("AuthorizationPolicy", "edge/closed", "{selector: {matchLabels: {istio: ingress}}, action: DENY, rules: [{to: [{operation: {paths: [/admin*]}}]}]}")}`,
		calls: {
			"gw -> a.example /admin/x": "denied 403 by AuthorizationPolicy closed spec.rules[0]",
			"gw -> a.example /": "reviews.shop:80 by VirtualService v spec.http[0]",
		},
	},
	{
		name: "Istio: a VirtualService that is not exported to the gateway's namespace has no effect there",
		config: `${gateway(http("'*'"))}
---${rules("v", "a.example", "{route: [{destination: {host: reviews}}]}", ", exportTo: ['.']")}
---${rules("w", "b.example", "{route: [{destination: {host: reviews}}]}", ", exportTo: [edge]")}`,
		calls: {
			"gw -> a.example": "unroutable 404 NR",
			"gw -> b.example": "reviews.shop:80 by VirtualService w spec.http[0]",
		},
	},
	{
		name: "Gateway API: hostnames of listener and route, the narrower one counts",
		config: `${listeners(`{name: http, port: 80, protocol: HTTP, hostname: "*.example", ${open}}`)}
---${route("r", `hostnames: [a.example, "*.b.example", other], rules: [{${to("reviews")}}]`)}`,
		calls: {
			"kgw -> a.example": "reviews.shop:80 by HTTPRoute r spec.rules[0]",
			"kgw -> x.b.example": "reviews.shop:80 by HTTPRoute r spec.rules[0]",
			"kgw -> c.example": "unroutable 404 NR",
			"kgw -> other": "unroutable 404 NR",
		},
	},
	{
		name: "Gateway API: exact path, longest prefix by segments, then expressions",
		config: `${plain}
---${route(
			"r",
			`rules: [
			{matches: [{path: {type: RegularExpression, value: "/a/.*"}}], ${to("web")}},
			{matches: [{path: {value: /a}}], ${to("reviews")}},
			{matches: [{path: {value: /a/b/}}], ${to("ratings")}},
			{matches: [{path: {type: Exact, value: /a/b}}], filters: [{type: RequestRedirect, requestRedirect: {hostname: x.example}}]},
			{matches: [{path: {type: RegularExpression, value: "/re[0-9]+"}}], ${to("web")}}]`,
		)}`,
		calls: {
			"kgw -> x /a/b": "answered 302 http://x.example/a/b by HTTPRoute r spec.rules[3]",
			"kgw -> x /a/b/c": "ratings.shop:80 by HTTPRoute r spec.rules[2]",
			"kgw -> x /a/c": "reviews.shop:80 by HTTPRoute r spec.rules[1]",
			"kgw -> x /ab": "unroutable 404 NR by HTTPRoute r spec.rules[3]",
			"kgw -> x /re12": "web.shop:80 by HTTPRoute r spec.rules[4]",
		},
	},
	{
		name: "Gateway API: method before headers, more headers before fewer, then query parameters",
		config: `${plain}
---${route(
			"r",
			`rules: [
			{matches: [{queryParams: [{name: q, value: "1"}]}], filters: [{type: RequestRedirect, requestRedirect: {hostname: query}}]},
			{matches: [{headers: [{name: a, value: "1"}]}], filters: [{type: RequestRedirect, requestRedirect: {hostname: header}}]},
			{matches: [{headers: [{name: a, value: "1"}, {name: b, type: RegularExpression, value: "[0-9]+"}]}], filters: [{type: RequestRedirect, requestRedirect: {hostname: headers}}]},
			{matches: [{method: PUT}], filters: [{type: RequestRedirect, requestRedirect: {hostname: method}}]}]`,
		)}`,
		calls: {
			"kgw -> x PUT /?q=1 a=1 b=2": "answered 302 http://method/?q=1 by HTTPRoute r spec.rules[3]",
			"kgw -> x GET /?q=1 a=1 b=2": "answered 302 http://headers/?q=1 by HTTPRoute r spec.rules[2]",
			"kgw -> x GET /?q=1 a=1 b=x": "answered 302 http://header/?q=1 by HTTPRoute r spec.rules[1]",
			"kgw -> x GET /?q=1": "answered 302 http://query/?q=1 by HTTPRoute r spec.rules[0]",
			"kgw -> x GET /": "unroutable 404 NR by HTTPRoute r spec.rules[3]",
		},
	},
	{
		name: "Gateway API: filters of headers, paths and hosts",
		config: `${plain}
---${route(
			"r",
			`rules: [
			{matches: [{path: {value: /one}}], filters: [
				{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: x-a, value: "50%"}], add: [{name: x-b, value: "2"}], remove: [x-c]}},
				{type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: x-d, value: "4"}]}},
				{type: URLRewrite, urlRewrite: {hostname: in.example, path: {type: ReplacePrefixMatch, replacePrefixMatch: /two}}}], ${to("reviews")}},
			{matches: [{path: {value: /strip}}], filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /}}}], ${to("reviews")}},
			{matches: [{path: {value: /full}}], filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplaceFullPath, replaceFullPath: /whole}}}], ${to("reviews")}}]`,
		)}`,
		calls: {
			"kgw -> x /one/a?q=1":
				"reviews.shop:80; path /two/a?q=1; host in.example; set x-a: 50%; set x-b: 2; answer set x-d: 4 by HTTPRoute r spec.rules[0]",
			"kgw -> x /one":
				"reviews.shop:80; path /two; host in.example; set x-a: 50%; set x-b: 2; answer set x-d: 4 by HTTPRoute r spec.rules[0]",
			"kgw -> x /strip/a": "reviews.shop:80; path /a by HTTPRoute r spec.rules[1]",
			"kgw -> x /strip": "reviews.shop:80; path / by HTTPRoute r spec.rules[1]",
			"kgw -> x /full/a?q=1": "reviews.shop:80; path /whole?q=1 by HTTPRoute r spec.rules[2]",
		},
	},
	{
		name: "Gateway API: redirects as the specification has their ports and paths",
		config: `${listeners(`{name: http, port: 80, protocol: HTTP, ${open}}, {name: alt, port: 8080, protocol: HTTP, ${open}}`)}
---${route(
			"r",
			`rules: [
			{matches: [{path: {value: /host}}], filters: [{type: RequestRedirect, requestRedirect: {hostname: new.example}}]},
			{matches: [{path: {value: /tls}}], filters: [{type: RequestRedirect, requestRedirect: {scheme: https, statusCode: 301}}]},
			{matches: [{path: {value: /port}}], filters: [{type: RequestRedirect, requestRedirect: {port: 80, statusCode: 308}}]},
			{matches: [{path: {value: /pre}}], filters: [{type: RequestRedirect, requestRedirect: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /post}, statusCode: 307}}]},
			{matches: [{path: {value: /full}}], filters: [{type: RequestRedirect, requestRedirect: {path: {type: ReplaceFullPath, replaceFullPath: ""}}}]},
			{matches: [{path: {value: /root}}], filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplaceFullPath, replaceFullPath: ""}}}], ${to("reviews")}}]`,
		)}`,
		calls: {
			"kgw -> x /host/a?q=1": "answered 302 http://new.example/host/a?q=1 by HTTPRoute r spec.rules[0]",
			"kgw -> x:8080 /host": "answered 302 http://new.example:8080/host by HTTPRoute r spec.rules[0]",
			"kgw -> x:8080 /tls": "answered 301 https://x:443/tls by HTTPRoute r spec.rules[1]",
			"kgw -> x:8080 /port": "answered 308 http://x:80/port by HTTPRoute r spec.rules[2]",
			"kgw -> x /pre/a": "answered 307 http://x/post/a by HTTPRoute r spec.rules[3]",
			"kgw -> x /full/a": "answered 302 http://x/ by HTTPRoute r spec.rules[4]",
			"kgw -> x /root/a": "reviews.shop:80; path / by HTTPRoute r spec.rules[5]",
		},
	},
	{
		name: "Gateway API: weights, mirrors by percent and by fraction",
		config: `${plain}
---${route(
			"r",
			`rules: [
			{matches: [{path: {value: /w}}], backendRefs: [{name: reviews, port: 80, weight: 3}, {name: ratings, port: 80, weight: 1}, {name: web, port: 80, weight: 0}]},
			{matches: [{path: {value: /m}}], filters: [{type: RequestMirror, requestMirror: {backendRef: {name: ratings, port: 80}, percent: 42}}, {type: RequestMirror, requestMirror: {backendRef: {name: web, port: 80}, fraction: {numerator: 5, denominator: 1000}}}], ${to("reviews")}}]`,
		)}`,
		calls: {
			"kgw -> x /w": "reviews.shop:80 75, ratings.shop:80 25 by HTTPRoute r spec.rules[0]",
			"kgw -> x /m": "reviews.shop:80; mirror ratings.shop:80 42; mirror web.shop:80 0.5 by HTTPRoute r spec.rules[1]",
		},
	},
	{
		name: "Gateway API: a backend of another namespace needs a grant there",
		config: `${plain}
---${route("r", "rules: [{backendRefs: [{name: bank, namespace: bank, port: 80}]}]")}`,
		calls: { "kgw -> x": "unroutable 500 by HTTPRoute r spec.rules[0]" },
	},
	{
		name: "Gateway API: with a grant for its kind and namespace it is served",
		config: `${plain}
---${route("r", "rules: [{backendRefs: [{name: bank, namespace: bank, port: 80}]}]")}
---${grant("HTTPRoute", "bank")}`,
		calls: { "kgw -> x": "bank.bank:80 by HTTPRoute r spec.rules[0]" },
	},
	{
		name: "Gateway API: a grant for another kind is none",
		config: `${plain}
---${route("r", "rules: [{backendRefs: [{name: bank, namespace: bank, port: 80}]}]")}
---${grant("GRPCRoute", "bank")}`,
		calls: { "kgw -> x": "unroutable 500 by HTTPRoute r spec.rules[0]" },
	},
	{
		name: "Gateway API: backends that are not there, of no weight, of no kind, and without a port",
		config: `${plain}
---${route(
			"r",
			`rules: [
			{matches: [{path: {value: /gone}}], ${to("nobody")}},
			{matches: [{path: {value: /half}}], backendRefs: [{name: nobody, port: 80}, {name: reviews, port: 80}]},
			{matches: [{path: {value: /zero}}], backendRefs: [{name: reviews, port: 80, weight: 0}]},
			{matches: [{path: {value: /none}}]},
			{matches: [{path: {value: /kind}}], backendRefs: [{group: example.com, kind: Thing, name: x}]},
			{matches: [{path: {value: /port}}], ${to("reviews", 81)}}]`,
		)}`,
		calls: {
			"kgw -> x /gone": "unroutable 500 by HTTPRoute r spec.rules[0]",
			"kgw -> x /half": "unroutable 500 NC by HTTPRoute r spec.rules[1]",
			"kgw -> x /zero": "unroutable 500 by HTTPRoute r spec.rules[2]",
			"kgw -> x /none": "unroutable 500 by HTTPRoute r spec.rules[3]",
			"kgw -> x /kind": "unroutable 500 by HTTPRoute r spec.rules[4]",
			"kgw -> x /port": "unroutable 500 by HTTPRoute r spec.rules[5]",
		},
	},
	{
		name: "Gateway API: of equal matches the older route, then the name; rules in their order",
		config: `${plain}
---${route("bb", `rules: [{${to("ratings")}}, {${to("web")}}]`)}
---${route("aa", `rules: [{${to("reviews")}}]`)}`,
		calls: { "kgw -> x": "reviews.shop:80 by HTTPRoute aa spec.rules[0]" },
	},
	{
		name: "Gateway API: sections and ports of the parent",
		config: `${listeners(`{name: http, port: 80, protocol: HTTP, ${open}}, {name: alt, port: 8080, protocol: HTTP, ${open}}`)}
---${gatewayApi("HTTPRoute", "s", `{parentRefs: [{name: kgw, namespace: edge, sectionName: alt}], rules: [{${to("reviews")}}]}`)}
---${gatewayApi("HTTPRoute", "p", `{parentRefs: [{name: kgw, namespace: edge, port: 80}], rules: [{${to("ratings")}}]}`)}`,
		calls: {
			"kgw -> x": "ratings.shop:80 by HTTPRoute p spec.rules[0]",
			"kgw -> x:8080": "reviews.shop:80 by HTTPRoute s spec.rules[0]",
		},
	},
	{
		name: "Gateway API: routes only from the namespaces that the listener allows",
		config: `${listeners("{name: http, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: Selector, selector: {matchLabels: {kubernetes.io/metadata.name: bank}}}}}")}
---${route("r", `rules: [{matches: [{path: {value: /shop}}], ${to("reviews")}}]`)}
---${route("bank/r", `rules: [{matches: [{path: {value: /bank}}], ${to("bank")}}]`)}`,
		calls: {
			"kgw -> x /shop": "unroutable 404 NR by HTTPRoute r spec.rules[0]",
			"kgw -> x /bank": "bank.bank:80 by HTTPRoute r spec.rules[0]",
		},
	},
	{
		name: "Gateway API: GRPCRoutes by service, method, both, expression and header",
		config: `${plain}
---${route(
			"g",
			`rules: [
			{matches: [{method: {service: lib.Books, method: Get}}], backendRefs: [{name: books, port: 9090}], filters: [{type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: x, value: exact}]}}]},
			{matches: [{method: {service: lib.Books}}], backendRefs: [{name: books, port: 9090}], filters: [{type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: x, value: service}]}}]},
			{matches: [{method: {type: RegularExpression, service: "lib[.].+", method: "L.*"}}], backendRefs: [{name: books, port: 9090}], filters: [{type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: x, value: expression}]}}]},
			{matches: [{headers: [{name: v, value: "2"}]}], backendRefs: [{name: books, port: 9090}], filters: [{type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: x, value: header}]}}]}]`,
			"GRPCRoute",
		)}`,
		calls: {
			"kgw -> x POST /lib.Books/Get content-type=application/grpc":
				"books.shop:9090; answer set x: exact by GRPCRoute g spec.rules[0]",
			"kgw -> x POST /lib.Books/Put content-type=application/grpc":
				"books.shop:9090; answer set x: service by GRPCRoute g spec.rules[1]",
			"kgw -> x POST /lib.Loans/List content-type=application/grpc":
				"books.shop:9090; answer set x: expression by GRPCRoute g spec.rules[2]",
			"kgw -> x POST /other.Api/Do content-type=application/grpc v=2":
				"books.shop:9090; answer set x: header by GRPCRoute g spec.rules[3]",
			"kgw -> x POST /other.Api/Do content-type=application/grpc": "unroutable 404 NR by GRPCRoute g spec.rules[3]",
		},
	},
	{
		name: "Gateway API: TLSRoutes by the server name that is passed on",
		config: `${listeners(`{name: tls, port: 443, protocol: TLS, hostname: "*.example", tls: {mode: Passthrough}, ${open}}`)}
---${route("t", `hostnames: [a.example], rules: [{${to("ledger", 7000)}}]`, "TLSRoute")}`,
		calls: { "kgw -> a.example:443 TCP": "ledger.shop:7000" },
		with: { serverName: "a.example" },
	},
	{
		name: "Gateway API: a server name that no TLSRoute has is closed",
		config: `${listeners(`{name: tls, port: 443, protocol: TLS, tls: {mode: Passthrough}, ${open}}`)}
---${route("t", `hostnames: [a.example], rules: [{${to("ledger", 7000)}}]`, "TLSRoute")}`,
		calls: { "kgw -> b.example:443 TCP": "denied 0" },
		with: { serverName: "b.example" },
	},
	{
		name: "Gateway API: a TLSRoute to another namespace needs a grant for TLSRoutes",
		config: `${listeners(`{name: tls, port: 443, protocol: TLS, tls: {mode: Passthrough}, ${open}}`)}
---${route("t", "hostnames: [a.example], rules: [{backendRefs: [{name: safe, namespace: bank, port: 7000}]}]", "TLSRoute")}`,
		calls: { "kgw -> a.example:443 TCP": "unroutable 0 NC" },
		with: { serverName: "a.example" },
	},
	{
		name: "Gateway API: TCPRoutes by port, with weights",
		config: `${listeners(`{name: tcp, port: 7000, protocol: TCP, ${open}}`)}
---${route("t", "rules: [{backendRefs: [{name: ledger, port: 7000, weight: 9}, {name: safe, namespace: bank, port: 7000, weight: 1}]}]", "TCPRoute")}
---${grant("TCPRoute", "bank")}`,
		calls: { "kgw -> x:7000 TCP": "ledger.shop:7000 90, safe.bank:7000 10" },
	},
	{
		name: "Gateway API: answers to preflights of the origins that the filter allows",
		config: `${plain}
---${route(
			"r",
			`rules: [{filters: [{type: CORS, cors: {allowOrigins: ["https://a.example", "https://*.b.example"], allowMethods: [GET, PUT], allowHeaders: [x-a], maxAge: 60}}], ${to("reviews")}}]`,
		)}`,
		calls: {
			"kgw -> x OPTIONS / origin=https://a.example access-control-request-method=PUT":
				"answered 200 by HTTPRoute r spec.rules[0]",
			"kgw -> x OPTIONS / origin=https://x.b.example access-control-request-method=PUT":
				"answered 200 by HTTPRoute r spec.rules[0]",
			"kgw -> x OPTIONS / origin=https://evil access-control-request-method=PUT":
				"answered 200 by HTTPRoute r spec.rules[0]",
			"kgw -> x GET / origin=https://evil": "reviews.shop:80 by HTTPRoute r spec.rules[0]",
		},
	},
	{
		name: "Gateway API: a proxy that is started for a Gateway serves it, and one for Istio's selector that nothing has",
		config: `${gatewayApi("Gateway", "edge/own", "{gatewayClassName: amime, listeners: [{name: http, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}]}")}
---${gatewayApi("HTTPRoute", "r", `{parentRefs: [{name: own, namespace: edge}], rules: [{${to("reviews")}}]}`)}
---${istio("Gateway", "edge/lone", `{selector: {istio: lone}, servers: [${http("'*'")}]}`)}
---${istio("VirtualService", "v", "{hosts: [a.example], gateways: [edge/lone], http: [{directResponse: {status: 201}}]}")}`,
		calls: {
			"edge/own -> x": "reviews.shop:80 by HTTPRoute r spec.rules[0]",
			"edge/lone -> a.example": "answered 201 by VirtualService v spec.http[0]",
		},
	},
	{
		name: "Gateway API: a ListenerSet adds listeners, and its routes are not those of its Gateway",
		config: `${taking("from: All")}
---${set("shop/extra", "{name: http, port: 8080, protocol: HTTP}, {name: named, port: 80, protocol: HTTP, hostname: a.example}")}
---${route("own", `rules: [{${to("reviews")}}]`)}
---${ofSet("added", `rules: [{${to("ratings")}}]`)}`,
		calls: {
			"kgw -> x": "reviews.shop:80 by HTTPRoute own spec.rules[0]",
			"kgw -> a.example": "ratings.shop:80 by HTTPRoute added spec.rules[0]",
			"kgw -> x:8080": "ratings.shop:80 by HTTPRoute added spec.rules[0]",
		},
	},
	{
		name: "Gateway API: a ListenerSet adds nothing to a Gateway that does not take it, and a listener that is there already wins",
		config: `${taking("from: Selector, selector: {matchLabels: {team: b}}")}
---${set("shop/extra", "{name: http, port: 8080, protocol: HTTP}")}
---${ofSet("added", `rules: [{${to("ratings")}}]`)}`,
		calls: { "kgw -> x:8080": "unroutable 0", "kgw -> x": "unroutable 404 NR" },
	},
	{
		name: "Gateway API: of two listeners of one port and host that of the Gateway wins over that of a ListenerSet",
		config: `${taking("from: All")}
---${set("shop/extra", "{name: again, port: 80, protocol: HTTP}")}
---${route("own", `rules: [{${to("reviews")}}]`)}
---${ofSet("added", `rules: [{matches: [{path: {value: /a}}], ${to("ratings")}}]`)}`,
		calls: { "kgw -> x /a": "reviews.shop:80 by HTTPRoute own spec.rules[0]" },
	},
	{
		name: "Gateway API: with sessionPersistence the cookie of a backend leads there, and only answers without one set it",
		config: `${plain}
---${route("r", `rules: [{sessionPersistence: {sessionName: s}, backendRefs: [{name: reviews, port: 80, weight: 3}, {name: ratings, port: 80}]}]`)}`,
		calls: {
			"kgw -> x":
				"reviews.shop:80 75, ratings.shop:80 25; answer set set-cookie: s-split=01d4a2a8a6c4; Path=/; HttpOnly by HTTPRoute r spec.rules[0]",
			"kgw -> x GET / cookie=a;s-split=01d4a2a8a6c4;b": "reviews.shop:80 by HTTPRoute r spec.rules[0]",
			"kgw -> x GET / cookie=as-split=01d4a2a8a6c4":
				"reviews.shop:80 75, ratings.shop:80 25; answer set set-cookie: s-split=01d4a2a8a6c4; Path=/; HttpOnly by HTTPRoute r spec.rules[0]",
		},
	},
];

testTranslations(cases);
