/** DestinationRules, ServiceEntries and Sidecar objects, as what a captured client's proxy does. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { captureClient, clientPod, clusterService } from "../support/captured-client.ts";
import { validateWithEnvoy } from "../support/envoy-validate.ts";
import { findEnvoy, skipWithout } from "../support/peers.ts";

const nodes = [0, 1, 2].map(
	(number) => `
apiVersion: v1
kind: Node
metadata: {name: node-${number}, labels: {topology.kubernetes.io/region: r${number < 2 ? 1 : 2}, topology.kubernetes.io/zone: z${number}}}`,
);
const world = [
	...nodes,
	clusterService("web", 1, { versions: ["v1", "v2", "v3"] }),
	clusterService("pay", 2),
	clusterService("raw", 3, { ports: "[{name: tcp, port: 7000}]" }),
	clusterService("billing", 4, { namespace: "partner" }),
	clientPod,
];

function object(kind: string, spec: string, metadata = "{name: it, namespace: shop}"): string {
	return `apiVersion: networking.istio.io/v1\nkind: ${kind}\nmetadata: ${metadata}\nspec: ${spec.replace(/\s*\n\s*/g, " ")}`;
}

const webCluster = "outbound|80||web.shop.svc.cluster.local";

test("settings of a port stand in the place of all of the service's, those of a subset above both", () => {
	const client = captureClient([
		...world,
		object(
			"DestinationRule",
			`{host: web, trafficPolicy: {loadBalancer: {simple: RANDOM}, connectionPool: {tcp: {maxConnections: 7}},
			portLevelSettings: [{port: {number: 80}, loadBalancer: {consistentHash: {httpHeaderName: x-user}}}]},
			subsets: [{name: v1, labels: {version: v1}, trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN}}}]}`,
		),
	]);
	const whole = client.cluster(webCluster);
	assert.equal(whole?.balancer.kind, "ring-hash");
	assert.equal(whole?.circuitBreakers.default.maxConnections, 4294967295, "the port's settings leave it out");
	assert.equal(client.cluster("outbound|80|v1|web.shop.svc.cluster.local")?.balancer.kind, "round-robin");
	const { action } = client.request("GET web/")!.entry;
	assert.ok(action.kind === "forward");
	assert.equal(action.hashPolicies.length, 1);
});

test("localities count with outlier detection: near endpoints first", () => {
	const rule = (policy: string): string => object("DestinationRule", `{host: web, trafficPolicy: {${policy}}}`);
	const outlier = "outlierDetection: {consecutive5xxErrors: 2}";
	const of = (policy: string) => captureClient([...world, rule(policy)]).endpoints(webCluster);
	const [near, zone, region] = ["10.1.1.1:8080", "10.1.1.2:8080", "10.1.1.3:8080"] as const;
	assert.deepEqual(of("loadBalancer: {simple: RANDOM}"), [[near, zone, region]]);
	assert.deepEqual(of(outlier), [[near], [zone], [region]]);
	assert.deepEqual(
		of(`${outlier}, loadBalancer: {localityLbSetting: {failoverPriority: [topology.kubernetes.io/region]}}`),
		[[near, zone], [region]],
	);
	assert.deepEqual(of(`${outlier}, loadBalancer: {localityLbSetting: {enabled: false}}`), [[near, zone, region]]);
	assert.deepEqual(of("loadBalancer: {localityLbSetting: {distribute: [{from: r1/*, to: {r1/z1: 100}}]}}"), [[zone]]);
});

test("a rule of the client's namespace hides the service's; one for other clients or other workloads is not seen", () => {
	const balancer = (kind: string): string => `trafficPolicy: {loadBalancer: {simple: ${kind}}}`;
	const host = "host: web.shop.svc.cluster.local";
	const documents = [
		...world,
		object("DestinationRule", `{${host}, ${balancer("RANDOM")}}`),
		object("DestinationRule", `{${host}, ${balancer("ROUND_ROBIN")}}`, "{name: own, namespace: partner}"),
		object(
			"DestinationRule",
			`{host: pay, workloadSelector: {matchLabels: {app: client}}, ${balancer("RANDOM")}}`,
			"{name: for-client, namespace: shop}",
		),
		object(
			"DestinationRule",
			`{host: billing, exportTo: ["."], ${balancer("RANDOM")}}`,
			"{name: b, namespace: partner}",
		),
	];
	const client = captureClient(documents);
	const visitor = captureClient(documents, "visitor.partner");
	const kindOf = (proxy: typeof client, name: string): string | undefined => proxy.cluster(name)?.balancer.kind;
	const pay = "outbound|80||pay.shop.svc.cluster.local";
	const billing = "outbound|80||billing.partner.svc.cluster.local";
	assert.deepEqual([kindOf(client, webCluster), kindOf(visitor, webCluster)], ["random", "round-robin"]);
	assert.deepEqual([kindOf(client, pay), kindOf(visitor, pay)], ["random", "least-request"]);
	assert.deepEqual([kindOf(client, billing), kindOf(visitor, billing)], ["least-request", "random"]);
});

test("hosts of ServiceEntries are routed like services, by each resolution", () => {
	const client = captureClient([
		...world,
		object(
			"ServiceEntry",
			`{hosts: [ext.example], addresses: [10.97.0.1], ports: [{number: 80, name: http, protocol: HTTP, targetPort: 8080}, {number: 7000, name: tcp, protocol: TCP}],
			resolution: STATIC, endpoints: [{address: 10.3.0.1, ports: {http: 8081}}, {address: 10.3.0.2}]}`,
			"{name: static, namespace: shop}",
		),
		object(
			"ServiceEntry",
			"{hosts: [dns.example], ports: [{number: 80, name: http, protocol: HTTP}], resolution: DNS}",
			"{name: dns, namespace: shop}",
		),
		object(
			"ServiceEntry",
			`{hosts: ["*.wild.example"], ports: [{number: 80, name: http, protocol: HTTP}]}`,
			"{name: wild, namespace: shop}",
		),
		object(
			"ServiceEntry",
			`{hosts: [vm.example], location: MESH_INTERNAL, resolution: STATIC, workloadSelector: {labels: {app: vm}}, ports: [{number: 80, name: http, protocol: HTTP}]}`,
			"{name: vm, namespace: shop}",
		),
		object(
			"WorkloadEntry",
			"{address: 10.4.0.1, labels: {app: vm}, ports: {http: 9080}}",
			"{name: vm, namespace: shop}",
		),
		object(
			"ServiceEntry",
			`{hosts: [private.example], exportTo: ["."], ports: [{number: 80, name: http, protocol: HTTP}]}`,
			"{name: private, namespace: partner}",
		),
	]);
	const cluster = (line: string): string | undefined => client.request(line)?.cluster;
	assert.equal(cluster("GET EXT.example:80/"), "outbound|80||ext.example");
	assert.deepEqual(client.endpoints("outbound|80||ext.example"), [["10.3.0.1:8081", "10.3.0.2:8080"]]);
	assert.deepEqual(client.connect("10.97.0.1", 7000), ["outbound|7000||ext.example"]);
	assert.equal(client.cluster("outbound|80||dns.example")?.discovery.kind, "strict-dns");
	assert.equal(cluster("GET a.wild.example/"), "outbound|80||*.wild.example");
	assert.equal(client.cluster("outbound|80||*.wild.example")?.discovery.kind, "original-dst");
	assert.deepEqual(client.endpoints("outbound|80||vm.example"), [["10.4.0.1:9080"]]);
	assert.equal(cluster("GET private.example/"), "PassthroughCluster");
});

test("a ServiceEntry of a wildcard is a destination, and one with addresses and blocks of them has all of them", () => {
	const client = captureClient([
		...world,
		object(
			"ServiceEntry",
			`{hosts: ["*.wild.example"], ports: [{number: 80, name: http, protocol: HTTP}], resolution: STATIC, endpoints: [{address: 10.3.0.1}]}`,
			"{name: wild, namespace: shop}",
		),
		object(
			"ServiceEntry",
			`{hosts: [vip.example], addresses: [10.97.1.1, 10.97.2.0/24], ports: [{number: 7100, name: tcp, protocol: TCP}],
			resolution: STATIC, endpoints: [{address: 10.3.0.2}]}`,
			"{name: vip, namespace: shop}",
		),
		object("VirtualService", `{hosts: ["*.wild.example"], http: [{route: [{destination: {host: "*.wild.example"}}]}]}`),
	]);
	assert.equal(client.request("GET a.wild.example/")?.cluster, "outbound|80||*.wild.example");
	assert.deepEqual(client.connect("10.97.1.1", 7100), ["outbound|7100||vip.example"]);
	assert.deepEqual(client.connect("10.97.2.9", 7100), ["outbound|7100||vip.example"]);
});

test("an endpoint of an EndpointSlice has the ports of its slice only, and WorkloadEntries stand beside the Pods of slices", () => {
	const slice = (name: string, port: string, address: string): string => `apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: ${name}, namespace: shop, labels: {kubernetes.io/service-name: two}}
