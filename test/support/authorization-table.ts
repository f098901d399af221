/** Who calls in the authorization cases. */
export type CallerName = "web" | "admin" | "plain" | "token" | "forwarded";
/** What they ask for. */
export type RequestName = "order" | "orders" | "post" | "users" | "parameters";

export interface TableRequest {
	readonly method: string;
	readonly path: string;
	readonly host: string;
	readonly headers: Readonly<Record<string, string>>;
}

export const requests: Readonly<Record<RequestName, TableRequest>> = {
	order: { method: "GET", path: "/orders/1?full=1", host: "orders.shop", headers: { "x-tier": "gold" } },
	orders: { method: "GET", path: "/orders", host: "orders.shop:8080", headers: {} },
	post: { method: "POST", path: "/orders", host: "ORDERS.shop", headers: { "x-tier": "silver", "x-debug": "yes" } },
	users: { method: "DELETE", path: "/admin/users/7/roles", host: "admin.shop", headers: { "x-tier": "golden" } },
	parameters: { method: "GET", path: "/admin;v=1", host: "admin.shop", headers: {} },
};

export interface TableCaller {
	/** SPIFFE ID; plain text without one. */
	readonly spiffeId?: string;
	readonly serverName?: string;
	/** Loopback address it comes from. */
	readonly address: string;
	/** Claims of its token, none without. */
	readonly claims?: Readonly<Record<string, unknown>>;
	readonly forwardedFor?: string;
}

export const issuer = "https://login.example/realm";

export const callers: Readonly<Record<CallerName, TableCaller>> = {
	web: {
		spiffeId: "spiffe://cluster.local/ns/shop/sa/web",
		serverName: "outbound_.80_._.orders.shop",
		address: "127.0.0.1",
	},
	admin: { spiffeId: "spiffe://cluster.local/ns/ops/sa/admin", serverName: "other.example", address: "127.0.0.1" },
	plain: { address: "127.0.0.2" },
	token: {
		address: "127.0.0.3",
		claims: {
			iss: issuer,
			sub: "alice",
			aud: ["shop", "api"],
			azp: "cli",
			groups: ["dev", "ops"],
			level: 3,
			nested: { role: "boss" },
		},
	},
	forwarded: { address: "127.0.0.4", forwardedFor: "192.0.2.7" },
};

const everyCaller = Object.keys(callers) as CallerName[];
const everyRequest = Object.keys(requests) as RequestName[];

/** A part of a rule, and what it matches: callers of a source, requests of an operation, either of a condition. */
export interface Part {
	readonly name: string;
	readonly spec: object | undefined;
	readonly callers: readonly CallerName[];
	readonly requests: readonly RequestName[];
	/** What it matches besides where the rule restricts (every action but ALLOW): other spellings of the same. */
	readonly restrictedRequests?: readonly RequestName[];
}

function from(name: string, spec: object | undefined, matched: readonly CallerName[]): Part {
	return { name, spec, callers: matched, requests: everyRequest };
}

function to(
	name: string,
	spec: object | undefined,
	matched: readonly RequestName[],
	restricted: readonly RequestName[] = [],
): Part {
	return { name, spec, callers: everyCaller, requests: matched, restrictedRequests: restricted };
}

export const sources: readonly Part[] = [
	from("anyone", undefined, everyCaller),
	from("principals", { principals: ["cluster.local/ns/shop/sa/web"] }, ["web"]),
	from("principals prefix", { principals: ["cluster.local/ns/shop/*"] }, ["web"]),
	from("principals suffix", { principals: ["*/sa/admin"] }, ["admin"]),
	from("principals any", { principals: ["*"] }, ["web", "admin"]),
	from("principals with scheme", { principals: ["spiffe://cluster.local/ns/shop/sa/web"] }, []),
	from("notPrincipals", { notPrincipals: ["*/sa/admin"] }, ["web", "plain", "token", "forwarded"]),
	from("trustDomains", { trustDomains: ["cluster.local"] }, ["web", "admin"]),
	from("trustDomains of others", { trustDomains: ["partner.example"] }, []),
	from("notTrustDomains", { notTrustDomains: ["cluster.*"] }, ["plain", "token", "forwarded"]),
	from("namespaces", { namespaces: ["shop", "x*"] }, ["web"]),
	from("namespaces prefix", { namespaces: ["o*"] }, ["admin"]),
	from("notNamespaces", { notNamespaces: ["shop"] }, ["admin", "plain", "token", "forwarded"]),
	from("serviceAccounts", { serviceAccounts: ["web"] }, ["web"]),
	from("serviceAccounts of a namespace", { serviceAccounts: ["ops/admin"] }, ["admin"]),
	from("notServiceAccounts", { notServiceAccounts: ["web"] }, ["admin", "plain", "token", "forwarded"]),
	from("ipBlocks", { ipBlocks: ["127.0.0.2", "127.0.0.3/32"] }, ["plain", "token"]),
	from("notIpBlocks", { notIpBlocks: ["127.0.0.2/31"] }, ["web", "admin", "forwarded"]),
	from("remoteIpBlocks", { remoteIpBlocks: ["192.0.2.0/24"] }, ["forwarded"]),
	from("notRemoteIpBlocks", { notRemoteIpBlocks: ["192.0.2.0/24"] }, ["web", "admin", "plain", "token"]),
	from("requestPrincipals", { requestPrincipals: [`${issuer}/alice`] }, ["token"]),
	from("requestPrincipals prefix", { requestPrincipals: [`${issuer}/*`] }, ["token"]),
	from("requestPrincipals suffix", { requestPrincipals: ["*/bob"] }, []),
	from("requestPrincipals any", { requestPrincipals: ["*"] }, ["token"]),
	from("notRequestPrincipals", { notRequestPrincipals: ["*/alice"] }, ["web", "admin", "plain", "forwarded"]),
	from("both of one source", { principals: ["*"], notNamespaces: ["ops"] }, ["web"]),
];

