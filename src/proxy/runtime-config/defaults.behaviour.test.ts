import assert from "node:assert/strict";
import { test } from "node:test";
import {
	type BootstrapParts,
	managerOf,
	problemsOf,
	routerFilter,
	socketAddress,
	staticCluster,
	translated,
	typed,
} from "../../../test/support/bootstraps.ts";
import { makeStream } from "../../../test/support/streams.ts";
import type { ClusterConfig } from "./index.ts";

const clusterOf = (fields: Record<string, unknown>): ClusterConfig => {
	const [cluster] = translated({ clusters: [staticCluster("c1", fields)] }).clusters;
	assert.ok(cluster);
	return cluster;
};

test("a connection manager has Envoy's defaults", () => {
	const manager = managerOf(translated());
	assert.equal(manager.streamIdleTimeoutMs, 300_000);
	assert.equal(manager.common.idleTimeoutMs, 3_600_000);
	assert.equal(manager.common.maxHeadersCount, 100);
	assert.equal(manager.maxRequestHeadersBytes, 60 * 1024);
	assert.equal(manager.serverName, "envoy");
	assert.equal(manager.generateRequestId, true);
	assert.equal(manager.drainTimeoutMs, 5000);
	assert.equal(manager.delayedCloseTimeoutMs, 1000);
	assert.equal(manager.forwardClientCert, "sanitize");
});

test("a route has Envoy's defaults", () => {
	const { routes } = managerOf(translated());
	assert.ok(routes.kind === "inline");
	const action = routes.table.virtualHosts[0]?.routes[0]?.action;
	assert.ok(action?.kind === "forward");
	assert.equal(action.timeoutMs, 15_000);
	assert.equal(action.clusterNotFoundStatus, 503);
	assert.equal(action.retryPolicy, undefined);
});

test("a cluster has Envoy's defaults", () => {
	const cluster = clusterOf({});
	assert.equal(cluster.connectTimeoutMs, 5000);
	assert.equal(cluster.circuitBreakers.default.maxConnections, 1024);
	assert.equal(cluster.circuitBreakers.high.maxRetries, 3);
	assert.equal(cluster.commonBalancer.healthyPanicThreshold, 50);
	assert.deepEqual(cluster.balancer, { kind: "round-robin", slowStart: undefined });
	assert.equal(cluster.http.protocol, "http1");
	assert.equal(cluster.outlierDetection, undefined);
});

test("a name with colons is a statistic's name without them, an alternative name wins", () => {
	assert.equal(
		translated({ clusters: [staticCluster("c1"), staticCluster("outbound|80||a:b")] }).clusters[1]?.statName,
		"outbound|80||a_b",
	);
	assert.equal(clusterOf({ alt_stat_name: "other" }).statName, "other");
});

test("protocol options of a cluster come from the extension before the older fields", () => {
	const key = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
	const options = typed("upstreams.http.v3.HttpProtocolOptions", {
		explicit_http_config: { http2_protocol_options: { max_concurrent_streams: 7 } },
		common_http_protocol_options: { idle_timeout: "9s", max_requests_per_connection: 3 },
	});
	const { http } = clusterOf({ typed_extension_protocol_options: { [key]: options }, max_requests_per_connection: 5 });
	assert.equal(http.protocol, "http2");
	assert.equal(http.http2.maxConcurrentStreams, 7);
	assert.equal(http.common.idleTimeoutMs, 9000);
	assert.equal(http.common.maxRequestsPerConnection, 3);
	assert.equal(clusterOf({ http2_protocol_options: {} }).http.protocol, "http2");
});

