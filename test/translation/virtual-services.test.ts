/** VirtualServices of the mesh: matches, actions, delegates and their precedence, by simulated requests. */
import type { TranslationCase } from "../support/translation-table.ts";
import { istio, testTranslations } from "../support/translation-world.ts";

const rules = (spec: string, name = "rule", hosts = "[reviews]"): string =>
	istio("VirtualService", name, `{hosts: ${hosts}, http: [${spec}]}`);
const subsets = istio(
	"DestinationRule",
	"reviews",
	"{host: reviews, subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]}",
);

export const cases: readonly TranslationCase[] = [
	{
		name: "paths without case, and an expression that is never without",
		config: rules(`
			{match: [{uri: {prefix: /Low}, ignoreUriCase: true}], route: [{destination: {host: ratings}}]},
			{match: [{uri: {exact: /One}, ignoreUriCase: true}], route: [{destination: {host: web}}]},
			{match: [{uri: {regex: /Re.*}, ignoreUriCase: true}], directResponse: {status: 201}}`),
		calls: {
			"web -> reviews /lower": "ratings.shop:80 by VirtualService rule spec.http[0]",
			"web -> reviews /one": "web.shop:80 by VirtualService rule spec.http[1]",
			"web -> reviews /re1": "unroutable 404 NR by VirtualService rule spec.http[0]",
			"web -> reviews /Re1": "answered 201 by VirtualService rule spec.http[2]",
		},
	},
	{
		name: "methods and schemes by prefix and expression",
		config: rules(`
			{match: [{method: {regex: "P(UT|OST)"}}], directResponse: {status: 201}},
			{match: [{method: {prefix: DEL}}], directResponse: {status: 202}},
			{match: [{scheme: {exact: https}}], directResponse: {status: 203}},
			{route: [{destination: {host: reviews}}]}`),
		calls: {
			"web -> reviews PUT /": "answered 201 by VirtualService rule spec.http[0]",
			"web -> reviews DELETE /": "answered 202 by VirtualService rule spec.http[1]",
			"web -> reviews GET /": "reviews.shop:80 by VirtualService rule spec.http[3]",
		},
	},
	{
		name: "the authority as the client writes it",
		config: rules(`
			{match: [{authority: {exact: reviews.shop}}], directResponse: {status: 201}},
			{match: [{authority: {regex: "reviews:.*"}}], directResponse: {status: 202}},
			{route: [{destination: {host: reviews}}]}`),
		calls: {
			"web -> reviews.shop": "answered 201 by VirtualService rule spec.http[0]",
			"web -> reviews": "reviews.shop:80 by VirtualService rule spec.http[2]",
			"web -> reviews:80": "answered 202 by VirtualService rule spec.http[1]",
		},
	},
	{
		name: "headers: presence, the expression *, prefixes, whole values in any case of the name",
		config: rules(`
			{match: [{headers: {x-any: {}}}], directResponse: {status: 201}},
			{match: [{headers: {x-star: {regex: "*"}}}], directResponse: {status: 202}},
			{match: [{headers: {X-Pre: {prefix: ab}}}], directResponse: {status: 203}},
			{match: [{headers: {x-re: {regex: "a+b?"}}}], directResponse: {status: 204}},
			{match: [{headers: {x-no: {prefix: ""}}}], directResponse: {status: 205}},
			{route: [{destination: {host: reviews}}]}`),
		calls: {
			"web -> reviews / x-no=1": "answered 205 by VirtualService rule spec.http[4]",
			"web -> reviews / x-any=": "answered 201 by VirtualService rule spec.http[0]",
			"web -> reviews / x-star=1": "answered 202 by VirtualService rule spec.http[1]",
			"web -> reviews / x-pre=abc": "answered 203 by VirtualService rule spec.http[2]",
			"web -> reviews / x-pre=ba": "reviews.shop:80 by VirtualService rule spec.http[5]",
			"web -> reviews / x-re=aab": "answered 204 by VirtualService rule spec.http[3]",
			"web -> reviews / x-re=aabc": "reviews.shop:80 by VirtualService rule spec.http[5]",
		},
	},
	{
		name: "withoutHeaders: absence, and a value that is not there",
		config: rules(`
			{match: [{withoutHeaders: {x-user: {exact: jo}}, uri: {prefix: /value}}], directResponse: {status: 201}},
			{match: [{withoutHeaders: {x-user: {}}, uri: {prefix: /there}}], directResponse: {status: 202}},
			{route: [{destination: {host: reviews}}]}`),
		calls: {
			"web -> reviews /value": "answered 201 by VirtualService rule spec.http[0]",
			"web -> reviews /value x-user=jo": "reviews.shop:80 by VirtualService rule spec.http[2]",
			"web -> reviews /value x-user=an": "answered 201 by VirtualService rule spec.http[0]",
			"web -> reviews /there": "answered 202 by VirtualService rule spec.http[1]",
			"web -> reviews /there x-user=an": "reviews.shop:80 by VirtualService rule spec.http[2]",
		},
	},
	{
		name: "query parameters: present, exact, prefix, expression, all of them",
		config: rules(`
			{match: [{queryParams: {a: {exact: "1"}, b: {prefix: x}}}], directResponse: {status: 201}},
			{match: [{queryParams: {c: {}}}], directResponse: {status: 202}},
			{match: [{queryParams: {d: {regex: "[0-9]+"}}}], directResponse: {status: 203}},
			{route: [{destination: {host: reviews}}]}`),
		calls: {
			"web -> reviews /?a=1&b=xy": "answered 201 by VirtualService rule spec.http[0]",
			"web -> reviews /?a=1": "reviews.shop:80 by VirtualService rule spec.http[3]",
			"web -> reviews /?c": "answered 202 by VirtualService rule spec.http[1]",
			"web -> reviews /?d=12": "answered 203 by VirtualService rule spec.http[2]",
			"web -> reviews /?d=1a": "reviews.shop:80 by VirtualService rule spec.http[3]",
		},
	},
	{
		name: "everything in one match must hold, one of several matches is enough",
		config: rules(`
			{match: [{uri: {prefix: /a}, method: {exact: GET}, headers: {x: {exact: "1"}}}, {uri: {exact: /b}}], directResponse: {status: 201}},
			{route: [{destination: {host: reviews}}]}`),
		calls: {
			"web -> reviews GET /a x=1": "answered 201 by VirtualService rule spec.http[0]",
			"web -> reviews POST /a x=1": "reviews.shop:80 by VirtualService rule spec.http[1]",
			"web -> reviews GET /a x=2": "reviews.shop:80 by VirtualService rule spec.http[1]",
			"web -> reviews POST /b": "answered 201 by VirtualService rule spec.http[0]",
		},
	},
	{
		name: "nothing behind a rule for everything is reached",
		config: rules(`
			{route: [{destination: {host: ratings}}]},
			{match: [{uri: {exact: /a}}], route: [{destination: {host: web}}]}`),
		calls: { "web -> reviews /a": "ratings.shop:80 by VirtualService rule spec.http[0]" },
	},
	{
		name: "rewrites: the matched prefix, the whole path of an exact match, the host",
		config: rules(`
			{match: [{uri: {prefix: /old/}}], rewrite: {uri: /new/}, route: [{destination: {host: ratings}}]},
			{match: [{uri: {prefix: /strip}}], rewrite: {uri: /}, route: [{destination: {host: ratings}}]},
			{match: [{uri: {exact: /one}}], rewrite: {uri: /two, authority: x.example}, route: [{destination: {host: ratings}}]},
			{rewrite: {authority: y.example}, route: [{destination: {host: ratings}}]}`),
		calls: {
			"web -> reviews /old/a?b=1": "ratings.shop:80; path /new/a?b=1 by VirtualService rule spec.http[0]",
			"web -> reviews /strip/a": "ratings.shop:80; path //a by VirtualService rule spec.http[1]",
			"web -> reviews /one": "ratings.shop:80; path /two; host x.example by VirtualService rule spec.http[2]",
			"web -> reviews /rest": "ratings.shop:80; host y.example by VirtualService rule spec.http[3]",
		},
	},
	{
		name: "rewrites by expression, with groups",
		config: rules(`
			{match: [{uri: {prefix: /v1/}}], rewrite: {uriRegexRewrite: {match: "^/v1/([a-z]+)/(.*)$", rewrite: "/\\\\2/\\\\1"}}, route: [{destination: {host: ratings}}]},
			{rewrite: {uriRegexRewrite: {match: "/a", rewrite: "/b"}}, route: [{destination: {host: reviews}}]}`),
		calls: {
			"web -> reviews /v1/books/7": "ratings.shop:80; path /7/books by VirtualService rule spec.http[0]",
			"web -> reviews /v1/7": "ratings.shop:80 by VirtualService rule spec.http[0]",
			"web -> reviews /a/a": "reviews.shop:80; path /b/b by VirtualService rule spec.http[1]",
		},
	},
	{
		name: "redirects: path, prefix, host, scheme, code",
		config: rules(`
			{match: [{uri: {prefix: /path}}], redirect: {uri: /there}},
			{match: [{uri: {prefix: /pre}}], redirect: {prefixRewrite: /post, redirectCode: 308}},
			{match: [{uri: {prefix: /host}}], redirect: {authority: new.example, redirectCode: 302}},
			{match: [{uri: {prefix: /tls}}], redirect: {scheme: https, redirectCode: 307}},
			{redirect: {authority: all.example, scheme: https, port: 8443, uri: /x, redirectCode: 303}}`),
		calls: {
			"web -> reviews /path/a?b=1": "answered 301 http://reviews/there?b=1 by VirtualService rule spec.http[0]",
			"web -> reviews /prefix": "answered 308 http://reviews/postfix by VirtualService rule spec.http[1]",
			"web -> reviews /host": "answered 302 http://new.example/host by VirtualService rule spec.http[2]",
			"web -> reviews /tls/a?b=1": "answered 307 https://reviews/tls/a?b=1 by VirtualService rule spec.http[3]",
			"web -> reviews /rest": "answered 303 https://all.example:8443/x by VirtualService rule spec.http[4]",
		},
	},
	{
		name: "redirects: a port of its own, the scheme's, the request's",
		config: rules(`
			{match: [{uri: {prefix: /port}}], redirect: {port: 8080}},
			{match: [{uri: {prefix: /default}}], redirect: {scheme: https, derivePort: FROM_PROTOCOL_DEFAULT}},
			{match: [{uri: {prefix: /same}}], redirect: {authority: x.example, derivePort: FROM_REQUEST_PORT}},
			{redirect: {port: 80}}`),
		calls: {
			"web -> reviews /port": "answered 301 http://reviews:8080/port by VirtualService rule spec.http[0]",
			"web -> reviews /default": "answered 301 https://reviews/default by VirtualService rule spec.http[1]",
			"web -> reviews /same": "answered 301 http://x.example/same by VirtualService rule spec.http[2]",
			"web -> reviews:80 /rest": "answered 301 http://reviews:80/rest by VirtualService rule spec.http[3]",
		},
	},
	{
		name: "direct responses with and without a body",
		config: rules(`
			{match: [{uri: {exact: /text}}], directResponse: {status: 503, body: {string: "later"}}},
			{directResponse: {status: 204}}`),
		calls: {
			"web -> reviews /text": "answered 503 by VirtualService rule spec.http[0]",
			"web -> reviews /": "answered 204 by VirtualService rule spec.http[1]",
		},
	},
	{
		name: "headers of the rule and of its destination: set, add, remove, both ways",
		config: rules(`
			{headers: {request: {set: {x-a: "1"}, add: {x-b: "2"}, remove: [x-c]}, response: {set: {x-d: "4"}, remove: [x-e]}},
			 route: [{destination: {host: ratings}, headers: {request: {add: {x-b: "3"}}, response: {add: {x-f: "6"}}}}]}`),
		calls: {
			"web -> reviews":
				"ratings.shop:80; set x-a: 1; set x-b: 2, 3; answer set x-d: 4; answer set x-f: 6 by VirtualService rule spec.http[0]",
		},
	},
	{
		name: "the host by headers: of the rule, which is over its destination's",
		config: rules(`
			{match: [{uri: {exact: /rule}}], headers: {request: {set: {Host: rule.example}}}, route: [{destination: {host: ratings}, headers: {request: {set: {":authority": own.example}}}}]},
			{route: [{destination: {host: ratings}, headers: {request: {set: {":authority": own.example}}}}]}`),
		calls: {
			"web -> reviews /rule": "ratings.shop:80; host rule.example by VirtualService rule spec.http[0]",
			"web -> reviews /": "ratings.shop:80; host own.example by VirtualService rule spec.http[1]",
		},
	},
	{
		name: "mirrors: one by its share, several, none of 0 percent",
		config: rules(`
			{match: [{uri: {exact: /one}}], mirror: {host: ratings}, mirrorPercentage: {value: 12.5}, route: [{destination: {host: reviews}}]},
			{match: [{uri: {exact: /old}}], mirror: {host: ratings}, mirror_percent: 20, route: [{destination: {host: reviews}}]},
			{match: [{uri: {exact: /two}}], mirrors: [{destination: {host: ratings}}, {destination: {host: web, port: {number: 80}}, percentage: {value: 50}}], route: [{destination: {host: reviews}}]},
			{mirror: {host: ratings}, mirrorPercentage: {value: 0}, route: [{destination: {host: reviews}}]}`),
		calls: {
			"web -> reviews /one": "reviews.shop:80; mirror ratings.shop:80 12.5 by VirtualService rule spec.http[0]",
			"web -> reviews /old": "reviews.shop:80; mirror ratings.shop:80 20 by VirtualService rule spec.http[1]",
			"web -> reviews /two":
				"reviews.shop:80; mirror ratings.shop:80 100; mirror web.shop:80 50 by VirtualService rule spec.http[2]",
			"web -> reviews /none": "reviews.shop:80 by VirtualService rule spec.http[3]",
		},
	},
	{
		name: "faults: delays and aborts by their shares, none without one",
		config: rules(`
			{match: [{uri: {exact: /delay}}], fault: {delay: {fixedDelay: 3s, percentage: {value: 10}}}, route: [{destination: {host: reviews}}]},
			{match: [{uri: {exact: /old}}], fault: {delay: {fixedDelay: 1s, percent: 5}}, route: [{destination: {host: reviews}}]},
			{match: [{uri: {exact: /abort}}], fault: {abort: {httpStatus: 418, percentage: {value: 100}}}, route: [{destination: {host: reviews}}]},
			{match: [{uri: {exact: /grpc}}], fault: {abort: {grpcStatus: UNAVAILABLE, percentage: {value: 50}}}, route: [{destination: {host: reviews}}]},
			{fault: {abort: {httpStatus: 500}}, route: [{destination: {host: reviews}}]}`),
		calls: {
			"web -> reviews /delay": "reviews.shop:80; 10 % wait 3000 ms by VirtualService rule spec.http[0]",
			"web -> reviews /old": "reviews.shop:80; 5 % wait 1000 ms by VirtualService rule spec.http[1]",
			"web -> reviews /abort": "answered 418 by VirtualService rule spec.http[2]",
			"web -> reviews /grpc": "reviews.shop:80; 50 % get gRPC status 14 by VirtualService rule spec.http[3]",
			"web -> reviews /none": "reviews.shop:80 by VirtualService rule spec.http[4]",
		},
	},
	{
		name: "weights: one of 0 gets nothing, a single destination everything",
		config: `${rules(`
			{match: [{uri: {exact: /zero}}], route: [{destination: {host: reviews, subset: v1}, weight: 0}, {destination: {host: ratings}, weight: 5}]},
			{match: [{uri: {exact: /one}}], route: [{destination: {host: ratings}, weight: 7}]},
			{route: [{destination: {host: reviews, subset: v1}, weight: 1}, {destination: {host: ratings}, weight: 2}, {destination: {host: web}, weight: 1}]}`)}
---${subsets}`,
		calls: {
			"web -> reviews /zero": "ratings.shop:80 by VirtualService rule spec.http[0]",
			"web -> reviews /one": "ratings.shop:80 by VirtualService rule spec.http[1]",
			"web -> reviews /":
				"reviews.shop:80[v1] 25, ratings.shop:80 50, web.shop:80 25 by VirtualService rule spec.http[2]",
		},
	},
	{
		name: "a preflight is answered for origins of the policy, others' are passed on unless they are ignored",
		config: rules(`
			{match: [{uri: {prefix: /ignore}}], corsPolicy: {allowOrigins: [{exact: "https://a.example"}], allowMethods: [GET], unmatchedPreflights: IGNORE}, route: [{destination: {host: reviews}}]},
			{corsPolicy: {allowOrigins: [{regex: "https://.*[.]example"}, {prefix: "http://dev"}], allowMethods: [GET, PUT], allowHeaders: [x-a], maxAge: 10m, allowCredentials: true}, route: [{destination: {host: reviews}}]}`),
		calls: {
			"web -> reviews OPTIONS / origin=https://a.example access-control-request-method=PUT":
				"answered 200 by VirtualService rule spec.http[1]",
			"web -> reviews OPTIONS / origin=https://evil access-control-request-method=PUT":
				"reviews.shop:80 by VirtualService rule spec.http[1]",
			"web -> reviews OPTIONS /ignore origin=https://evil access-control-request-method=GET":
				"answered 200 by VirtualService rule spec.http[0]",
			"web -> reviews GET / origin=https://evil": "reviews.shop:80 by VirtualService rule spec.http[1]",
		},
	},
	{
		name: "delegates: their matches narrow the rule's, what they leave out is the rule's",
		config: `${rules(`
			{name: root, match: [{uri: {prefix: /api}}], timeout: 5s, headers: {request: {set: {x-root: "1"}}}, delegate: {name: leaf}},
			{match: [{uri: {prefix: /bank}}], delegate: {name: leaf, namespace: bank}},
			{match: [{uri: {prefix: /gone}}], delegate: {name: nobody}},
			{route: [{destination: {host: reviews}}]}`)}
---${istio(
			"VirtualService",
			"leaf",
			`{http: [
			{name: own, match: [{uri: {prefix: /api/v2}, headers: {x: {exact: "1"}}}], route: [{destination: {host: ratings}}], headers: {response: {set: {x-leaf: "1"}}}},
			{match: [{uri: {prefix: /other}}], route: [{destination: {host: web}}]},
			{route: [{destination: {host: web}}]}]}`,
		)}
---${istio("VirtualService", "bank/leaf", "{http: [{route: [{destination: {host: bank}}]}]}")}`,
		calls: {
			"web -> reviews /api/v2 x=1": "ratings.shop:80; answer set x-leaf: 1 by VirtualService leaf spec.http[0]",
			"web -> reviews /api/v2": "web.shop:80; set x-root: 1 by VirtualService leaf spec.http[2]",
			"web -> reviews /api/other": "web.shop:80; set x-root: 1 by VirtualService leaf spec.http[2]",
			"web -> reviews /other": "reviews.shop:80 by VirtualService rule spec.http[3]",
			"web -> reviews /bank": "bank.bank:80 by VirtualService leaf spec.http[0]",
			"web -> reviews /gone": "reviews.shop:80 by VirtualService rule spec.http[3]",
		},
	},
	{
		name: "of two for one host the older has it, unless it has no rule for the client",
		config: `${rules("{match: [{sourceLabels: {app: ratings}}], directResponse: {status: 201}}", "aa")}
---${rules("{directResponse: {status: 202}}", "bb")}
---${rules("{directResponse: {status: 203}}", "cc")}`,
		calls: {
			"ratings -> reviews": "answered 201 by VirtualService aa spec.http[0]",
			"web -> reviews": "answered 202 by VirtualService bb spec.http[0]",
		},
	},
	{
		name: "the host itself is closer than a wildcard, a longer wildcard closer than a shorter",
		config: `${rules("{directResponse: {status: 201}}", "aa", '["*.shop.svc.cluster.local"]')}
---${rules("{directResponse: {status: 202}}", "bb", '["*.svc.cluster.local"]')}
---${rules("{directResponse: {status: 203}}", "cc", "[reviews.shop.svc.cluster.local]")}`,
		calls: {
			"web -> reviews": "answered 203 by VirtualService cc spec.http[0]",
			"web -> ratings": "answered 201 by VirtualService aa spec.http[0]",
			"web -> bank.bank": "answered 202 by VirtualService bb spec.http[0]",
		},
	},
	{
		name: "exportTo: only clients of those namespaces follow it",
		config: `${istio("VirtualService", "private", "{hosts: [reviews], exportTo: ['.'], http: [{directResponse: {status: 201}}]}")}
---${istio("VirtualService", "lent", "{hosts: [ratings], exportTo: [bank], http: [{directResponse: {status: 202}}]}")}
---${istio("VirtualService", "all", "{hosts: [web], exportTo: ['*'], http: [{directResponse: {status: 203}}]}")}`,
		calls: {
			"web -> reviews": "answered 201 by VirtualService private spec.http[0]",
			"bank -> reviews.shop": "reviews.shop:80 by Service reviews",
			"web -> ratings": "ratings.shop:80 by Service ratings",
			"bank -> ratings.shop": "answered 202 by VirtualService lent spec.http[0]",
			"bank -> web.shop": "answered 203 by VirtualService all spec.http[0]",
		},
	},
	{
		name: "a VirtualService of gateways only says nothing to sidecars",
		config: istio(
			"VirtualService",
			"outer",
			"{hosts: [reviews.shop.svc.cluster.local], gateways: [edge/gw], http: [{directResponse: {status: 201}}]}",
		),
		calls: { "web -> reviews": "reviews.shop:80 by Service reviews" },
	},
	{
		name: "TCP: by port, weights, and to another service",
		config: istio(
			"VirtualService",
			"ledger",
			"{hosts: [ledger], tcp: [{match: [{port: 7000}], route: [{destination: {host: ledger}, weight: 80}, {destination: {host: safe.bank.svc.cluster.local}, weight: 20}]}]}",
		),
		calls: { "web -> ledger TCP": "ledger.shop:7000 80, safe.bank:7000 20" },
	},
	{
		name: "TCP: rules for other clients are none",
		config: istio(
			"VirtualService",
			"ledger",
			"{hosts: [ledger], tcp: [{match: [{sourceLabels: {app: reviews}}], route: [{destination: {host: safe.bank.svc.cluster.local}}]}]}",
		),
		calls: { "web -> ledger TCP": "ledger.shop:7000", "reviews -> ledger TCP": "safe.bank:7000" },
	},
	{
		name: "one bad rule is left out, the others serve",
		faults: 2,
		config: rules(`
			{match: [{uri: {regex: "("}}], directResponse: {status: 201}},
			{match: [{uri: {exact: /two}}], route: [{destination: {host: web}}, {destination: {host: ratings}}]},
			{match: [{uri: {exact: /ok}}], directResponse: {status: 202}},
			{route: [{destination: {host: reviews}}]}`),
		calls: {
			"web -> reviews /two": "reviews.shop:80 by VirtualService rule spec.http[3]",
			"web -> reviews /ok": "answered 202 by VirtualService rule spec.http[2]",
			"web -> reviews /(": "reviews.shop:80 by VirtualService rule spec.http[3]",
		},
	},
];

testTranslations(cases);
