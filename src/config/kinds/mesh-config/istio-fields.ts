import type { AccessLogSettings, GatewayTopology, MeshSettings } from "../../../model/index.ts";
import { list, map } from "../../schema/collections.ts";
import { istioDuration } from "../../schema/durations.ts";
import { ignored, type ObjectOf, object, optional, refused } from "../../schema/object.ts";
import { boolean, integer, number, oneOf, string } from "../../schema/scalars.ts";
import type { Schema } from "../../schema/schema.ts";
import { connectionPool, defined, keepalive, outlierDetection } from "../destination-rule/connection-pool.ts";
import { localityLbSetting } from "../destination-rule/load-balancer.ts";
import { retries } from "../virtual-service/actions.ts";

/** A variable of a process's environment. */
export const environmentVariable = {
	format: "the name of a variable",
	pattern: /^[A-Za-z_][A-Za-z0-9_]*$/,
};

const gatewayTopology = object({
	numTrustedProxies: optional(
		integer({ min: 0, max: 255 }),
		"Proxies in front of a gateway whose X-Forwarded-For is believed; 0 when absent",
	),
	forwardClientCertDetails: optional(
		oneOf(["UNDEFINED", "SANITIZE", "FORWARD_ONLY", "APPEND_FORWARD", "SANITIZE_SET", "ALWAYS_FORWARD_ONLY"]),
		"What a gateway does with X-Forwarded-Client-Cert; SANITIZE_SET when absent",
	),
	proxyProtocol: refused("write an EnvoyFilter that adds the listener filter proxy_protocol"),
});

const defaultConfig = object({
	concurrency: optional(integer({ min: 0, max: 1024 }), "Worker threads of proxies; 0 is one a core"),
	proxyMetadata: optional(
		map(string({ minLength: 0 }), environmentVariable),
		"Environment variables of proxies, below those of ProxyConfig objects",
	),
	tracing: optional(
		object({ sampling: optional(number({ min: 0, max: 100 }), "Old form of traceSamplingPercent") }),
		"Tracing of requests; further settings are in Telemetry objects",
	),
	gatewayTopology: optional(gatewayTopology, "What stands in front of gateways"),
	discoveryAddress: refused("proxies are told where the control plane is when they are started"),
	holdApplicationUntilProxyStarts: ignored("`amime up` starts sidecars before their applications"),
	image: ignored("There is one build of the proxy"),
	terminationDrainDuration: refused("give proxies --drain-time-s"),
	drainDuration: refused("give proxies --drain-time-s"),
	proxyStatsMatcher: refused("write stats_matcher into the proxy's bootstrap"),
	proxyHeaders: refused("write an EnvoyFilter, or header changes into the routes"),
	privateKeyProvider: refused("keys are in the proxies' memory, and the authority's can be in a PKCS#11 module"),
});

/** Fields of Istio's MeshConfig with the same meaning here. */
export const istioFields = {
	trustDomainAliases: optional(
		list(
			string({
				format: "a trust domain: lower case letters, digits, '.', '-' and '_'",
				pattern: /^[a-z0-9._-]+$/,
				maxLength: 255,
			}),
			{ max: 100 },
		),
		"Other names of the trust domain: policies that name one of them mean all",
	),
	accessLogFile: optional(
		string({ format: "a path, or nothing", pattern: /^(\/\S*)?$/, minLength: 0, maxLength: 4096 }),
		"Where proxies log requests; standard output when absent, nowhere when empty. A Telemetry object can switch it on and off",
	),
	accessLogEncoding: optional(oneOf(["TEXT", "JSON"]), "Whether a line is text or JSON; TEXT when absent"),
	accessLogFormat: optional(
		string({ minLength: 0, maxLength: 16_384 }),
		"A line with Envoy's `%…%` operators, for JSON an object of them; Envoy's text or Istio's JSON fields when absent",
	),
	enableTracing: optional(boolean(), "False traces nothing, unless a Telemetry object says otherwise"),
	localityLbSetting: optional(localityLbSetting, "Which endpoints are near, where no DestinationRule says it"),
	defaultHttpRetryPolicy: optional(retries, "When requests are tried again where their route does not say it"),
	h2UpgradePolicy: optional(
		oneOf(["DO_NOT_UPGRADE", "UPGRADE"]),
		"Whether HTTP/1.1 requests go out as HTTP/2 where no DestinationRule says it",
	),
	connectTimeout: optional(
		istioDuration(),
		"Time a connection may take to open where no DestinationRule says it; 5s when absent",
	),
	tcpKeepalive: optional(keepalive, "Probes on silent connections where no DestinationRule says it"),
	defaultTrafficPolicy: optional(
		object({
			connectionPool: optional(connectionPool, "Circuit breakers"),
			outlierDetection: optional(outlierDetection, "Ejection of failing endpoints"),
		}),
		"For services whose DestinationRule does not say it",
	),
	dnsRefreshRate: optional(istioDuration(), "Time between two look-ups of a host by its name; 60s when absent"),
	defaultConfig: optional(defaultConfig, "Settings of proxies"),
	meshMTLS: ignored("Between proxies TLS 1.3 is spoken, which is at least what may be asked for here"),
	verifyCertificateAtClient: ignored("Certificates are always checked"),
	enablePrometheusMerge: ignored("The metrics of proxy and application are scraped apart"),
	disableEnvoyListenerLog: ignored("Listeners that close connections by design are logged nowhere"),
	defaultServiceExportTo: refused("write the annotation networking.istio.io/exportTo on the Services"),
	defaultVirtualServiceExportTo: refused("write exportTo into the VirtualServices"),
	defaultDestinationRuleExportTo: refused("write exportTo into the DestinationRules"),
	defaultProviders: refused("name the provider in a Telemetry object of the root namespace"),
	discoverySelectors: refused("give the control plane the namespaces it is for"),
	configSources: refused("give the control plane its folder, or use the admin API"),
	ingressControllerMode: refused("Ingress objects are not read: use a Gateway"),
	ingressService: refused("Ingress objects are not read: use a Gateway"),
	ingressSelector: refused("Ingress objects are not read: use a Gateway"),
	ingressClass: refused("Ingress objects are not read: use a Gateway"),
	proxyListenPort: refused("captured connections come to port 15001"),
	proxyInboundListenPort: refused("captured connections come to port 15006"),
	protocolDetectionTimeout: refused("a peer that waits for the server is taken for plain text after 5 s"),
	inboundTrafficPolicy: refused(
		"applications are reached at 127.0.0.1 by `amime up`, and at their address when captured",
	),
	inboundClusterStatName: refused("statistics have the names of clusters"),
	outboundClusterStatName: refused("statistics have the names of clusters"),
	certificates: refused("the authority issues certificates to Workloads and entries"),
	caCertificates: refused("import other authorities by `amime federation`"),
	tlsDefaults: refused("write TLS settings into Gateways and DestinationRules"),
	serviceSettings: refused("there is one cluster: every service is its own"),
	zoneAwareLbSetting: refused("use localityLbSetting"),
};

