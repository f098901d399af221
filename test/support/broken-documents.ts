/** A document that is broken in one way. */
export interface BrokenDocument {
	readonly name: string;
	/** The document; the text of the whole file when `isFile`. */
	readonly text: string;
	/** What one of its problems must say. */
	readonly says: RegExp;
	/** Field path of that problem. */
	readonly path?: string;
	/** It spoils its file: nothing else of it can be read. */
	readonly isFile?: boolean;
	/** Only a warning: the object is served. */
	readonly isWarning?: boolean;
	/** It says no name: the object that was there is not known to be it. */
	readonly isNameless?: boolean;
}

const document = (
	kind: string,
	apiVersion: string,
	spec: string,
	metadata = "{ name: broken, namespace: shop }",
): string => `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: ${metadata}\nspec: ${spec}\n`;
const service = (spec: string): string => document("Service", "v1", spec);
const virtualService = (spec: string): string => document("VirtualService", "networking.istio.io/v1", spec);
const rule = (text: string): string => virtualService(`{ hosts: [a], http: [${text}] }`);
const httpRoute = (rules: string): string =>
	document(
		"HTTPRoute",
		"gateway.networking.k8s.io/v1",
		`{ parentRefs: [{ group: "", kind: Service, name: a }], rules: [${rules}] }`,
	);
const destinationRule = (spec: string): string => document("DestinationRule", "networking.istio.io/v1", spec);
const policy = (spec: string): string => document("AuthorizationPolicy", "security.istio.io/v1", spec);
const entry = (spec: string): string => document("ServiceEntry", "networking.istio.io/v1", spec);
const gateway = (spec: string): string => document("Gateway", "gateway.networking.k8s.io/v1", spec);
const istioGateway = (spec: string): string => document("Gateway", "networking.istio.io/v1", spec);
const envoyFilter = (patch: string): string =>
	document("EnvoyFilter", "networking.istio.io/v1alpha3", `{ configPatches: [${patch}] }`);
const tls = (spec: string): string => document("RequestAuthentication", "security.istio.io/v1", spec);
const to = "route: [{ destination: { host: a } }]";
const good = service("{ ports: [{ port: 80 }] }");
const broken = (name: string, text: string, says: RegExp, more: Partial<BrokenDocument> = {}): BrokenDocument => ({
	...{ name, text, says },
	...more,
});
const nameless = { isNameless: true };
const file = { isFile: true, isNameless: true };

/** Billion laughs. */
const bomb = `a: &a [x, x, x, x, x, x, x, x, x, x]\n${["b", "c", "d", "e", "f", "g"]
	.map((name, index) => `${name}: &${name} [${Array.from({ length: 10 }, () => `*${"abcdef"[index]}`).join(", ")}]\n`)
	.join("")}`;

