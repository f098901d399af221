/** Telemetry: which spans, logs and metrics a proxy has, by side, and which object decides. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { NodeSchema } from "../../src/api/gen/envoy/config/core/v3/base_pb.js";
import { createPatchedSource } from "../../src/control/envoy-filter/index.ts";
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

test("Envoy takes it", { skip: skipWithout("Envoy", findEnvoy()) }, async () => {
	const text = telemetry(
		"{ tracing: [{ randomSamplingPercentage: 5, customTags: { a: { header: { name: x-a } }, b: { environment: { name: B } } } }], accessLogging: [{ filter: { expression: response.code > 499 || response.code == 404 } }] }",
	);
	await validateWithEnvoy(findEnvoy()!, desk(text, "envoy").snapshot);
});