/** What they say. */
export function toIstioSettings(value: ObjectOf<typeof istioFields>): Partial<MeshSettings> {
	const { defaultConfig: proxies, defaultTrafficPolicy } = value;
	return {
		...defined({
			trustDomainAliases: value.trustDomainAliases,
			accessLog: toAccessLog(value),
			disablesTracing: value.enableTracing === undefined ? undefined : !value.enableTracing,
			localityLbSetting: value.localityLbSetting,
			defaultRetry: value.defaultHttpRetryPolicy,
			h2UpgradePolicy: value.h2UpgradePolicy,
			connectTimeoutMs: value.connectTimeout,
			dnsRefreshRateMs: value.dnsRefreshRate,
			proxyConcurrency: proxies?.concurrency,
			proxyEnvironment: proxies?.proxyMetadata,
			gatewayTopology: toTopology(proxies?.gatewayTopology),
		}),
		...(value.tcpKeepalive !== undefined && {
			tcpKeepalive: defined({
				probes: value.tcpKeepalive.probes,
				timeMs: value.tcpKeepalive.time,
				intervalMs: value.tcpKeepalive.interval,
			}),
		}),
		...(defaultTrafficPolicy !== undefined && {
			defaultTrafficPolicy: defined({
				connectionPool: defaultTrafficPolicy.connectionPool,
				outlierDetection: defaultTrafficPolicy.outlierDetection,
			}),
		}),
	};
}

function toAccessLog(value: ObjectOf<typeof istioFields>): AccessLogSettings | undefined {
	const { accessLogFile: file, accessLogEncoding: encoding, accessLogFormat: format } = value;
	if (file === undefined && encoding === undefined && format === undefined) return undefined;
	return {
		file: file ?? "/dev/stdout",
		encoding: encoding ?? "TEXT",
		...(format !== undefined && format !== "" && { format }),
	};
}

function toTopology(
	value: (typeof gatewayTopology extends Schema<infer T> ? T : never) | undefined,
): GatewayTopology | undefined {
	if (value === undefined) return undefined;
	const details = value.forwardClientCertDetails;
	return {
		trustedProxies: value.numTrustedProxies ?? 0,
		...(details !== undefined && details !== "UNDEFINED" && { forwardClientCertDetails: details }),
	};
}

/** What is wrong with the format of JSON lines. */
export function findAccessLogFault(value: ObjectOf<typeof istioFields>): string | undefined {
	const { accessLogEncoding, accessLogFormat = "" } = value;
	if (accessLogEncoding !== "JSON" || accessLogFormat === "") return undefined;
	try {
		const parsed: unknown = JSON.parse(accessLogFormat);
		const isObject = typeof parsed === "object" && parsed !== null && !Array.isArray(parsed);
		return isObject ? undefined : "must be a JSON object, for accessLogEncoding is JSON";
	} catch (error) {
		return `is no JSON, which accessLogEncoding asks for: ${(error as Error).message}`;
	}
}
