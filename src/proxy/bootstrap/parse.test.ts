import assert from "node:assert/strict";
import { test } from "node:test";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { ClusterSchema } from "../../api/gen/envoy/config/cluster/v3/cluster_pb.js";
import type { HttpConnectionManager } from "../../api/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { apiRegistry } from "../../api/index.ts";
import { parseBootstrap, parseMessage, parseYaml } from "./index.ts";

function problemsOf(text: string): readonly string[] {
	const parsed = parseBootstrap(text);
	return parsed.ok ? [] : parsed.problems.map(({ path, problem }) => `${path}: ${problem}`);
}

test("field names may be snake_case or camelCase, enums names or numbers", () => {
	const snake = parseMessage(ClusterSchema, "{name: a, connect_timeout: 1.5s, lb_policy: RANDOM, type: 1}");
	const camel = parseMessage(
		ClusterSchema,
		'{"name":"a","connectTimeout":"1.5s","lbPolicy":3,"type":"STRICT_DNS"}',
		"json",
	);
	assert.ok(snake.ok && camel.ok);
	assert.deepEqual(snake.value, camel.value);
	assert.equal(snake.value.connectTimeout?.nanos, 500_000_000);
});

test("enum names may be in any case, numbers and booleans may be text", () => {
	const loose = parseMessage(
		ClusterSchema,
		"{name: a, lb_policy: random, type: '1', per_connection_buffer_limit_bytes: 1.0, ignore_health_on_host_removal: 'true'}",
	);
	const strict = parseMessage(
		ClusterSchema,
		"{name: a, lb_policy: RANDOM, type: STRICT_DNS, per_connection_buffer_limit_bytes: 1, ignore_health_on_host_removal: true}",
	);
	assert.ok(loose.ok && strict.ok);
	assert.deepEqual(loose.value, strict.value);
	assert.deepEqual(
		problemsOf("{static_resources: {clusters: [{per_connection_buffer_limit_bytes: 1.5, lb_policy: RANDO}]}}"),
		[
			'static_resources.clusters[0].per_connection_buffer_limit_bytes: must be an integer, not "1.5"',
			'static_resources.clusters[0].lb_policy: "RANDO" is none of ROUND_ROBIN, LEAST_REQUEST, RING_HASH, RANDOM, MAGLEV, CLUSTER_PROVIDED, LOAD_BALANCING_POLICY_CONFIG',
		],
	);
});

test("plain scalars of YAML are what Envoy takes them for", () => {
	const read = (text: string): unknown => {
		const parsed = parseYaml(text);
		assert.ok(parsed.ok);
		return parsed.value;
	};
	assert.deepEqual(read("[y, Yes, ON, true, n, No, off, FALSE]"), [true, true, true, true, false, false, false, false]);
	assert.deepEqual(read("[yES, 'yes', \"on\"]"), ["yES", "yes", "on"]);
	assert.deepEqual(read("[7, -7, +7, 0x1f, 0644, 08, 4294967296]"), [7, -7, 7, 31, 420, "08", "4294967296"]);
	assert.deepEqual(read("[1.5, 1e3, 1_000, .inf, 2026-01-01]"), ["1.5", "1e3", "1_000", ".inf", "2026-01-01"]);
	assert.deepEqual(read("a: &x {b: ~}\nc: {<<: *x, d: }"), { a: { b: null }, c: { b: null, d: null } });
});

test("wrappers are plain values, 64-bit numbers may be text", () => {
	const parsed = parseMessage(
		ClusterSchema,
		"{per_connection_buffer_limit_bytes: 7, ring_hash_lb_config: {minimum_ring_size: '9'}}",
	);
	assert.ok(parsed.ok);
	assert.equal(parsed.value.perConnectionBufferLimitBytes, 7);
	assert.ok(parsed.value.lbConfig.case === "ringHashLbConfig");
	assert.equal(parsed.value.lbConfig.value.minimumRingSize, 9n);
});

