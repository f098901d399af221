import assert from "node:assert/strict";
import { test } from "node:test";
import { application, createTestMesh, parseObjects } from "../../test/support/control-mesh.ts";
import { AdminError } from "../control/admin/index.ts";
import type { ServedMesh } from "../control/index.ts";
import { createSnapshotStore } from "../control/snapshot/index.ts";
import { answerDiff, answerExplain, predict } from "./answers.ts";
import { createOfflineWorld, type Explanation, evaluate, type MeshDiff, type Query } from "./index.ts";

const narrow = `
apiVersion: amime.dev/v1alpha1
kind: MeshConfig
metadata: {name: mesh}
spec: {proxyScope: NEEDED}
`;

/** A mesh as a control plane serves it to proxies that know no host before they ask. */
function serve(...documents: readonly string[]): ServedMesh {
	const objects = parseObjects(...documents);
	const store = createSnapshotStore({ hostsOf: () => new Set(), server: { host: "127.0.0.1", port: 15_010 } });
	store.apply(createTestMesh(objects, (instance) => ({ ...instance, upstreams: [] })));
	return {
		index: () => store.index(),
		objects: () => objects,
		problems: () => [],
		snapshot: (node) => store.get(node),
		nodes: () => [],
	};
}

const ask = (served: ServedMesh, query: object): Explanation =>
	(answerExplain(served, JSON.stringify({ queries: [query] }), 0).body as { items: Explanation[] }).items[0]!;

test("a host that the proxy asks for with the first request is explained as it will be routed", () => {
	const served = serve(application("web"), application("reviews"), narrow);
	const explanation = ask(served, { from: "web", to: "reviews" });
	assert.equal(explanation.outcome, "reached", explanation.summary);
	assert.deepEqual(explanation.outbound?.notes, [
		"the proxy asks the control plane for this host with the first request",
	]);
	assert.equal(ask(served, { from: "web", to: "nobody" }).outcome, "unroutable");
	assert.match(ask(served, { from: "web", to: "reviews", port: 81 }).fix ?? "", /reviews has no port 81: it has 80$/);
});

test("a call that cannot be read is refused with every problem of it", () => {
	const served = serve(application("web"));
	const refuse = (body: string): AdminError => {
		try {
			answerExplain(served, body, 0);
		} catch (error) {
			assert.ok(error instanceof AdminError);
			return error;
		}
		return assert.fail("it was taken");
	};
	assert.deepEqual(refuse('{"queries":[{"form":"web","port":0}]}').details, {
		problems: [
			{ path: "queries[0].from", problem: "is missing" },
			{ path: "queries[0].to", problem: "is missing" },
			{ path: "queries[0].form", problem: "is no field of a call (did you mean 'from'?)" },
			{ path: "queries[0].port", problem: "must be a port from 1 to 65535" },
		],
	});
	assert.equal(refuse('{"queries":[]}').code, "CALL_INVALID");
	assert.equal(refuse("{").code, "JSON_INVALID");
	assert.equal(refuse('{"queries":[{"from":"wbe","to":"web"}]}').status, 404);
});

test("a diff leaves objects alone that are not among the documents, unless they are to go", () => {
	const served = serve(application("web"), application("reviews"));
	const files = [{ path: "web.yaml", text: application("web") }];
	const diff = (more: object): MeshDiff => answerDiff(served, JSON.stringify({ files, ...more })).body as MeshDiff;
	assert.deepEqual(diff({}).objects, []);
	assert.deepEqual(
		diff({ prune: true }).objects.map(({ change, kind, name }) => `${change} ${kind} ${name}`),
		["removed Workload reviews", "removed Service reviews"],
	);
});

