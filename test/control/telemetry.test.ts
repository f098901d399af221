/** Telemetry: which spans, logs and metrics a proxy has, by side, and which object decides. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { NodeSchema } from "../../src/api/gen/envoy/config/core/v3/base_pb.js";
import { parseDocuments } from "../../src/config/index.ts";
import { findExpressionProblem, proxyFunctions } from "../../src/config/kinds/telemetry/expression.ts";
import { createPatchedSource } from "../../src/control/envoy-filter/index.ts";
import { readExpressionText } from "../../src/proxy/runtime-config/expression.ts";
import { Scope } from "../../src/proxy/runtime-config/scope.ts";
import { listenerType } from "../../src/xds/server/index.ts";
import { application, nodeIdOf, parseObjects, simulateMesh } from "../support/control-mesh.ts";
import { listJson, validateWithEnvoy } from "../support/envoy-validate.ts";
import { findEnvoy, skipWithout } from "../support/peers.ts";

const documents = `${application("web")}---${application("reviews")}`;
const telemetry = (spec: string, name = "t", namespace = "shop"): string =>
	`---\napiVersion: telemetry.istio.io/v1\nkind: Telemetry\nmetadata: { name: ${name}, namespace: ${namespace} }\nspec: ${spec}\n`;

function desk(text: string, kind: "amime" | "envoy" = "amime") {
	const simulated = simulateMesh(parseObjects(documents + text));
	const source = createPatchedSource(simulated.store, () => simulated.store.index());
	const node = create(NodeSchema, { id: nodeIdOf(simulated.instance("web-0")), userAgentName: kind });
	const snapshot = source.get(node)!;
	const listeners = listJson(snapshot, listenerType);
	const of = (prefix: string): string =>
		JSON.stringify(listeners.filter(({ name }) => String(name).startsWith(prefix)));
	return { snapshot, inbound: of("inbound_"), outbound: of("http_proxy"), source, node };
}

const sampling = (text: string): string | undefined => /"randomSampling":\{"value":(\d+)\}/.exec(text)?.[1];

test("without an object nothing changes, and what does not change is the same", () => {
	const { inbound, snapshot, source, node } = desk("");
	assert.equal(sampling(inbound), "1");
	assert.match(inbound, /access_loggers\.stdout.*istio\.stats|istio\.stats.*access_loggers\.stdout/);
	assert.equal(source.get(node), snapshot);
});

test("a workload's object wins over its namespace's, that over the root namespace's, field by field", () => {
	const root = telemetry(
		"{ tracing: [{ randomSamplingPercentage: 10, customTags: { team: { literal: { value: root } } } }] }",
		"r",
		"amime-system",
	);
	const own = telemetry("{ tracing: [{ randomSamplingPercentage: 20 }] }");
	const workload = telemetry(
		"{ selector: { matchLabels: { app: web } }, tracing: [{ randomSamplingPercentage: 30 }] }",
		"w",
	);
	const other = telemetry(
		"{ selector: { matchLabels: { app: reviews } }, tracing: [{ randomSamplingPercentage: 40 }] }",
		"o",
	);
	assert.equal(sampling(desk(root).inbound), "10");
	assert.equal(sampling(desk(root + own).inbound), "20");
	assert.equal(sampling(desk(root + own + workload + other).inbound), "30");
	assert.match(desk(root + own + workload).inbound, /"tag":"team","literal":\{"value":"root"\}/);
});

test("a setting is for the side that it names", () => {
	const { inbound, outbound } = desk(
		telemetry("{ tracing: [{ match: { mode: SERVER }, randomSamplingPercentage: 50 }] }"),
	);
	assert.deepEqual([sampling(inbound), sampling(outbound)], ["50", "1"]);
	const silent = desk(telemetry("{ tracing: [{ disableSpanReporting: true }] }"));
	assert.match(silent.outbound, /"overallSampling":\{\}/);
});

test("logs are turned off, on again by a narrower object, and filtered by an expression", () => {
	const off = telemetry("{ accessLogging: [{ disabled: true }] }", "r", "amime-system");
	assert.doesNotMatch(desk(off).inbound, /"name":"envoy\.access_loggers\.stdout","typedConfig"/);
	const on = telemetry(
		"{ accessLogging: [{ filter: { expression: 'response.code >= 400 && response.code != 404' } }] }",
	);
	const { inbound } = desk(off + on);
	assert.match(
		inbound,
		/"filter":\{"extensionFilter":\{[^}]*"expression":"response\.code >= 400 && response\.code != 404"/,
	);
});

test("Istio's metrics are turned off for a side", () => {
	const { inbound, outbound } = desk(
		telemetry("{ metrics: [{ overrides: [{ match: { mode: CLIENT }, disabled: true }] }] }"),
	);
	assert.match(inbound, /istio\.stats/);
	assert.doesNotMatch(outbound, /istio\.stats/);
});

/** The changes of metrics in each filter of a listener, HTTP and TCP. */
function changesIn(text: string): unknown[] {
	const found: unknown[] = [];
	JSON.stringify(JSON.parse(text), (key, value) => {
		if (key === "value" && value?.reporter !== undefined) found.push(value.metrics);
		return value;
	});
	return found;
}

