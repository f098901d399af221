import assert from "node:assert/strict";
import { test } from "node:test";
import { createExampleBootstrap } from "../../../test/support/envoy-example.ts";
import { sendRequest } from "../../../test/support/http-call.ts";
import { findEnvoy, skipWithout } from "../../../test/support/peers.ts";
import { startEnvoy } from "../../../test/support/running-envoy.ts";
import { createPrometheusFormatter } from "./prometheus.ts";
import { createMetricsRegistry, type MetricsRegistry } from "./registry.ts";
import { formatStatsJson, formatStatsText } from "./stats-text.ts";
import { createTagExtractor } from "./tag-extraction.ts";

const skip = skipWithout("envoy", findEnvoy());

/** Names that Envoy makes of every rule that our example does not reach. */
const furtherNames = [
	"cluster.backend.ssl.ciphers.TLS_AES_256_GCM_SHA384",
	"cluster.backend.ssl.versions.TLSv1.3",
	"http.in.rds.a.route.name.update_attempt",
	"http.in.ext_authz.prefix.ok",
	"listener.[__1]_80.downstream_cx_total",
	"listener.127.0.0.1_80.worker_3.downstream_cx_active",
];

interface JsonStats {
	readonly stats: readonly { readonly name?: string; readonly value?: number | string }[];
}

test("a stock Envoy and we make the same Prometheus series of the same names", { skip }, async (t) => {
	const envoy = await startEnvoy(t, createExampleBootstrap());
	const web = await envoy.portOf("web");
	for (const path of ["/", "/vc", "/part", "/direct"]) await sendRequest({ port: web, path });
	const registry = createMetricsRegistry();
	const read = async (type: string): Promise<JsonStats["stats"]> =>
		(JSON.parse(await envoy.admin(`/stats?format=json&type=${type}`)) as JsonStats).stats;
	for (const { name } of await read("Counters")) registry.root.counter(name!);
	for (const { name } of await read("Gauges")) registry.root.gauge(name!);
	for (const line of (await envoy.admin("/stats?type=Histograms")).split("\n").filter((text) => text !== "")) {
		registry.root.histogram(line.slice(0, line.indexOf(": ")));
	}
	const ours = createPrometheusFormatter(createTagExtractor()).format(registry);
	const withoutValues = (text: string): string[] => text.split("\n").map((line) => line.replace(/ [-+0-9.e]+$/, ""));
	const theirs = await envoy.admin("/stats/prometheus");
	const [own, envoys] = [withoutValues(ours), withoutValues(theirs)];
	assert.deepEqual(
		{ missing: envoys.filter((line) => !own.includes(line)), extra: own.filter((line) => !envoys.includes(line)) },
		{ missing: [], extra: [] },
	);
	assert.ok(
		own.every((line, index) => line === envoys[index]),
		"and in the same order",
	);
});

test("names that only other configurations make are taken apart as Envoy's rules say", () => {
	const tagsOf = createTagExtractor();
	assert.deepEqual(furtherNames.map(tagsOf), [
		{
			name: "cluster.ssl.ciphers",
			tags: [
				["cipher_suite", "TLS_AES_256_GCM_SHA384"],
				["envoy.cluster_name", "backend"],
			],
		},
		{
			name: "cluster.ssl.versions",
			tags: [
				["envoy.ssl_version", "TLSv1.3"],
				["envoy.cluster_name", "backend"],
			],
		},
		{
			name: "http.rds.update_attempt",
			tags: [
				["envoy.rds_route_config", "a.route.name"],
				["envoy.http_conn_manager_prefix", "in"],
			],
		},
		{
			name: "http.ext_authz.ok",
			tags: [
				["envoy.ext_authz_prefix", "prefix"],
				["envoy.http_conn_manager_prefix", "in"],
			],
		},
		{ name: "listener.downstream_cx_total", tags: [["envoy.listener_address", "[__1]_80"]] },
		{
			name: "listener.worker_downstream_cx_active",
			tags: [
				["envoy.worker_id", "3"],
				["envoy.listener_address", "127.0.0.1_80"],
			],
		},
	]);
});