/** Every kind of fault: of text, of types, of ranges, of references in the document, of duplicates, of versions, of size. */
export const brokenDocuments: readonly BrokenDocument[] = [
	// Text.
	broken("flow list left open", "kind: [", /not valid YAML/, nameless),
	broken("flow map left open", "{ kind: Service", /not valid YAML/, nameless),
	broken("quote left open", 'kind: "Service', /not valid YAML/, nameless),
	broken("tab as indent", "metadata:\n\tname: a", /not valid YAML.*spaces|not valid YAML/, nameless),
	broken("two values", "kind: a b: c", /not valid YAML/, nameless),
	broken("bad escape", 'kind: "\\q"', /not valid YAML/, nameless),
	broken("unknown alias", "kind: *nothing", /names no anchor before it|not valid YAML/, nameless),
	broken("alias of itself", "kind: &a [*a]", /names no anchor|deeper than|aliases included/, nameless),
	broken("a key twice", `${good}kind: Pod\n`, /the key is there twice/),
	broken("a key in a list twice", service("{ ports: [{ port: 80, port: 81 }] }"), /the key is there twice/),
	broken("a list as key", "? [a]\n: b", /a key must be text/, nameless),
	broken("a map as key", "{ {a: b}: c }", /a key must be text/, nameless),
	broken("a scalar", "hello", /must be a map/, nameless),
	broken("a number", "42", /must be a map/, nameless),
	broken("a list", "- a\n- b", /must be a map/, nameless),
	broken("an empty map", "{}", /is required/, nameless),
	broken("null", "null", /must be a map|is required|no content/, nameless),
	broken("a merge of a scalar", "<<: 7\nkind: Service", /<<|merge|map/, nameless),
	broken("a binary value", "kind: !!binary aGVsbG8=", /only text|not valid YAML|unknown kind|must be text/, nameless),
	broken("a date", "apiVersion: v1\nkind: 2026-01-01\nmetadata: { name: a }\nspec: {}", /unknown kind/, nameless),
	broken(
		"an unknown tag",
		"kind: !python/object:os.system ls",
		/not valid YAML|unknown kind|only text|is required/,
		nameless,
	),
	broken("a directive of another version", "%YAML 9.9\nkind: x", /not valid YAML|unknown kind|is required/, nameless),
	broken("deep flow", `a: ${"[".repeat(5000)}${"]".repeat(5000)}`, /nested deeper/, nameless),
	broken(
		"deep maps",
		`${Array.from({ length: 100 }, (_, depth) => `${" ".repeat(depth)}a:\n`).join("")}`,
		/nested deeper/,
		nameless,
	),
	broken("deep by dashes", `a: \n${"- ".repeat(200)}x`, /nested deeper/, nameless),
	broken("a bomb of aliases", bomb, /more than \d+ values, aliases included/, nameless),
	broken(
		"many anchors",
		Array.from({ length: 60_000 }, (_, index) => `k${index}: &a${index} x\n`).join(""),
		/tokens|values|characters/,
		nameless,
	),
	broken("a million tokens", `a: [${"1,".repeat(200_000)}1]`, /tokens: split the document/, nameless),
	broken(
		"a document of 2 MB",
		`kind: ${"x".repeat(2_000_000)}`,
		/the document has \d+ characters, the limit is/,
		nameless,
	),
	broken("a file of 10 MB", `${good}---\n`.repeat(120_000), /the limit is \d+: split it/, file),
	broken("a NUL byte", `${good}# \0\n`, /zero byte/, file),
	broken("ten thousand documents", `${"---\n{}\n".repeat(10_001)}`, /more than 10000 documents: split it/, file),
	// Envelope.
	broken("no kind", "apiVersion: v1\nmetadata: { name: a }\nspec: {}", /is required/, { ...nameless, path: "kind" }),
	broken(
		"no apiVersion",
		"kind: Service\nmetadata: { name: broken, namespace: shop }\nspec: { ports: [{ port: 80 }] }",
		/is required/,
		{ path: "apiVersion" },
	),
	broken("no metadata", "apiVersion: v1\nkind: Service\nspec: {}", /is required/, { ...nameless, path: "metadata" }),
	broken("no name", document("Service", "v1", "{ ports: [{ port: 80 }] }", "{}"), /is required/, {
		...nameless,
		path: "metadata.name",
	}),
	broken("no spec", "apiVersion: v1\nkind: Service\nmetadata: { name: broken, namespace: shop }\n", /is required/, {
		path: "spec",
	}),
	broken(
		"an empty spec",
		"apiVersion: v1\nkind: Service\nmetadata: { name: broken, namespace: shop }\nspec:\n",
		/has no value/,
		{ path: "spec" },
	),
	broken("an unknown kind", document("Sevice", "v1", "{}"), /unknown kind 'Sevice'.*Service/, {
		path: "kind",
		...nameless,
	}),
	broken("a kind in another case", document("service", "v1", "{ ports: [{ port: 80 }] }"), /did you mean 'Service'/, {
		path: "kind",
	}),
	broken("a number as kind", "apiVersion: v1\nkind: 7\nmetadata: { name: a }\nspec: {}", /must be text/, {
		...nameless,
		path: "kind",
	}),
	broken(
		"a list as apiVersion",
		"apiVersion: [v1]\nkind: Service\nmetadata: { name: broken, namespace: shop }\nspec: { ports: [{ port: 80 }] }",
		/must be text/,
		{ path: "apiVersion" },
	),
	broken("a wrong version", document("Service", "v2", "{ ports: [{ port: 80 }] }"), /has no version 'v2': write v1/, {
		path: "apiVersion",
	}),
	broken(
		"a version of another group",
		document("VirtualService", "security.istio.io/v1", `{ hosts: [a], http: [{ ${to} }] }`),
		/has no version/,
		{ path: "apiVersion" },
	),
	broken("a beta that never was", document("HTTPRoute", "gateway.networking.k8s.io/v2beta7", "{}"), /has no version/, {
		path: "apiVersion",
	}),
	broken(
		"a name that is no name",
		document("Service", "v1", "{ ports: [{ port: 80 }] }", "{ name: Not_A_Name }"),
		/Not_A_Name/,
		nameless,
	),
	broken(
		"a name of 300 letters",
		document("Service", "v1", "{ ports: [{ port: 80 }] }", `{ name: ${"a".repeat(300)} }`),
		/63|253|label|name/,
		nameless,
	),
	broken(
		"a number as name",
		document("Service", "v1", "{ ports: [{ port: 80 }] }", "{ name: 7 }"),
		/must be text|string|quote/,
		nameless,
	),
	broken(
		"a namespace that is none",
		document("Service", "v1", "{ ports: [{ port: 80 }] }", "{ name: broken, namespace: a/b }"),
		/a\/b/,
		nameless,
	),
	broken(
		"labels as a list",
		document("Service", "v1", "{ ports: [{ port: 80 }] }", "{ name: broken, namespace: shop, labels: [a] }"),
		/must be a map/,
		{ path: "metadata.labels" },
	),
	broken("an unknown field beside spec", `${good}specc: {}\n`, /unknown field.*did you mean|unknown field/, {
		path: "specc",
	}),
	// Types and ranges.
	broken("a text as port", service("{ ports: [{ port: http }] }"), /whole number/, { path: "spec.ports[0].port" }),
	broken("port 0", service("{ ports: [{ port: 0 }] }"), /from 1 to 65535/, { path: "spec.ports[0].port" }),
	broken("port 65536", service("{ ports: [{ port: 65536 }] }"), /from 1 to 65535/, { path: "spec.ports[0].port" }),
	broken("half a port", service("{ ports: [{ port: 80.5 }] }"), /whole number/, { path: "spec.ports[0].port" }),
	broken("a port of many digits", service("{ ports: [{ port: 99999999999999999999999999 }] }"), /65535|whole number/, {
		path: "spec.ports[0].port",
	}),
	broken("ports as a map", service("{ ports: { port: 80 } }"), /must be a list/, { path: "spec.ports" }),
	broken("no ports", service("{ selector: { a: b } }"), /is required/, { path: "spec.ports" }),
	broken("an unknown field", service("{ ports: [{ prot: 80 }] }"), /unknown field.*port/, {
		path: "spec.ports[0].prot",
	}),
	broken("a number as label", service("{ selector: { a: 7 }, ports: [{ port: 80 }] }"), /text|string|quote/, {
		path: "spec.selector.a",
	}),
	broken(
		"two ports of one number",
		service("{ ports: [{ name: a, port: 80 }, { name: b, port: 80 }] }"),
		/is there twice/,
		{ path: "spec.ports[1].port" },
	),
	broken(
		"two ports of one name",
		service("{ ports: [{ name: a, port: 80 }, { name: a, port: 81 }] }"),
		/is there twice/,
		{ path: "spec.ports[1].name" },
	),
	broken("an unknown type of Service", service("{ type: Cluster, ports: [{ port: 80 }] }"), /ClusterIP/, {
		path: "spec.type",
	}),
	broken("a spec that is a list", service("[a]"), /must be a map/, { path: "spec" }),
	// VirtualService.
	broken("a rule without action", rule("{ match: [{ uri: { prefix: / } }] }"), /must have one of route/, {
		path: "spec.http[0]",
	}),
	broken("a rule with two actions", rule(`{ ${to}, redirect: { uri: / } }`), /one action/, { path: "spec.http[0]" }),
	broken("a duration without unit", rule(`{ ${to}, timeout: 5 }`), /timeout|duration|5/, {
		path: "spec.http[0].timeout",
	}),
	broken("a duration that is none", rule(`{ ${to}, timeout: soon }`), /soon|duration/, {
		path: "spec.http[0].timeout",
	}),
	broken("a negative weight", rule("{ route: [{ destination: { host: a }, weight: -1 }] }"), /-1|from 0/, {
		path: "spec.http[0].route[0].weight",
	}),
	broken(
		"a percentage above 100",
		rule(`{ ${to}, fault: { abort: { httpStatus: 500, percentage: { value: 200 } } } }`),
		/100/,
	),
	broken("a status that is none", rule(`{ ${to}, fault: { abort: { httpStatus: 99 } } }`), /from 200|99/),
	broken("a match of two kinds", rule(`{ match: [{ uri: { exact: a, prefix: b } }], ${to} }`), /one of|exact/),
	broken(
		"a regex that RE2 refuses",
		rule(`{ match: [{ uri: { regex: "(?=a)" } }], ${to} }`),
		/lookahead|regular expression|RE2/,
	),
	broken("a regex left open", rule(`{ match: [{ uri: { regex: "(" } }], ${to} }`), /regular expression|regex|\(/),
	broken("a delegate in a delegate", virtualService("{ http: [{ delegate: { name: b } }] }"), /one level only/, {
		path: "spec.http[0].delegate",
	}),
	broken(
		"a delegate with gateways",
		virtualService(`{ gateways: [g], http: [{ ${to} }] }`),
		/must be absent in a delegate/,
		{ path: "spec.gateways" },
	),
	broken("a rule without rules", virtualService("{ hosts: [a] }"), /must have a rule/, { path: "spec" }),
	broken("an unknown retry field", rule(`{ ${to}, retries: { attempt: 3 } }`), /unknown field.*attempts/, {
		path: "spec.http[0].retries.attempt",
	}),
	broken("a host with a space", virtualService(`{ hosts: ["a b"], http: [{ ${to} }] }`), /a b|host/, {
		path: "spec.hosts[0]",
	}),
	// Gateway API.
	broken(
		"an HTTPRoute whose parent has no name",
		document("HTTPRoute", "gateway.networking.k8s.io/v1", "{ parentRefs: [{ kind: Gateway }], rules: [{}] }"),
		/is required/,
		{ path: "spec.parentRefs[0].name" },
	),
	broken(
		"an HTTPRoute without rules",
		document("HTTPRoute", "gateway.networking.k8s.io/v1", "{ parentRefs: [{ name: a }], rules: [] }"),
		/at least 1/,
		{ path: "spec.rules" },
	),
	broken("an unknown path type", httpRoute("{ matches: [{ path: { type: Prefix, value: / } }] }"), /PathPrefix/, {
		path: "spec.rules[0].matches[0].path.type",
	}),
	broken("a path without slash", httpRoute("{ matches: [{ path: { value: a } }] }"), /start with '\/'/),
	broken("a weight above the limit", httpRoute("{ backendRefs: [{ name: a, port: 80, weight: 1000001 }] }"), /1000000/),
	broken("an unknown filter", httpRoute("{ filters: [{ type: Magic }] }"), /Magic|RequestHeaderModifier/),
	broken(
		"a redirect beside backends",
		httpRoute("{ filters: [{ type: RequestRedirect, requestRedirect: {} }], backendRefs: [{ name: a, port: 80 }] }"),
		/redirect|backend/i,
	),
	broken(
		"a listener port above the range",
		gateway("{ gatewayClassName: amime, listeners: [{ name: a, port: 70000, protocol: HTTP }] }"),
		/65535/,
	),
	broken("a Gateway without listeners", gateway("{ gatewayClassName: amime }"), /is required/, {
		path: "spec.listeners",
	}),
	broken(
		"a server without hosts",
		istioGateway("{ selector: { a: b }, servers: [{ port: { number: 80, name: a, protocol: HTTP } }] }"),
		/is required/,
	),
	broken(
		"HTTPS without tls",
		istioGateway(
			"{ selector: { a: b }, servers: [{ port: { number: 443, name: a, protocol: HTTPS }, hosts: [a.b], tls: { mode: SOMETIMES } }] }",
		),
		/SOMETIMES|mode/,
	),
	// Other kinds.
	broken("a DestinationRule without host", destinationRule("{ trafficPolicy: {} }"), /is required/, {
		path: "spec.host",
	}),
	broken(
		"a balancer that is none",
		destinationRule("{ host: a, trafficPolicy: { loadBalancer: { simple: BEST } } }"),
		/BEST|ROUND_ROBIN/,
	),
	broken("subsets of one name", destinationRule("{ host: a, subsets: [{ name: v }, { name: v }] }"), /is there twice/, {
		path: "spec.subsets[1].name",
	}),
	broken(
		"a resolution that is none",
		entry("{ hosts: [a.b], ports: [{ number: 80, name: a, protocol: HTTP }], resolution: MAGIC }"),
		/MAGIC|STATIC/,
		{ path: "spec.resolution" },
	),
	broken(
		"a name as static address",
		entry(
			"{ hosts: [a.b], ports: [{ number: 80, name: a, protocol: HTTP }], resolution: STATIC, endpoints: [{ address: c.d }] }",
		),
		/is no address/,
	),
	broken("an action that is none", policy("{ action: Allow, rules: [{}] }"), /did you mean 'ALLOW'/, {
		path: "spec.action",
	}),
	broken(
		"an address that is none",
		policy("{ rules: [{ from: [{ source: { ipBlocks: [10.0.0.0/99] } }] }] }"),
		/no address and no CIDR/,
	),
	broken("a rule that is null", policy("{ rules: [null] }"), /must be a map|no value/),
	broken("keys that are no JSON", tls("{ jwtRules: [{ issuer: a, jwks: nope }] }"), /jwks|JSON|keys/),
	broken(
		"a patch without a value",
		envoyFilter("{ applyTo: CLUSTER, patch: { operation: MERGE } }"),
		/is required for MERGE/,
	),
	broken(
		"a patch of what is not patched",
		envoyFilter("{ applyTo: BOOTSTRAP, patch: { operation: MERGE, value: {} } }"),
		/BOOTSTRAP/,
	),
	broken(
		"an operation that a place has not",
		envoyFilter("{ applyTo: CLUSTER, patch: { operation: INSERT_FIRST, value: {} } }"),
		/use ADD/,
	),
];