test("labels are added, changed and removed, metric by metric and side by side", () => {
	const { inbound, outbound } = desk(
		telemetry(`
  metrics:
    - overrides:
        - match: { metric: REQUEST_COUNT, mode: SERVER }
          tagOverrides: { request_host: { value: request.host }, response_code: { operation: REMOVE } }
        - match: { customMetric: istio_requests_total, mode: SERVER }
          tagOverrides: { a: { operation: UPSERT, value: "'b'" } }
        - match: { metric: REQUEST_SIZE, mode: CLIENT }
          disabled: true`),
	);
	assert.deepEqual(
		changesIn(inbound).find((metrics) => metrics !== undefined),
		[
			{
				name: "requests_total",
				dimensions: { a: "'b'", request_host: "request.host" },
				tags_to_remove: ["response_code"],
			},
		],
	);
	assert.deepEqual(
		new Set(changesIn(outbound).map((metrics) => JSON.stringify(metrics))),
		new Set(['[{"name":"request_bytes","drop":true}]']),
	);
});

test("a narrower object adds to a wider one's labels, and turns a metric on again only by saying so", () => {
	const root = telemetry(
		"{ metrics: [{ overrides: [{ disabled: true, tagOverrides: { a: { value: request.host } } }] }] }",
		"r",
		"amime-system",
	);
	const on = "{ match: { metric: REQUEST_COUNT }, disabled: false, tagOverrides: { b: { value: request.method } } }";
	const more = "{ match: { metric: REQUEST_DURATION }, tagOverrides: { b: { value: request.method } } }";
	assert.doesNotMatch(desk(root).inbound, /istio\.stats/);
	assert.doesNotMatch(desk(root + telemetry(`{ metrics: [{ overrides: [${more}] }] }`)).inbound, /istio\.stats/);
	const { inbound } = desk(root + telemetry(`{ metrics: [{ overrides: [${on}, ${more}] }] }`));
	assert.deepEqual(changesIn(inbound)[0], [
		{ name: "request_bytes", drop: true },
		{ name: "request_duration_milliseconds", drop: true },
		{ name: "requests_total", dimensions: { a: "request.host", b: "request.method" } },
		{ name: "response_bytes", drop: true },
	]);
});

test("what is wrong with an override is told at its place", () => {
	const problemsOf = (override: string): string[] =>
		parseDocuments(telemetry(`{ metrics: [{ overrides: [${override}] }] }`), "t.yaml").problems.map(
			({ path, problem }) => `${path}: ${problem}`,
		);
	const at = "spec.metrics[0].overrides[0]";
	assert.match(
		problemsOf("{ tagOverrides: { host: { value: 'request.host ==' } } }").join(),
		/^spec\.metrics\[0\]\.overrides\[0\]\.tagOverrides\.host\.value: 'request\.host ==' is no expression: /,
	);
	assert.deepEqual(problemsOf("{ tagOverrides: { host: {} } }"), [
		`${at}.tagOverrides.host: must have a value, or operation: REMOVE`,
	]);
	assert.deepEqual(problemsOf("{ tagOverrides: { host: { operation: REMOVE, value: request.host } } }"), [
		`${at}.tagOverrides.host.value: stands with operation UPSERT only: a label that is removed has none`,
	]);
	assert.deepEqual(problemsOf("{ match: { metric: REQUEST_COUNT, customMetric: requests_total } }"), [
		`${at}.match: has metric and customMetric: only one of them can be`,
	]);
	assert.deepEqual(problemsOf("{ match: { metric: GRPC_REQUEST_MESSAGES } }"), [
		`${at}.match.metric: no proxy here counts GRPC_REQUEST_MESSAGES`,
	]);
});

test("an expression is refused at its place exactly when a proxy would not take it", () => {
	const scope = (): Scope => new Scope("", [], {});
	const texts = [
		...Object.entries(proxyFunctions).flatMap(([name, [min, max]]) =>
			[min, max, max + 1].map((count) => `${name}(${Array(count).fill("'a'").join(", ")})`),
		),
		"string(1) + 'a'",
		"string(1, 2)",
		"shout(request.host)",
		"request.host.shout()",
		"[1, 2].exists(x, x == 1)",
		"[1].map(x, shout(x))",
		"has(request.headers) ? {'a': -1 % 2}['a'] : [1][0] * 2 / 3 - 4",
		"!(1 in [1]) && 1 < 2 || 1 >= 2",
		"{'a': [shout(1)]}",
		"request.path.matches('^/a(b|c)*$')",
		"request.path.matches('(')",
		"matches(request.path, 'a(?=b)')",
		"[request.path.matches('a{1001}')]",
		"request.path.matches(request.host)",
	];
	for (const joinsTexts of [true, false])
		for (const text of texts) {
			const at = scope();
			readExpressionText(text, at, joinsTexts);
			assert.equal(findExpressionProblem(text, joinsTexts) === undefined, at.problems.length === 0, text);
		}
	const { problems } = parseDocuments(
		telemetry("{ metrics: [{ overrides: [{ tagOverrides: { a: { value: shout(request.host) } } }] }] }"),
		"t.yaml",
	);
	assert.deepEqual(
		problems.map(({ path, problem }) => `${path}: ${problem}`),
		[
			"spec.metrics[0].overrides[0].tagOverrides.a.value: 'shout(request.host)' cannot be evaluated by proxies: there is no function shout",
		],
	);
});

test("Envoy takes it", { skip: skipWithout("Envoy", findEnvoy()) }, async () => {
	const text = telemetry(
		"{ tracing: [{ randomSamplingPercentage: 5, customTags: { a: { header: { name: x-a } }, b: { environment: { name: B } } } }], accessLogging: [{ filter: { expression: response.code > 499 || response.code == 404 } }] }",
	);
	await validateWithEnvoy(findEnvoy()!, desk(text, "envoy").snapshot);
});