test("stats_tags of the bootstrap add tags, and replace Envoy's own rule of their name where they may", () => {
	const tagsOf = createTagExtractor({
		allowsOverrides: true,
		rules: [
			{ name: "mesh", regex: undefined, fixedValue: "shop" },
			{ name: "envoy.cluster_name", regex: /^cluster\.((.+?(\..+?\.svc\.cluster\.local)?)\.)/, fixedValue: undefined },
		],
	});
	assert.deepEqual(tagsOf("cluster.outbound|80|v1|reviews.shop.svc.cluster.local.upstream_rq_200"), {
		name: "cluster.upstream_rq",
		tags: [
			["envoy.response_code", "200"],
			["mesh", "shop"],
			["envoy.cluster_name", "outbound|80|v1|reviews.shop.svc.cluster.local"],
		],
	});
	assert.deepEqual(createTagExtractor({ useDefaultTags: false })("cluster.x.y"), { name: "cluster.x.y", tags: [] });
});

function createFilledRegistry(): MetricsRegistry {
	const registry = createMetricsRegistry();
	const cluster = registry.scope("cluster.backend");
	cluster.counter("upstream_rq_total").value = 3;
	cluster.gauge("membership_total").value = 1;
	cluster.text("version_text").value = "7";
	for (const value of [...new Array<number>(11).fill(0), 1, 32, 33, 41])
		cluster.histogram("upstream_rq_time").record(value);
	cluster.histogram("upstream_cx_length_ms");
	registry.flushHistograms();
	return registry;
}

test("/stats as text has the shape of a stock Envoy's", () => {
	const registry = createFilledRegistry();
	const quantiles =
		"P0(0,0) P25(0,0) P50(0,0) P75(1.05,1.05) P90(33.5,33.5) P95(41.5,41.5) P99(41.5,41.5) P99.5(41.5,41.5) P99.9(41.5,41.5) P100(41.5,41.5)";
	assert.equal(
		formatStatsText(registry),
		'cluster.backend.version_text: "7"\ncluster.backend.membership_total: 1\ncluster.backend.upstream_rq_total: 3\n' +
			`cluster.backend.upstream_cx_length_ms: No recorded values\ncluster.backend.upstream_rq_time: ${quantiles}\n`,
	);
	const filter = /rq_time/;
	assert.equal(
		formatStatsText(registry, { filter, histograms: "cumulative" }),
		"cluster.backend.upstream_rq_time: B0.5(11,11) B1(12,12) B5(12,12) B10(12,12) B25(12,12) B50(15,15) B100(15,15) B250(15,15) B500(15,15) B1000(15,15) B2500(15,15) B5000(15,15) B10000(15,15) B30000(15,15) B60000(15,15) B300000(15,15) B600000(15,15) B1.8e+06(15,15) B3.6e+06(15,15)\n",
	);
	assert.match(
		formatStatsText(registry, { filter, histograms: "disjoint" }),
		/: B0\.5\(11,11\) B1\(1,1\) B5\(0,0\) .* B50\(3,3\)/,
	);
	assert.equal(
		formatStatsText(registry, { filter, histograms: "detailed" }),
		`cluster.backend.upstream_rq_time:\n  totals=0,0:11, 1,0.1:1, 32,1:1, 33,1:1, 41,1:1\n  intervals=0,0:11, 1,0.1:1, 32,1:1, 33,1:1, 41,1:1\n  summary=${quantiles}\n`,
	);
	assert.equal(formatStatsText(registry, { type: "Gauges" }), "cluster.backend.membership_total: 1\n");
	assert.equal(formatStatsText(registry, { usedOnly: true, type: "Histograms", filter: /length/ }), "");
});

test("/stats as JSON has the shape of a stock Envoy's", () => {
	const json = JSON.parse(formatStatsJson(createFilledRegistry())) as {
		stats: [...unknown[], { histograms: { supported_quantiles: number[]; computed_quantiles: unknown[] } }];
	};
	assert.deepEqual(json.stats.slice(0, 3), [
		{ name: "cluster.backend.version_text", value: "7" },
		{ name: "cluster.backend.membership_total", value: 1 },
		{ name: "cluster.backend.upstream_rq_total", value: 3 },
	]);
	const { histograms } = json.stats[3] as {
		histograms: { supported_quantiles: number[]; computed_quantiles: unknown[] };
	};
	assert.deepEqual(histograms.supported_quantiles, [0, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 100]);
	assert.deepEqual(histograms.computed_quantiles[0], {
		name: "cluster.backend.upstream_cx_length_ms",
		values: new Array(10).fill({ cumulative: null, interval: null }),
	});
});
