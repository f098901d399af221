import type { DestinationRule, TrafficPolicy } from "../../../model/index.ts";
import { list } from "../../schema/collections.ts";
import { istioDuration } from "../../schema/durations.ts";
import { dnsLabel, labels } from "../../schema/kubernetes.ts";
import { object, optional, refused, required } from "../../schema/object.ts";
import { integer, oneOf, quote, string } from "../../schema/scalars.ts";
import { refine, type Schema } from "../../schema/schema.ts";
import { defineKind } from "../kind.ts";

const maxCount = 2 ** 31 - 1;
const count = (min = 0): Schema<number> => integer({ min, max: maxCount });
const percent = integer({ min: 0, max: 100 });

const loadBalancer = object({
	simple: optional(
		oneOf(["UNSPECIFIED", "ROUND_ROBIN", "LEAST_REQUEST", "LEAST_CONN", "RANDOM"], {
			PASSTHROUGH: "endpoints are always chosen by the mesh",
		}),
		"How an endpoint is chosen; LEAST_REQUEST when absent or UNSPECIFIED, and LEAST_CONN is its old name",
	),
	consistentHash: refused("use simple"),
	localityLbSetting: refused("there is one locality"),
	zoneAwareLbSetting: refused("there is one locality"),
	warmup: refused("new endpoints take their full share at once"),
	warmupDurationSecs: refused("new endpoints take their full share at once"),
});

const connectionPool = object({
	tcp: optional(
		object({
			maxConnections: optional(count(1), "Connections to all endpoints together"),
			connectTimeout: optional(istioDuration(), "Time a connection may take to open; 5s when absent"),
			tcpKeepalive: refused("the system's keep-alive applies"),
			maxConnectionDuration: refused("connections live until they are idle"),
			idleTimeout: refused("the default of one hour applies"),
		}),
		"Bounds of connections",
	),
	http: optional(
		object({
			http1MaxPendingRequests: optional(count(), "Requests that wait for a connection; beyond it 503 with flag UO"),
			http2MaxRequests: optional(count(), "Requests in flight to all endpoints, for any version of HTTP"),
			maxRequestsPerConnection: optional(count(), "Requests before a connection is closed; 0 is without bound"),
			maxRetries: optional(count(), "Retries in flight to all endpoints"),
			idleTimeout: refused("the default of one hour applies"),
			h2UpgradePolicy: refused("the port's protocol decides the version of HTTP"),
			useClientProtocol: refused("the port's protocol decides the version of HTTP"),
			maxConcurrentStreams: refused("the default applies"),
			http2KeepAlive: refused("the system's keep-alive applies"),
		}),
		"Bounds of requests",
	),
});

const outlierDetection = object({
	consecutive5xxErrors: optional(
		count(),
		"5xx answers in a row before an endpoint is ejected; 5 when absent, 0 is off",
	),
	consecutiveGatewayErrors: optional(
		count(),
		"502, 503 and 504 in a row before an endpoint is ejected; off when absent",
	),
	interval: optional(istioDuration(), "Time between two looks; 10s when absent"),
	baseEjectionTime: optional(
		istioDuration(),
		"Shortest ejection, multiplied by how often it happened; 30s when absent",
	),
	maxEjectionPercent: optional(percent, "Share of endpoints that may be ejected; 10 when absent"),
	minHealthPercent: optional(percent, "Below this share of healthy endpoints nothing is ejected; 0 when absent"),
	consecutiveErrors: refused("it is the old name of consecutiveGatewayErrors"),
	consecutiveLocalOriginFailures: refused("failed connections count as 5xx"),
	splitExternalLocalOriginErrors: refused("failed connections count as 5xx"),
});

const tls = object({
	mode: required(
		oneOf(["DISABLE", "ISTIO_MUTUAL"], {
			SIMPLE: "services of the mesh use ISTIO_MUTUAL",
			MUTUAL: "services of the mesh use ISTIO_MUTUAL",
		}),
		"`ISTIO_MUTUAL`: mutual TLS with the mesh's certificates; `DISABLE`: plain text. By default mutual TLS where the endpoint takes it",
	),
	sni: refused("the mesh chooses it"),
	subjectAltNames: refused("the mesh checks the identities behind the service"),
	clientCertificate: refused("the mesh's certificates are used"),
	privateKey: refused("the mesh's certificates are used"),
	caCertificates: refused("the mesh's certificates are used"),
	caCrl: refused("the mesh's certificates are used"),
	credentialName: refused("the mesh's certificates are used"),
	insecureSkipVerify: refused("peers are always verified"),
});

