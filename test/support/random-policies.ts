/** Random AuthorizationPolicies and requests of a small world, so that most parts of most rules match some requests. */
import type { Random } from "../../src/core/index.ts";
import type { JudgedRequest, PolicyDocument, PolicyRule } from "./policy-evaluator.ts";

const issuers = ["https://login.example/realm", "other-issuer"];
const peers = [
	"spiffe://cluster.local/ns/shop/sa/web",
	"spiffe://cluster.local/ns/shop/sa/web-2",
	"spiffe://cluster.local/ns/shop-2/sa/web",
	"spiffe://cluster.local/ns/ops/sa/admin",
];
const hosts = ["orders.shop", "ORDERS.shop", "admin.shop", "orders.shop.svc.cluster.local", "10.0.0.1"];
const paths = [
	"/",
	"/orders",
	"/orders/",
	"/orders/1",
	"/orders/1/items/2",
	"/ORDERS",
	"/admin/users/7/roles",
	"/a.b",
	"/axb",
	"/*",
];
const methods = ["GET", "POST", "DELETE", "PATCH"];
const headers = ["x-tier", "X-Debug", "user-agent"];
const texts = ["gold", "golden", "silver", "old"];
const subjects = ["alice", "bob"];
const audiences = ["shop", "api"];

/** A choice of what a test needs, all from one source of randomness. */
export interface Chooser {
	one<T>(of: readonly T[]): T;
	/** Between one and `most` of a list. */
	some<T>(of: readonly T[], most?: number): T[];
	chance(share: number): boolean;
}

export function createChooser(random: Random): Chooser {
	const one = <T>(of: readonly T[]): T => of[Math.floor(random.next() * of.length)]!;
	return {
		one,
		some: (of, most = 3) => Array.from({ length: 1 + Math.floor(random.next() * most) }, () => one(of)),
		chance: (share) => random.next() < share,
	};
}

/** A request to port 8080 of a workload. */
export function randomRequest(choose: Chooser): JudgedRequest {
	const { one, some, chance } = choose;
	const peer = chance(0.7) ? one(peers) : undefined;
	return {
		...(peer !== undefined && { peer, serverName: one(["outbound_.80_._.orders.shop", "orders.shop"]) }),
		ip: one(["127.0.0.1", "127.0.0.2", "127.0.0.9"]),
		remoteIp: "",
		destinationIp: "127.0.0.1",
		port: 8080,
		method: one(methods),
		host: one(hosts),
		path: one(paths) + one(["", "", "?a=/admin"]),
		headers: chance(0.6) ? some(headers).map((name) => [name.toLowerCase(), one(texts)] as const) : [],
		...(chance(0.5) && { claims: randomClaims(choose) }),
	};
}

/** The same request with the address of its client: that of the peer, or one that X-Forwarded-For names. */
export function withClient(request: JudgedRequest, choose: Chooser): JudgedRequest {
	return { ...request, remoteIp: choose.chance(0.4) ? choose.one(["192.0.2.7", "2001:db8::7"]) : request.ip };
}

function randomClaims({ one, some, chance }: Chooser): Record<string, unknown> {
	return {
		iss: issuers[0],
		sub: one(subjects),
		...(chance(0.6) && { aud: chance(0.5) ? one(audiences) : some(audiences) }),
		...(chance(0.5) && { azp: one(["cli", "browser"]) }),
		...(chance(0.5) && { groups: chance(0.7) ? some(["dev", "ops"]) : one(["dev", "ops"]) }),
		...(chance(0.4) && { level: one([3, "3", true, ["3", 3]]) }),
		...(chance(0.4) && { nested: one<unknown>([{ role: "boss" }, { role: ["boss", "dev"] }, "boss", { other: 1 }]) }),
	};
}

/** A value that may match one of some texts: itself, a prefix, a suffix, or anything. */
function pattern({ one, chance }: Chooser, of: readonly string[]): string {
	const text = one(of);
	if (text.includes("*") || chance(0.5)) return text;
	const cut = 1 + Math.floor(text.length * one([0, 0.3, 0.6]));
	return one(["*", `${text.slice(0, cut)}*`, `*${text.slice(-cut)}`]);
}

type Attribute = (choose: Chooser) => string;
const matching =
	(of: readonly string[]): Attribute =>
	(choose) =>
		pattern(choose, of);
const exactly =
	(of: readonly string[]): Attribute =>
	({ one }) =>
		one(of);