test("limits that count a call are named with their place, and those that do not are not", () => {
	const policy = `
apiVersion: amime.dev/v1alpha1
kind: RateLimitPolicy
metadata: {name: reviews, namespace: shop}
spec:
  selector: {matchLabels: {app: reviews}}
  limits:
    - {name: by-caller, keys: [{type: Principal}], requests: 5, unit: Minute, burst: 7}
    - {name: writes, match: {methods: [POST]}, requests: 1, unit: Second}
    - {name: of-web, match: {principals: [cluster.local/ns/shop/sa/web]}, requests: 9, unit: Hour, scope: Global}
    - {name: of-batch, match: {principals: [cluster.local/ns/shop/sa/batch]}, requests: 9, unit: Hour, scope: Global}
`;
	const served = serve(application("web"), application("reviews"), policy);
	const [destination] = ask(served, { from: "web", to: "reviews" }).destinations;
	const inbound = destination?.workloads[0]?.inbound;
	assert.deepEqual(
		inbound?.notes.map((note) => note.replace(/ \([^)]*\)/, " (FILE)")),
		[
			"counted by RateLimitPolicy shop/reviews, limit by-caller (FILE): 5 in 60 s, 7 at once, for each proxy",
			"counted by RateLimitPolicy shop/reviews, limit of-web (FILE): a budget that all proxies share",
		],
	);
});

test("the authorizer that a route asks is named, and who cannot be asked", () => {
	const authorizer = (path: string, backendRef: string, protocol: string) => `
    - matches: [{path: {type: PathPrefix, value: ${path}}}]
      filters: [{type: ExternalAuth, externalAuth: {backendRef: ${backendRef}, protocol: ${protocol}, ${protocol.toLowerCase()}: {}}}]
      backendRefs: [{name: reviews, port: 80}]`;
	const route = `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: guarded, namespace: shop}
spec:
  parentRefs: [{group: "", kind: Service, name: reviews}]
  rules:${authorizer("/http", "{name: ratings, port: 80}", "HTTP")}${authorizer("/grpc", "{name: books, port: 80}", "GRPC")}${authorizer("/none", "{name: nobody, port: 80}", "HTTP")}
    - backendRefs: [{name: reviews, port: 80}]
`;
	const mesh = [application("web"), application("reviews"), application("ratings"), application("books")];
	const served = serve(...mesh, route);
	const call = (path: string, more: object = {}) => ask(served, { from: "web", to: "reviews", path, ...more });
	const told = (path: string) => call(path).outbound?.notes;
	const who = "the external authorization service Service shop/";
	assert.deepEqual(told("/http"), [`${who}ratings port 80 is asked over HTTP; taken to allow`]);
	assert.deepEqual(told("/grpc"), [`${who}books port 80 is asked over gRPC; taken to allow`]);
	assert.deepEqual([told("/"), call("/http").outbound?.policies], [[], []]);
	const denied = call("/http", { external: "deny" });
	assert.deepEqual(
		[denied.outcome, denied.status, denied.summary, denied.because[0]?.path],
		["denied", 403, `denied by ${who}ratings port 80`, "spec.rules[0]"],
	);
	assert.match(call("/none").summary, /\(500\): nobody can authorize requests: no Service shop\/nobody$/);
});

test("documents of a cluster are enough: Pods that Deployments would make, and a Gateway that nothing serves", () => {
	const manifests = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: reviews-v2, namespace: shop }
spec:
  template:
    metadata: { labels: { app: reviews, version: v2 } }
    spec: { serviceAccountName: reviews, containers: [{ name: c, ports: [{ containerPort: 9080 }] }] }
---
apiVersion: v1
kind: Service
metadata: { name: reviews, namespace: shop }
spec: { selector: { app: reviews }, ports: [{ name: http, port: 80, targetPort: 9080 }] }
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: strict, namespace: shop }
spec: { mtls: { mode: STRICT } }
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge, namespace: shop }
spec: { selector: { istio: ingressgateway }, servers: [{ port: { number: 8080, name: http, protocol: HTTP }, hosts: ["*"] }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: reviews, namespace: shop }
spec: { hosts: ["*"], gateways: [edge], http: [{ route: [{ destination: { host: reviews } }] }] }
`;
	const world = createOfflineWorld(parseObjects(manifests));
	const ask = (query: Query): Explanation => evaluate(world, { headers: [], ...query }, 0);
	const through = ask({ from: "shop/edge", to: "shop.example", port: 8080 });
	assert.equal(through.outcome, "reached", through.summary);
	assert.equal(through.destinations[0]!.endpoints[0]!.instance, "shop/reviews-v2-0");
	const closed = ask({ from: "shop/edge", to: "shop.example" });
	assert.deepEqual(
		[closed.outcome, closed.fix],
		["unroutable", "it listens on 8080: name that port, or add a listener for port 80 to the Gateway"],
	);
	assert.equal(ask({ from: "outside", to: "reviews" }).fix, "did you mean 'reviews.shop'?");
});

test("the proxy of a Gateway is a source by its own name, and paths that nothing takes are told with those that there are", () => {
	const edge = `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: edge, namespace: shop }