export const operations: readonly Part[] = [
	to("anything", undefined, everyRequest),
	to("methods", { methods: ["GET"] }, ["order", "orders", "parameters"]),
	to("methods prefix", { methods: ["P*", "DELETE"] }, ["post", "users"]),
	to("methods suffix", { methods: ["*T"] }, ["order", "orders", "post", "parameters"]),
	to("notMethods", { notMethods: ["GET"] }, ["post", "users"]),
	to("paths", { paths: ["/orders", "/admin"] }, ["orders", "post"], ["parameters"]),
	to("paths prefix", { paths: ["/orders/*"] }, ["order"]),
	to("paths suffix", { paths: ["*/roles"] }, ["users"]),
	to("paths any", { paths: ["*"] }, everyRequest),
	to("notPaths", { notPaths: ["/orders*"] }, ["users", "parameters"]),
	to("path template of a segment", { paths: ["/orders/{*}"] }, ["order"]),
	to("path template of several", { paths: ["/admin/{**}"] }, ["users"]),
	to("path template within", { paths: ["/admin/users/{*}/roles"] }, ["users"]),
	to("path template of a segment with parameters", { paths: ["/{*}/users/{*}/roles"] }, ["users"]),
	to("hosts any", { hosts: ["*"] }, everyRequest),
	to("hosts", { hosts: ["orders.shop"] }, ["order", "post"], ["orders"]),
	to("hosts with a port", { hosts: ["orders.shop:8080"] }, ["orders"]),
	to("hosts suffix", { hosts: ["*.shop"] }, ["order", "post", "users", "parameters"], ["orders"]),
	to("hosts prefix", { hosts: ["orders.*"] }, ["order", "orders", "post"]),
	to("notHosts prefix", { notHosts: ["admin.*"] }, ["order", "orders", "post"]),
	to("ports", { ports: ["8080"] }, everyRequest),
	to("other ports", { ports: ["9090"] }, []),
	to("notPorts", { notPorts: ["8080"] }, []),
	to("all of one operation", { methods: ["GET"], paths: ["/orders*"], hosts: ["orders.shop"] }, ["order"], ["orders"]),
];

function when(key: string, values: object, callers: readonly CallerName[], matched = everyRequest): Part {
	return { name: `${key} ${JSON.stringify(values)}`, spec: { key, ...values }, callers, requests: matched };
}

