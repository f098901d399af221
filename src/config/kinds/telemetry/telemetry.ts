import type { AccessLoggingSettings, SpanTag, Telemetry, TracingSettings } from "../../../model/index.ts";
import { list, map } from "../../schema/collections.ts";
import { workloadSelector } from "../../schema/kubernetes.ts";
import { defaulted, object, optional, refused, required } from "../../schema/object.ts";
import { boolean, number, string } from "../../schema/scalars.ts";
import { refine, type Schema } from "../../schema/schema.ts";
import { defineKind } from "../kind.ts";
import { targetFields, toTargets } from "../policy-target.ts";
import { toSelector } from "../selector.ts";
import { both, mode, providers } from "./common.ts";
import { findExpressionProblem } from "./expression.ts";
import { metrics } from "./metrics.ts";

const match = optional(object({ mode }), "Which side it is for; both when absent");
const text = () => string({ maxLength: 1024 });
const fallback = defaulted(string({ minLength: 0, maxLength: 1024 }), "", "The value when there is none");

const customTag: Schema<SpanTag> = refine(
	object({
		literal: optional(object({ value: required(text(), "The value") }), "Always this value"),
		environment: optional(
			object({ name: required(text(), "Name of the variable"), defaultValue: fallback }),
			"A variable of the proxy's environment",
		),
		header: optional(
			object({ name: required(text(), "Name of the header"), defaultValue: fallback }),
			"A header of the request",
		),
		formatter: refused("no proxy here has it: use literal, environment or header"),
	}),
	({ literal, environment, header }, _node, reader): SpanTag | undefined => {
		if (literal !== undefined) return { kind: "literal", value: literal.value };
		if (environment !== undefined)
			return { kind: "environment", name: environment.name, fallback: environment.defaultValue };
		if (header !== undefined) return { kind: "header", name: header.name, fallback: header.defaultValue };
		return reader.refuse("must have one of literal, environment and header");
	},
);

const tracing: Schema<TracingSettings> = refine(
	object({
		match,
		providers,
		randomSamplingPercentage: optional(
			number({ min: 0, max: 100 }),
			"Share of requests traced when the client sent no trace context",
		),
		disableSpanReporting: optional(boolean(), "No spans"),
		customTags: optional(map(customTag, { format: "the name of a tag", pattern: /^.{1,256}$/ }), "Tags of every span"),
		enableIstioTags: refused("Istio's own tags are not written"),
		disableContextPropagation: refused("the context is always passed on"),
		useRequestIdForTraceSampling: refused("requests are sampled by their trace context"),
	}),
	(value): TracingSettings => ({
		mode: value.match?.mode ?? both,
		...(value.randomSamplingPercentage !== undefined && { samplingPercent: value.randomSamplingPercentage }),
		...(value.disableSpanReporting !== undefined && { disablesSpans: value.disableSpanReporting }),
		customTags: value.customTags ?? {},
	}),
);

const accessLogging: Schema<AccessLoggingSettings> = refine(
	object({
		match,
		providers,
		disabled: optional(boolean(), "No access log"),
		filter: optional(
			refine(
				object({
					expression: required(
						text(),
						"An expression (CEL) over the attributes of Envoy, such as `response.code >= 400`",
					),
				}),
				({ expression }, _node, reader) => {
					const problem = findExpressionProblem(expression, false);
					return problem === undefined ? expression : reader.field("expression").refuse(problem);
				},
			),
			"Which requests are logged; all when absent",
		),
	}),
	(value): AccessLoggingSettings => ({
		mode: value.match?.mode ?? both,
		...(value.disabled !== undefined && { isDisabled: value.disabled }),
		...(value.filter !== undefined && { filter: value.filter }),
	}),
);

/** `telemetry.istio.io/v1` Telemetry. */
export const telemetryKind = defineKind({
	name: "Telemetry",
	apiVersions: ["telemetry.istio.io/v1", "telemetry.istio.io/v1alpha1"],
	aliases: ["telemetries"],
	doc: "Which requests are traced, logged and counted. Objects for workloads win over those of their namespace, these over those of the root namespace, field by field.",
	example: `apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: { name: orders, namespace: shop }
spec:
  selector: { matchLabels: { app: orders } }
  tracing:
    - randomSamplingPercentage: 25
      customTags: { team: { literal: { value: checkout } } }
  accessLogging:
    - filter: { expression: response.code >= 400 }
`,
	naming: "subdomain",
	spec: object({
		selector: optional(
			workloadSelector(),
			"Workloads it is for; without it all of the namespace, and in the root namespace all of the mesh",
		),
		...targetFields,
		tracing: optional(list(tracing, { max: 16 }), "Spans"),
		accessLogging: optional(list(accessLogging, { max: 16 }), "The access log"),
		metrics: optional(list(metrics, { max: 16 }), "Istio's metrics, which amime's proxies count"),
	}),
	toModel: (value, context): Telemetry => {
		const selector = toSelector(value.selector);
		const targets = toTargets(value);
		return {
			namespace: context.namespace,
			name: context.name,
			...(selector !== undefined && { selector }),
			...(targets !== undefined && { targets }),
			tracing: value.tracing ?? [],
			accessLogging: value.accessLogging ?? [],
			metrics: (value.metrics ?? []).flatMap(({ overrides }) => overrides ?? []),
			createdAt: context.createdAt,
			source: context.source,
		};
	},
});
