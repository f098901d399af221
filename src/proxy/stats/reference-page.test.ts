import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createMetricsRegistry, type StatsScope } from "../../telemetry/index.ts";
import { httpLabelNames, tcpLabelNames } from "../filter/http/istio-stats/index.ts";
import * as stats from "./index.ts";

/** Every group of the catalogue. */
const groups: readonly ((scope: StatsScope) => unknown)[] = [
	stats.createCircuitBreakerStats,
	stats.createClusterManagerStats,
	stats.createControlPlaneStats,
	stats.createCompressorResponseStats,
	stats.createCompressorStats,
	stats.createCompositeStats,
	stats.createCorsStats,
	stats.createDecompressorStats,
	stats.createAdmissionControlStats,
	stats.createApiKeyAuthStats,
	stats.createBasicAuthStats,
	stats.createCredentialInjectorStats,
	stats.createCsrfStats,
	stats.createDnsStats,
	stats.createDownstreamHttpStats,
	stats.createEndpointSubscriptionStats,
	stats.createExtAuthzStats,
	stats.createJwtAuthnStats,
	stats.createReloadStats,
	stats.createSecretSubscriptionStats,
	stats.createExtProcStats,
	stats.createFaultStats,
	stats.createFilesystemStats,
	stats.createHandshakeStats,
	stats.createHeaderToMetadataStats,
	stats.createJsonToMetadataStats,
	stats.createBandwidthLimitStats,
	stats.createConnectionExtensionSubscriptionStats,
	stats.createExtensionSubscriptionStats,
	stats.createScopedRouteSubscriptionStats,
	stats.createHeapShrinkerStats,
	stats.createHealthCheckFilterStats,
	stats.createHealthCheckStats,
	stats.createHttp1CodecStats,
	stats.createHttp2CodecStats,
	stats.createListenerConnectionStats,
	stats.createListenerExtensionStats,
	stats.createListenerHttpStats,
	stats.createListenerManagerStats,
	stats.createListenerWorkerStats,
	stats.createLoadReporterStats,
	stats.createLocalRateLimitStats,
	stats.createOutlierDetectionStats,
	stats.createOverloadActionStats,
	stats.createOnDemandStats,
	stats.createOverloadStats,
	stats.createCodingErrorStats,
	(scope) => stats.createCodingErrorStats(scope, "brotli"),
	(scope) => stats.createCodingErrorStats(scope, "zstd"),
	stats.createResourceStats,
	stats.createShedPointStats,
	stats.createRbacStats,
	stats.createRemainingStats,
	stats.createTimeoutBudgetStats,
	stats.createMessageSizeStats,
	stats.createRouteSubscriptionStats,
	stats.createRouterStats,
	stats.createRuntimeStats,
	stats.createServerStats,
	stats.createSetMetadataStats,
	stats.createSocketFactoryStats,
	stats.createTapStats,
	stats.createStatefulSessionStats,
	stats.createSubscriptionStats,
	(scope) => stats.createTcpProxyStats(scope, "tp"),
	stats.createTlsInspectorStats,
	stats.createHttpInspectorStats,
	stats.createConnectionRateLimitStats,
	stats.createConnectionLimitStats,
	stats.createNetworkExtAuthzStats,
	stats.createNetworkRateLimitStats,
	stats.createTracingStats,
	stats.createUpstreamStats,
	stats.createVirtualClusterStats,
	stats.createHotRestartStats,
	stats.createWatchdogStats,
];

/** Makers of sets whose groups are listed above, or of names that vary. */
const composed = [
	"createBalancerStats",
	"createCheckedGauges",
	"createClusterStats",
	"createDnsCacheStats",
	"createEndpointHealth",
	"createEndpointStats",
	"createFaultSourceStats",
	"createHashTableGauges",
	"createHttpConnectionManagerStats",
	"createListenerStats",
	"createProxyProtocolStats",
	"createResponseCodeStats",
	"createTlsStats",
];

const kinds = { counter: "counter", gauge: "gauge", histogram: "histogram", text: "text" } as const;

function namesOf(group: (scope: StatsScope) => unknown): string[] {
	const registry = createMetricsRegistry();
	group(registry.root);
	return [...registry.counters(), ...registry.gauges(), ...registry.histograms(), ...registry.texts()]
		.map(({ name, kind }) => `${name.replace(/^tcp\.tp\./, "")} ${kinds[kind]}`)
		.sort();
}

test("docs/reference/metrics.md lists every statistic of the catalogue with its kind, and no other", () => {
	const page = readFileSync(join(import.meta.dirname, "../../../docs/reference/metrics.md"), "utf8");
	const sections = page
		.split("\n## ")
		.map((section) => [...section.matchAll(/^\| `([^`]+)` \| (counter|gauge|histogram|text) \| (.+) \|$/gm)])
		.map((rows) =>
			rows
				.map(([, name, kind]) => `${name} ${kind}`)
				.sort()
				.join("\n"),
		);
	const missing = groups.map((group) => namesOf(group).join("\n")).filter((names) => !sections.includes(names));
	assert.deepEqual(missing, [], "no section of the page has exactly these names");
	const known = new Set(groups.flatMap(namesOf));
	const others = sections.flatMap((names) => names.split("\n")).filter((name) => name !== "" && !known.has(name));
	assert.deepEqual(
		others.filter((name) => !/^(istio_|upstream_rq_(<code>|<class>xx|completed|time) )/.test(name)),
		[],
		"nothing counts these",
	);
	for (const label of new Set([...httpLabelNames, ...tcpLabelNames]))
		assert.ok(page.includes(`| \`${label}\` |`), label);
});

test("every maker of the catalogue is in the list of this test", () => {
	const makers = Object.keys(stats).filter((name) => name.startsWith("create"));
	const listed = groups.map((group) => group.name || "createTcpProxyStats");
	assert.deepEqual(
		makers.filter((name) => !listed.includes(name) && !composed.includes(name)),
		[],
	);
});