export const conditions: readonly Part[] = [
	{ name: "always", spec: undefined, callers: everyCaller, requests: everyRequest },
	when("request.headers[x-tier]", { values: ["gold", "silver"] }, everyCaller, ["order", "post"]),
	when("request.headers[X-Tier]", { values: ["gold*"] }, everyCaller, ["order", "users"]),
	when("request.headers[x-debug]", { values: ["*"] }, everyCaller, ["post"]),
	when("request.headers[x-tier]", { notValues: ["gold"] }, everyCaller, ["orders", "post", "users", "parameters"]),
	when("source.ip", { values: ["127.0.0.2/31"] }, ["plain", "token"]),
	when("remote.ip", { values: ["192.0.2.7"] }, ["forwarded"]),
	when("source.namespace", { values: ["ops"] }, ["admin"]),
	when("source.principal", { notValues: ["cluster.local/ns/shop/sa/web"] }, ["admin", "plain", "token", "forwarded"]),
	when("source.serviceAccount", { values: ["web", "ops/other"] }, ["web"]),
	when("source.serviceAccount", { notValues: ["ops/admin"] }, ["web", "plain", "token", "forwarded"]),
	when("source.trustDomain", { values: ["*.local"] }, ["web", "admin"]),
	when("source.trustDomain", { notValues: ["cluster.local"] }, ["plain", "token", "forwarded"]),
	when("request.auth.principal", { values: [`${issuer}/alice`] }, ["token"]),
	when("request.auth.audiences", { values: ["api"] }, ["token"]),
	when("request.auth.presenter", { values: ["cli"] }, ["token"]),
	when("request.auth.claims[groups]", { values: ["ops"] }, ["token"]),
	when("request.auth.claims[nested][role]", { values: ["bo*"] }, ["token"]),
	when("request.auth.claims[level]", { values: ["3"] }, []),
	when("request.auth.claims[groups]", { notValues: ["dev"] }, ["web", "admin", "plain", "forwarded"]),
	when("destination.ip", { values: ["127.0.0.0/8"] }, everyCaller),
	when("destination.port", { values: ["8080"] }, everyCaller),
	when("destination.port", { notValues: ["8080"] }, []),
	when("connection.sni", { values: ["*.orders.shop"] }, ["web"]),
	when("source.ip", { notValues: ["127.0.0.2/31"] }, ["web", "admin", "forwarded"]),
	when("remote.ip", { notValues: ["192.0.2.7"] }, ["web", "admin", "plain", "token"]),
	when("source.namespace", { notValues: ["ops"] }, ["web", "plain", "token", "forwarded"]),
	when("request.auth.principal", { notValues: ["*"] }, ["web", "admin", "plain", "forwarded"]),
	when("request.auth.audiences", { notValues: ["api"] }, ["web", "admin", "plain", "forwarded"]),
	when("request.auth.presenter", { notValues: ["cli"] }, ["web", "admin", "plain", "forwarded"]),
	when("destination.ip", { notValues: ["127.0.0.0/8"] }, []),
	when("request.headers[x-tier]", { values: ["gold*"], notValues: ["golden"] }, everyCaller, ["order"]),
	when("experimental.envoy.filters.network.mysql_proxy[shop.orders]", { values: ["[select]"] }, []),
	when("experimental.envoy.filters.network.mysql_proxy[shop.orders]", { notValues: ["select"] }, everyCaller),
	when("connection.sni", { notValues: ["other.example"] }, ["web", "plain", "token", "forwarded"]),
];

export const actions = ["ALLOW", "DENY", "CUSTOM", "AUDIT"] as const;
export type TableAction = (typeof actions)[number];

export interface TableRule {
	readonly name: string;
	readonly action: TableAction;
	readonly spec: object;
	/** Whether it is about a call. */
	matches(caller: CallerName, request: RequestName): boolean;
	/** Whether the call passes; who is asked by CUSTOM refuses everything. */
	isAllowed(caller: CallerName, request: RequestName): boolean;
}

/** Each part alone under every action, and mixed with others. */
export function listRules(): TableRule[] {
	const [anyone, anything, always] = [sources[0]!, operations[0]!, conditions[0]!];
	const alone = [
		...sources.map((source): Parts => [source, anything, always]),
		...operations.map((operation): Parts => [anyone, operation, always]),
		...conditions.map((condition): Parts => [anyone, anything, condition]),
	].flatMap((parts) => actions.map((action) => toRule(parts, action)));
	const mixed = sources.map((source, position) => {
		const operation = operations[(position * 5 + 1) % operations.length]!;
		const condition = conditions[(position * 2 + 1) % conditions.length]!;
		return toRule([source, operation, condition], actions[position % actions.length]!);
	});
	return [...alone, ...mixed];
}

type Parts = readonly [source: Part, operation: Part, condition: Part];

function toRule(parts: Parts, action: TableAction): TableRule {
	const [source, operation, condition] = parts;
	const isOf = (part: Part, caller: CallerName, request: RequestName): boolean =>
		part.callers.includes(caller) &&
		(part.requests.includes(request) || (action !== "ALLOW" && part.restrictedRequests?.includes(request) === true));
	const matches = (caller: CallerName, request: RequestName): boolean =>
		parts.every((part) => isOf(part, caller, request));
	return {
		name: `${action} ${source.name}, ${operation.name}, ${condition.name}`,
		action,
		spec: {
			...(source.spec !== undefined && { from: [{ source: source.spec }] }),
			...(operation.spec !== undefined && { to: [{ operation: operation.spec }] }),
			...(condition.spec !== undefined && { when: [condition.spec] }),
		},
		matches,
		isAllowed: (caller, request) => action === "AUDIT" || (action === "ALLOW") === matches(caller, request),
	};
}