addressType: IPv4
ports: [{name: ${port}, port: 8080, protocol: TCP}]
endpoints: [{addresses: [${address}], conditions: {ready: true}}]`;
	const client = captureClient([
		...world,
		`apiVersion: v1
kind: Service
metadata: {name: two, namespace: shop}
spec:
  clusterIP: 10.0.0.9
  selector: {app: two}
  ports: [{name: http, port: 80, targetPort: 8080}, {name: http-b, port: 81, targetPort: 8081}]`,
		slice("two-1", "http", "10.3.1.1"),
		slice("two-2", "http-b", "10.3.1.2"),
		object("WorkloadEntry", "{address: 10.3.1.3, labels: {app: two}}", "{name: machine, namespace: shop}"),
	]);
	assert.deepEqual(client.endpoints("outbound|80||two.shop.svc.cluster.local"), [["10.3.1.1:8080", "10.3.1.3:8080"]]);
	assert.deepEqual(client.endpoints("outbound|81||two.shop.svc.cluster.local"), [["10.3.1.2:8080", "10.3.1.3:8081"]]);
});

test("a Sidecar object narrows what a client sees; destinations of its routes work all the same", () => {
	const client = captureClient([
		...world,
		object(
			"Sidecar",
			`{outboundTrafficPolicy: {mode: REGISTRY_ONLY}, egress: [{hosts: ["./web.shop.svc.cluster.local", "partner/*"]}]}`,
			"{name: default, namespace: shop}",
		),
		object(
			"VirtualService",
			"{hosts: [web], http: [{match: [{uri: {prefix: /pay}}], route: [{destination: {host: pay}}]}, {route: [{destination: {host: web}}]}]}",
		),
	]);
	assert.equal(client.request("GET web/")?.cluster, webCluster);
	assert.equal(client.request("GET billing.partner/")?.cluster, "outbound|80||billing.partner.svc.cluster.local");
	assert.equal(client.request("GET pay/")?.status, 502);
	const inner = client.request("GET web/pay")?.cluster;
	assert.equal(inner, "outbound|80||pay.shop.svc.cluster.local");
	assert.notEqual(client.cluster(inner ?? ""), undefined);
	assert.deepEqual(client.connect("10.0.0.3", 7000), ["virtualOutbound"]);
	assert.equal(client.cluster("outbound|7000||raw.shop.svc.cluster.local"), undefined);
});

test("of Sidecar objects the one that selects the workload counts, and a port of its own belongs to its hosts alone", () => {
	const client = captureClient([
		...world,
		object("Sidecar", `{egress: [{hosts: ["~/*"]}]}`, "{name: default, namespace: shop}"),
		object(
			"Sidecar",
			`{workloadSelector: {labels: {app: client}}, outboundTrafficPolicy: {mode: REGISTRY_ONLY}, egress: [
			{port: {number: 80, protocol: HTTP, name: http}, hosts: ["./web.shop.svc.cluster.local"]}, {hosts: ["./*"]}]}`,
			"{name: mine, namespace: shop}",
		),
	]);
	assert.equal(client.request("GET web/")?.cluster, webCluster);
	assert.equal(client.request("GET pay/")?.status, 502);
	assert.deepEqual(client.connect("10.0.0.3", 7000), ["outbound|7000||raw.shop.svc.cluster.local"]);
});

const envoy = findEnvoy();

test("Envoy takes every setting", { skip: skipWithout("envoy", envoy), timeout: 120_000 }, async () => {
	const { snapshot } = captureClient([
		...world,
		object(
			"DestinationRule",
			`{host: web, trafficPolicy: {
			loadBalancer: {consistentHash: {httpCookie: {name: c, ttl: 0s, path: /, attributes: [{name: SameSite, value: Lax}]}, maglev: {tableSize: 101}},
				localityLbSetting: {failover: [{from: r1, to: r2}]}},
			connectionPool: {tcp: {connectTimeout: 1s, idleTimeout: 1m, maxConnectionDuration: 1h, tcpKeepalive: {probes: 1, time: 1s, interval: 1s}}, http: {idleTimeout: 1m, maxConcurrentStreams: 3, h2UpgradePolicy: UPGRADE}},
			outlierDetection: {splitExternalLocalOriginErrors: true, consecutiveLocalOriginFailures: 2},
			tls: {mode: SIMPLE, sni: a.example, subjectAltNames: [b.example], insecureSkipVerify: true}, retryBudget: {percent: 30}, proxyProtocol: {version: V2}}}`,
			"{name: web, namespace: shop}",
		),
		object(
			"DestinationRule",
			"{host: raw, trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN, warmup: {duration: 1m}}, tunnel: {targetHost: t.example, targetPort: 443}}}",
			"{name: raw, namespace: shop}",
		),
		object("DestinationRule", "{host: pay, trafficPolicy: {tls: {mode: SIMPLE}}}", "{name: pay, namespace: shop}"),
		object(
			"ServiceEntry",
			`{hosts: [a.example, "*.b.example"], addresses: [10.97.0.0/16], ports: [{number: 443, name: tls, protocol: TLS}, {number: 80, name: http, protocol: HTTP}, {number: 81, name: any}], resolution: NONE}`,
		),
		object(
			"ServiceEntry",
			"{hosts: [dns.example], ports: [{number: 80, name: http, protocol: HTTP2}], resolution: DNS_ROUND_ROBIN, endpoints: [{address: other.example}]}",
			"{name: dns, namespace: shop}",
		),
		object(
			"VirtualService",
			`{hosts: [web], http: [{
			match: [{uri: {regex: "/a.*"}, headers: {x-a: {}}, withoutHeaders: {x-b: {prefix: b}}, queryParams: {q: {regex: "1+"}}, scheme: {exact: http}}],
			retries: {attempts: 2, retryOn: "retriable-4xx,503", retryRemoteLocalities: true, backoff: 10ms},
			fault: {delay: {fixedDelay: 1s, percentage: {value: 0.1}}, abort: {grpcStatus: UNAVAILABLE, percentage: {value: 1}}},
			corsPolicy: {allowOrigins: [{regex: ".*"}], allowMethods: [GET], allowHeaders: [x], exposeHeaders: [y], maxAge: 1h, allowCredentials: true},
			headers: {request: {set: {x-c: "%REQ(x-d)%"}}, response: {remove: [server]}}, mirror: {host: pay}, mirrorPercentage: {value: 0.5},
			route: [{destination: {host: web}, weight: 1, headers: {request: {set: {":authority": q.example}}}}, {destination: {host: pay}, weight: 2}]},
			{directResponse: {status: 200, body: {bytes: aGVsbG8=}}}]}`,
		),
	]);
	await validateWithEnvoy(envoy!, snapshot);
});