test("the first supported load balancing policy wins over lb_policy", () => {
	const policy = (typed_config: unknown) => ({ typed_extension_config: { name: "p", typed_config } });
	const least = typed("load_balancing_policies.least_request.v3.LeastRequest", { choice_count: 5 });
	const unknown = { "@type": "type.googleapis.com/no.such.Policy" };
	const weights = typed("load_balancing_policies.client_side_weighted_round_robin.v3.ClientSideWeightedRoundRobin", {
		blackout_period: "3s",
	});
	const wrr = typed("load_balancing_policies.wrr_locality.v3.WrrLocality", {
		endpoint_picking_policy: { policies: [policy(unknown), policy(weights)] },
	});
	const cluster = clusterOf({
		lb_policy: "RANDOM",
		load_balancing_policy: { policies: [policy(unknown), policy(wrr)] },
	});
	assert.equal(cluster.balancer.kind, "client-side-weighted");
	assert.equal(cluster.balancer.kind === "client-side-weighted" && cluster.balancer.blackoutMs, 3000);
	assert.equal(cluster.commonBalancer.localityWeighted, true);
	const { balancer } = clusterOf({ lb_policy: "RANDOM", load_balancing_policy: { policies: [policy(least)] } });
	assert.equal(balancer.kind === "least-request" && balancer.choiceCount, 5);
});

test("endpoints keep what the assignment says of them", () => {
	const endpoints = [
		{
			locality: { region: "r", zone: "z" },
			priority: 1,
			load_balancing_weight: 3,
			lb_endpoints: [
				{
					health_status: "DRAINING",
					load_balancing_weight: 4,
					metadata: { filter_metadata: { "envoy.lb": { canary: true } } },
					endpoint: { address: socketAddress(81), hostname: "h", health_check_config: { port_value: 82 } },
				},
			],
		},
	];
	const { discovery } = clusterOf({
		load_assignment: { cluster_name: "c1", endpoints, policy: { overprovisioning_factor: 100 } },
	});
	assert.ok(discovery.kind === "static");
	assert.equal(discovery.assignment.overprovisioningFactor, 100);
	const [locality] = discovery.assignment.localities;
	assert.deepEqual(
		[locality?.priority, locality?.weight, locality?.locality],
		[1, 3, { region: "r", zone: "z", subZone: "" }],
	);
	assert.deepEqual(locality?.endpoints[0], {
		address: { kind: "socket", address: "127.0.0.1", port: 81, ipv4Compatible: false },
		hostname: "h",
		health: "draining",
		metadata: { "envoy.lb": { canary: true } },
		weight: 4,
		healthCheckPort: 82,
		healthCheckHostname: "",
		healthCheckDisabled: false,
	});
});

test("TLS contexts keep their secrets by name and source", () => {
	const ads = { ads: {}, resource_api_version: "V3" };
	const context = typed("transport_sockets.tls.v3.UpstreamTlsContext", {
		sni: "s",
		common_tls_context: {
			tls_params: { tls_minimum_protocol_version: "TLSv1_3" },
			tls_certificate_sds_secret_configs: [{ name: "default", sds_config: ads }],
			combined_validation_context: {
				default_validation_context: {
					match_typed_subject_alt_names: [{ san_type: "URI", matcher: { exact: "spiffe://td/a" } }],
				},
				validation_context_sds_secret_config: { name: "ROOTCA", sds_config: ads },
			},
		},
	});
	const { transportSocket } = clusterOf({ transport_socket: { name: "tls", typed_config: context } });
	assert.ok(transportSocket.kind === "tls");
	assert.equal(transportSocket.tls.minimumVersion, "TLSv1.3");
	assert.deepEqual(transportSocket.tls.certificates, [
		{ kind: "secret", name: "default", source: { kind: "ads", initialFetchTimeoutMs: 15_000 } },
	]);
	const { validation } = transportSocket.tls;
	assert.ok(validation.kind === "secret");
	assert.equal(validation.name, "ROOTCA");
	assert.equal(validation.defaults?.subjectAltNames[0]?.type, "uri");
});

