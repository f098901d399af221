import {
	type IstioMetricName,
	istioMetricNames,
	type LabelOverride,
	type MetricsSettings,
} from "../../../model/index.ts";
import { list, map } from "../../schema/collections.ts";
import { object, optional, refused } from "../../schema/object.ts";
import { boolean, oneOf, quote, string } from "../../schema/scalars.ts";
import { refine, type Schema } from "../../schema/schema.ts";
import { both, mode, providers } from "./common.ts";
import { findExpressionProblem } from "./expression.ts";

/** Istio's words for the metrics; undefined for those that amime's proxies do not count. */
const selectors = {
	ALL_METRICS: istioMetricNames,
	REQUEST_COUNT: ["requests_total"],
	REQUEST_DURATION: ["request_duration_milliseconds"],
	REQUEST_SIZE: ["request_bytes"],
	RESPONSE_SIZE: ["response_bytes"],
	TCP_OPENED_CONNECTIONS: ["tcp_connections_opened_total"],
	TCP_CLOSED_CONNECTIONS: ["tcp_connections_closed_total"],
	TCP_SENT_BYTES: ["tcp_sent_bytes_total"],
	TCP_RECEIVED_BYTES: ["tcp_received_bytes_total"],
	GRPC_REQUEST_MESSAGES: undefined,
	GRPC_RESPONSE_MESSAGES: undefined,
} satisfies Record<string, readonly IstioMetricName[] | undefined>;

const metric: Schema<readonly IstioMetricName[]> = refine(
	oneOf(Object.keys(selectors) as (keyof typeof selectors)[]),
	(value, _node, reader) => {
		const names = selectors[value];
		if (names === undefined) reader.warn(`no proxy here counts ${value}`);
		return names ?? [];
	},
);

const customMetric: Schema<readonly IstioMetricName[]> = refine(string({ maxLength: 253 }), (value, _node, reader) => {
	const name = value.replace(/^istio_/, "");
	const known = istioMetricNames.filter((one) => one === name);
	if (known.length === 0)
		reader.warn(`no proxy here counts ${quote(value)}: there are Istio's standard metrics, such as requests_total`);
	return known;
});

const match = refine(
	object({
		metric: optional(metric, "Which metrics; all when absent"),
		customMetric: optional(customMetric, "In place of `metric`: a metric by its name, such as `requests_total`"),
		mode,
	}),
	(value, _node, reader) =>
		value.metric !== undefined && value.customMetric !== undefined
			? reader.refuse("has metric and customMetric: only one of them can be")
			: { mode: value.mode, metrics: value.metric ?? value.customMetric ?? istioMetricNames },
);

const tagOverride: Schema<LabelOverride> = refine(
	object({
		operation: optional(oneOf(["UPSERT", "REMOVE"]), "`REMOVE` takes the label away; `UPSERT` when absent"),
		value: optional(
			string({ maxLength: 1024 }),
			"An expression (CEL) over the attributes of Envoy, such as `request.host`: the value of the label",
		),
	}),
	({ operation, value }, _node, reader): LabelOverride | undefined => {
		if (operation === "REMOVE")
			return value === undefined
				? { kind: "remove" }
				: reader.field("value").refuse("stands with operation UPSERT only: a label that is removed has none");
		if (value === undefined) return reader.refuse("must have a value, or operation: REMOVE");
		const problem = findExpressionProblem(value, true);
		return problem === undefined ? { kind: "value", expression: value } : reader.field("value").refuse(problem);
	},
);

const override: Schema<MetricsSettings> = refine(
	object({
		match: optional(match, "Which metrics, of which side"),
		disabled: optional(boolean(), "They are not counted; `false` where a wider object says `true`"),
		tagOverrides: optional(
			map(tagOverride, { format: "the name of a label", pattern: /^.{1,256}$/ }),
			"Labels that are added, changed or removed",
		),
	}),
	(value): MetricsSettings => ({
		mode: value.match?.mode ?? both,
		metrics: value.match?.metrics ?? istioMetricNames,
		...(value.disabled !== undefined && { isDisabled: value.disabled }),
		labels: value.tagOverrides ?? {},
	}),
);

/** One of `metrics`. */
export const metrics = object({
	providers,
	overrides: optional(list(override, { max: 64 }), "Changes, later ones win"),
	reportingInterval: refused("metrics are asked for"),
});