const trafficPolicy = object({
	loadBalancer: optional(loadBalancer, "How an endpoint is chosen"),
	connectionPool: optional(connectionPool, "Circuit breakers"),
	outlierDetection: optional(outlierDetection, "Ejection of failing endpoints"),
	tls: optional(tls, "Encryption towards the endpoints"),
	portLevelSettings: refused("settings hold for every port of the service"),
	tunnel: refused("the mesh opens no tunnels"),
	proxyProtocol: refused("the mesh's metadata carries the peer"),
	retryBudget: refused("use connectionPool.http.maxRetries"),
});

type TrafficPolicySpec = typeof trafficPolicy extends Schema<infer T> ? T : never;

const subset = object({
	name: required(dnsLabel(), "Name of the subset"),
	labels: optional(labels(), "Labels of its workloads, all of them; all workloads of the service when absent"),
	trafficPolicy: optional(trafficPolicy, "Settings that replace those of the whole service, field by field"),
});

const spec = refine(
	object({
		host: required(
			string({
				format: "the name of a service such as reviews or reviews.shop.svc.cluster.local",
				pattern: /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/,
				maxLength: 253,
			}),
			"Service it is for: `reviews` in its own namespace, `reviews.shop`, or the full name",
		),
		trafficPolicy: optional(trafficPolicy, "Settings for the whole service"),
		subsets: optional(list(subset, { max: 256 }), "Named parts of the service by label"),
		exportTo: optional(
			list(oneOf(["*"], { ".": "every client of the service gets the rule" }), { max: 1 }),
			"Namespaces that see it; only `*`",
		),
		workloadSelector: refused("every client of the service gets the rule"),
	}),
	(value, _node, reader) => {
		const names = new Map<string, number>();
		let isGood = true;
		for (const [index, { name }] of (value.subsets ?? []).entries()) {
			if (names.has(name)) {
				isGood = false;
				reader
					.field("subsets")
					.item(index)
					.field("name")
					.refuse(`${quote(name)} is there twice, first as subsets[${names.get(name)}]`);
			} else names.set(name, index);
		}
		return isGood ? value : undefined;
	},
);

/** `networking.istio.io/v1` DestinationRule. */
export const destinationRuleKind = defineKind({
	name: "DestinationRule",
	apiVersions: ["networking.istio.io/v1", "networking.istio.io/v1beta1", "networking.istio.io/v1alpha3"],
	aliases: ["destinationrules", "dr"],
	doc: "What happens to requests after routing: load balancing, circuit breakers, ejection of failing endpoints, subsets.",
	example: `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: ratings, namespace: shop }
spec:
  host: ratings
  trafficPolicy:
    loadBalancer: { simple: ROUND_ROBIN }
    outlierDetection: { consecutive5xxErrors: 3, interval: 1s, baseEjectionTime: 10s, maxEjectionPercent: 50 }
`,
	naming: "subdomain",
	spec,
	toModel: (value, context): DestinationRule => ({
		namespace: context.namespace,
		name: context.name,
		host: value.host,
		trafficPolicy: toTrafficPolicy(value.trafficPolicy),
		subsets: (value.subsets ?? []).map((item) => ({
			name: item.name,
			labels: item.labels ?? {},
			trafficPolicy: toTrafficPolicy(item.trafficPolicy),
		})),
		createdAt: context.createdAt,
		source: context.source,
	}),
});

function toTrafficPolicy(value: TrafficPolicySpec | undefined): TrafficPolicy | undefined {
	if (value === undefined) return undefined;
	const { loadBalancer: balancer, connectionPool: pool, outlierDetection: outlier } = value;
	const simple = balancer?.simple === "LEAST_CONN" ? "LEAST_REQUEST" : balancer?.simple;
	return {
		loadBalancer: simple === "UNSPECIFIED" ? undefined : simple,
		connectionPool:
			pool === undefined
				? undefined
				: {
						maxConnections: pool.tcp?.maxConnections,
						connectTimeoutMs: pool.tcp?.connectTimeout,
						http1MaxPendingRequests: pool.http?.http1MaxPendingRequests,
						http2MaxRequests: pool.http?.http2MaxRequests,
						maxRequestsPerConnection: pool.http?.maxRequestsPerConnection,
						maxRetries: pool.http?.maxRetries,
					},
		outlierDetection:
			outlier === undefined
				? undefined
				: {
						consecutive5xxErrors: outlier.consecutive5xxErrors,
						consecutiveGatewayErrors: outlier.consecutiveGatewayErrors,
						intervalMs: outlier.interval,
						baseEjectionTimeMs: outlier.baseEjectionTime,
						maxEjectionPercent: outlier.maxEjectionPercent,
						minHealthPercent: outlier.minHealthPercent,
					},
		tlsMode: value.tls?.mode,
	};
}