const namespaces = matching(["shop", "shop-2", "ops"]);
const accounts = exactly(["web", "shop/web", "shop/web-2", "ops/admin", "admin"]);
const domains = matching(["cluster.local", "other.example"]);
const blocks = exactly(["127.0.0.2", "127.0.0.0/29", "127.0.0.0/8", "0.0.0.0/0", "10.0.0.0/8", "::/0", "::1"]);
const clients = exactly(["192.0.2.0/24", "192.0.2.7", "2001:db8::/32", "127.0.0.1/32", "0.0.0.0/0", "::/0"]);
const ports = exactly(["8080", "9090", "80"]);
const principals = matching(peers.map((peer) => peer.slice("spiffe://".length)));
/** Without prefixes and suffixes that reach over the slash between issuer and subject: there Istio itself departs from its reference. */
const tokenPrincipals: Attribute = ({ one }) =>
	one([
		"*",
		...issuers.map((issuer) => `${issuer}/*`),
		...subjects.flatMap((subject) => [`*/${subject}`, `${issuers[0]}/${subject}`]),
	]);

const sources: Readonly<Record<string, Attribute>> = {
	principals,
	namespaces,
	serviceAccounts: accounts,
	trustDomains: domains,
	ipBlocks: blocks,
	remoteIpBlocks: clients,
	requestPrincipals: tokenPrincipals,
};

const templates = [
	"/orders/{*}",
	"/{*}",
	"/orders/{**}",
	"/{*}/{*}/items/{**}",
	"/{**}/roles",
	"/{**}",
	"/orders/{*}/items/2",
];
const operations: Readonly<Record<string, Attribute>> = {
	hosts: matching(hosts),
	methods: matching(methods),
	paths: (choose) =>
		choose.chance(0.3)
			? choose.one(templates)
			: pattern(
					choose,
					paths.filter((path) => !path.includes("*")),
				),
	ports,
};

const conditions: Readonly<Record<string, Attribute>> = {
	"source.ip": blocks,
	"remote.ip": clients,
	"source.namespace": namespaces,
	"source.principal": principals,
	"source.serviceAccount": accounts,
	"source.trustDomain": domains,
	"request.auth.principal": tokenPrincipals,
	"request.auth.audiences": matching(audiences),
	"request.auth.presenter": matching(["cli", "browser"]),
	"request.auth.claims[groups]": matching(["dev", "ops"]),
	"request.auth.claims[level]": exactly(["3", "*", "true"]),
	"request.auth.claims[nested][role]": matching(["boss", "dev"]),
	"destination.ip": blocks,
	"destination.port": ports,
	"connection.sni": matching(["orders.shop", "outbound_.80_._.orders.shop"]),
	...Object.fromEntries(headers.map((name) => [`request.headers[${name}]`, matching(texts)])),
};

function randomFields(choose: Chooser, attributes: Readonly<Record<string, Attribute>>): Record<string, string[]> {
	const { one, some, chance } = choose;
	const names = some(Object.keys(attributes), 2);
	return Object.fromEntries(
		names.map((name) => {
			const values = Array.from({ length: one([1, 1, 2, 3]) }, () => attributes[name]!(choose));
			return [chance(0.3) ? `not${name[0]!.toUpperCase()}${name.slice(1)}` : name, values];
		}),
	);
}

function randomRule(choose: Chooser): PolicyRule {
	const { one, some, chance } = choose;
	const values = (key: string): string[] => Array.from({ length: one([1, 1, 2]) }, () => conditions[key]!(choose));
	return {
		...(chance(0.6) && { from: some([0], 2).map(() => ({ source: randomFields(choose, sources) })) }),
		...(chance(0.6) && { to: some([0], 2).map(() => ({ operation: randomFields(choose, operations) })) }),
		...(chance(0.5) && {
			when: some(Object.keys(conditions), 2).map((key) => ({
				key,
				...one([{ values: values(key) }, { notValues: values(key) }, { values: values(key), notValues: values(key) }]),
			})),
		}),
	};
}

/** The policies of a workload with the label `app`, of its namespace and of the root namespace; some are for others, or only tried. */
export function randomPolicies(choose: Chooser, app: string, provider: string): PolicyDocument[] {
	const { one, some, chance } = choose;
	return some([0], 4).map((_, number) => {
		const action = one(["ALLOW", "ALLOW", "ALLOW", "DENY", "DENY", "CUSTOM", "AUDIT"] as const);
		const rules =
			chance(0.04) && action !== "CUSTOM" ? [] : chance(0.04) ? [{}] : some([0], 3).map(() => randomRule(choose));
		return {
			apiVersion: "security.istio.io/v1",
			kind: "AuthorizationPolicy",
			metadata: {
				name: `${app}-${number}`,
				namespace: one(["shop", "shop", "istio-system", "ops"]),
				...(chance(0.1) && { annotations: { "istio.io/dry-run": "true" } }),
			},
			spec: {
				...(chance(0.95)
					? { selector: { matchLabels: { app, ...(chance(0.1) && { tier: one(["front", "back"]) }) } } }
					: { targetRefs: [{ group: "", kind: "Service", name: app }] }),
				...((action !== "ALLOW" || chance(0.5)) && { action }),
				...(action === "CUSTOM" && { provider: { name: provider } }),
				rules,
			},
		};
	});
}