test("an access log has Envoy's default format, with its line end", () => {
	const access_log = [
		{ name: "a", typed_config: typed("access_loggers.stream.v3.StdoutAccessLog") },
		{
			name: "b",
			filter: { status_code_filter: { comparison: { op: "GE", value: { default_value: 500, runtime_key: "k" } } } },
			typed_config: typed("access_loggers.file.v3.FileAccessLog", {
				path: "/tmp/x",
				log_format: { json_format: { code: "%RESPONSE_CODE%" } },
			}),
		},
	];
	const [first, second] = managerOf(translated({ manager: { access_log } })).accessLogs;
	assert.match(first?.formatter.format(makeStream()) ?? "", /^\[2024-05-06T07:08:09.123Z\] "- - HTTP\/1.1" 0 - .*\n$/);
	assert.equal(second?.formatter.format(makeStream()), '{"code":0}\n');
	assert.equal(second?.filter?.kind, "status-code");
});

test("per-route filter configs are known by their kind", () => {
	const routes = [
		{
			match: { prefix: "/" },
			route: { cluster: "c1" },
			typed_per_filter_config: {
				rbac: typed("filters.http.rbac.v3.RBACPerRoute"),
				off: { "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", disabled: true },
			},
		},
	];
	const manager = managerOf(
		translated({ manager: { route_config: { virtual_hosts: [{ name: "v", domains: ["*"], routes }] } } }),
	);
	assert.ok(manager.routes.kind === "inline");
	const configs = manager.routes.table.virtualHosts[0]?.routes[0]?.filterConfigs;
	assert.deepEqual(
		[...(configs ?? [])],
		[
			["rbac", { kind: "rbac", config: undefined }],
			["off", { kind: "disabled" }],
		],
	);
});

test("Istio's metrics filter comes as a typed struct", () => {
	const stats = {
		name: "istio.stats",
		typed_config: {
			"@type": "type.googleapis.com/udpa.type.v1.TypedStruct",
			type_url: "type.googleapis.com/stats.PluginConfig",
			value: { reporter: "destination" },
		},
	};
	const [filter] = managerOf(translated({ manager: { http_filters: [stats, routerFilter] } })).filters;
	assert.ok(filter?.kind === "istio-stats");
	assert.equal(filter.config.reporter, "destination");
	assert.deepEqual(filter.config.metrics, []);
});

test("an expression of Istio's metrics filter that cannot be read is a problem at its place", () => {
	const typed = (dimensions: object) => ({
		name: "istio.stats",
		typed_config: {
			"@type": "type.googleapis.com/udpa.type.v1.TypedStruct",
			type_url: "type.googleapis.com/stats.PluginConfig",
			value: { reporter: "source", metrics: [{ name: "requests_total", dimensions }] },
		},
	});
	const told = problemsOf({
		manager: { http_filters: [typed({ a: "request.host ==", b: "shout(request.host)" }), routerFilter] },
	});
	assert.match(
		told[0]!,
		/http_filters\[0\].*\.value\.metrics\[0\]\.dimensions\["?a"?\]: "request\.host ==" is no expression/,
	);
	assert.match(told[1]!, /dimensions\["?b"?\].*there is no function shout/);
});

test("what was translated cannot be changed", () => {
	const config = translated();
	assert.ok(Object.isFrozen(config.clusters[0]?.circuitBreakers.default));
	const parts: BootstrapParts = {
		top: {
			layered_runtime: {
				layers: [
					{ name: "s", static_layer: { a: 1 } },
					{ name: "a", admin_layer: {} },
				],
			},
		},
	};
	assert.deepEqual(translated(parts).runtimeLayers, [
		{ kind: "static", name: "s", values: { a: 1 } },
		{ kind: "admin", name: "a" },
	]);
});

test("an internal_address_config without ranges means the private ones", () => {
	const { internalAddresses } = managerOf(translated({ manager: { internal_address_config: {} } }));
	assert.equal(internalAddresses.ranges?.length, 6);
	assert.equal(managerOf(translated()).internalAddresses.ranges, undefined);
});