spec: { gatewayClassName: amime, listeners: [{ name: http, port: 8080, protocol: HTTP }] }
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: edge, namespace: shop }
spec:
  parentRefs: [{ name: edge }]
  rules:
    - { matches: [{ path: { value: /a } }], backendRefs: [{ name: reviews, port: 80 }] }
    - { matches: [{ path: { value: /b } }], backendRefs: [{ name: reviews, port: 80 }] }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: few, namespace: shop }
spec:
  targetRefs: [{ group: gateway.networking.k8s.io, kind: Gateway, name: edge }]
  rules: [{ to: [{ operation: { paths: [/b, /c] } }] }]
`;
	const world = createOfflineWorld(parseObjects(application("reviews"), edge));
	const proxy = world.index.instances.find(({ pattern }) => pattern === "gateway")!;
	const ask = (path: string) =>
		evaluate(world, { headers: [], from: `shop/${proxy.name}`, to: "shop.example", port: 8080, path }, 0);
	assert.equal(ask("/b").outcome, "reached");
	assert.match(ask("/c").summary, /takes GET \/c: its routes are for path \/a and below, path \/b and below$/);
	const denied = ask("/a");
	assert.deepEqual([denied.outcome, denied.because[0]?.name], ["denied", "few"]);
});

test("a service without endpoints is told with the port that nobody has, and a ServiceEntry is called one", () => {
	const served = serve(
		application("web"),
		application("orders"),
		`
apiVersion: v1
kind: Service
metadata: {name: misnamed, namespace: shop}
spec: {selector: {app: orders}, ports: [{name: http, port: 80, targetPort: htpp}]}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: partner, namespace: shop}
spec:
  hosts: [partner.example.com]
  ports: [{number: 80, name: http, protocol: HTTP}]
  resolution: STATIC
  endpoints: [{address: 192.0.2.7}]
`,
	);
	const misnamed = ask(served, { from: "web", to: "misnamed" });
	assert.match(misnamed.summary, /its targetPort 'htpp' is no port of orders; there are http/);
	assert.equal(misnamed.fix, "did you mean 'http'?");
	assert.deepEqual(
		misnamed.because.map(({ kind, name, path }) => `${kind} ${name} ${path}`),
		["Service misnamed spec.ports[0].targetPort"],
	);
	const partner = ask(served, { from: "web", to: "partner.example.com" });
	assert.deepEqual(
		partner.destinations[0]?.objects.map(({ kind, name }) => `${kind} ${name}`),
		["ServiceEntry partner"],
	);
});

test("what is known of a request that failed is enough to say which route comes nearest", () => {
	const served = serve(
		application("web"),
		application("orders"),
		`
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: orders, namespace: shop}
spec:
  hosts: [orders]
  http:
    - {match: [{uri: {prefix: /b}}], route: [{destination: {host: orders}}]}
    - {match: [{uri: {prefix: /a}, headers: {x-user: {exact: bob}}}], route: [{destination: {host: orders}}]}
`,
	);
	const told = predict(served, { from: "shop/web-0", to: "orders", method: "GET", path: "/a" }, 0);
	assert.equal(told?.flags, "NR");
	assert.match(
		told.summary,
		/spec\.http\[1\], wants header x-user = 'bob'$/,
		"nobody knows what the request had there",
	);
	assert.equal(predict(served, { from: "shop/gone-0", to: "orders", method: "GET", path: "/" }, 0), undefined);
});