test("structs are kept as they are, null leaves a field unset", () => {
	const parsed = parseMessage(ClusterSchema, "{name: null, metadata: {filter_metadata: {a: {b: [1, {c: null}]}}}}");
	assert.ok(parsed.ok);
	assert.equal(parsed.value.name, "");
	assert.deepEqual(parsed.value.metadata?.filterMetadata, { a: { b: [1, { c: null }] } });
});

test("extensions are read by their @type, an unknown one is kept by its name", () => {
	const text = `
static_resources:
  listeners:
  - filter_chains:
    - filters:
      - name: hcm
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: in
          http_filters:
          - name: odd
            typed_config: {"@type": type.googleapis.com/no.such.Filter, anything: 1}
`;
	const parsed = parseBootstrap(text);
	assert.ok(parsed.ok, parsed.ok ? "" : JSON.stringify(parsed.problems));
	const config = parsed.value.staticResources?.listeners[0]?.filterChains[0]?.filters[0]?.configType;
	assert.ok(config?.case === "typedConfig");
	const manager = anyUnpack(config.value, apiRegistry) as HttpConnectionManager;
	assert.equal(manager.statPrefix, "in");
	const odd = manager.httpFilters[0]?.configType;
	assert.equal(odd?.case === "typedConfig" && odd.value.typeUrl, "type.googleapis.com/no.such.Filter");
});

test("every unknown field and wrong type is reported with its path", () => {
	const text = `
admin: {address: {socket_adress: {}}}
static_resources:
  clusters:
  - name: [a]
    connect_timeout: soon
    lb_policy: FASTEST
    type: STATIC
    cluster_type: {name: x}
  - {name: b, circuit_breakers: {thresholds: [{max_connections: -1, max_requests: many}]}}
  listeners: 7
  odd: 1
`;
	assert.deepEqual(problemsOf(text), [
		"admin.address.socket_adress: unknown field of envoy.config.core.v3.Address, did you mean socket_address",
		"static_resources.clusters[0].name: must be a text, not a list",
		'static_resources.clusters[0].connect_timeout: "soon" is no duration, such as 1.5s',
		'static_resources.clusters[0].lb_policy: "FASTEST" is none of ROUND_ROBIN, LEAST_REQUEST, RING_HASH, RANDOM, MAGLEV, CLUSTER_PROVIDED, LOAD_BALANCING_POLICY_CONFIG',
		"static_resources.clusters[0].cluster_type: type is set as well, only one of them may be",
		"static_resources.clusters[1].circuit_breakers.thresholds[0].max_connections: -1 is out of range, it must lie in [0, 4294967295]",
		'static_resources.clusters[1].circuit_breakers.thresholds[0].max_requests: must be an integer, not "many"',
		"static_resources.listeners: must be an object, not 7",
		"static_resources.odd: unknown field of envoy.config.bootstrap.v3.Bootstrap.StaticResources",
	]);
});

test("what stands alone where a list belongs is a list of one, as for Envoy", () => {
	const parsed = parseBootstrap("static_resources: {clusters: {name: a}}");
	assert.ok(parsed.ok);
	assert.deepEqual(
		parsed.value.staticResources?.clusters.map(({ name }) => name),
		["a"],
	);
});

test("a text that is no YAML is refused with its line", () => {
	const [problem] = problemsOf("a: 1\nb: [1\n");
	assert.match(problem ?? "", /^: no YAML: .* at line [23], column \d+$/);
	assert.equal(problemsOf("a: 1\na: 2").length, 1);
	assert.deepEqual(problemsOf("a: 1\n---\nb: 2\n"), [
		": is several documents ('---' before line 2): a bootstrap is one; 'amime up' runs a folder of mesh config",
	]);
	assert.equal(parseBootstrap("{", "json").ok, false);
	assert.equal(parseBootstrap("[]").ok, false);
});

test("an empty file is no bootstrap, as for Envoy", () => {
	assert.deepEqual(parseBootstrap(""), { ok: false, problems: [{ path: "", problem: "is empty" }] });
});
