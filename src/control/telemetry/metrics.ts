import { create, fromBinary, type JsonObject, toBinary } from "@bufbuild/protobuf";
import { TypedStructSchema } from "../../api/gen/udpa/type/v1/typed_struct_pb.js";
import { type IstioMetricName, istioMetricNames } from "../../model/index.ts";
import type { MetricChange, SideTelemetry } from "./resolve.ts";

/** Name of the filter that counts Istio's metrics. */
export const metricsFilter = "istio.stats";

export const tcpMetrics: readonly IstioMetricName[] = istioMetricNames.filter((name) => name.startsWith("tcp_"));
export const httpMetrics: readonly IstioMetricName[] = istioMetricNames.filter((name) => !name.startsWith("tcp_"));

/** The config of a filter that counts these metrics, with the changes of a side as Istio writes them; undefined when it counts none. */
export function changeMetrics(
	config: Uint8Array,
	names: readonly IstioMetricName[],
	{ metrics: changes }: Pick<SideTelemetry, "metrics">,
): Uint8Array | undefined {
	if (names.every((name) => changes?.get(name)?.isDisabled === true)) return undefined;
	const metrics = names.flatMap((name) => {
		const change = changes?.get(name);
		return change === undefined ? [] : toMetricConfig(name, change);
	});
	if (metrics.length === 0) return config;
	const struct = fromBinary(TypedStructSchema, config);
	return toBinary(TypedStructSchema, create(TypedStructSchema, { ...struct, value: { ...struct.value, metrics } }));
}

/** A `stats.MetricConfig`; none for what changes nothing. */
function toMetricConfig(name: IstioMetricName, { isDisabled, labels }: MetricChange): JsonObject[] {
	if (isDisabled) return [{ name, drop: true }];
	const sorted = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
	const dimensions = sorted.flatMap(([label, to]) => (to.kind === "value" ? [[label, to.expression] as const] : []));
	const removed = sorted.flatMap(([label, { kind }]) => (kind === "remove" ? [label] : []));
	if (dimensions.length === 0 && removed.length === 0) return [];
	return [
		{
			name,
			...(dimensions.length > 0 && { dimensions: Object.fromEntries(dimensions) }),
			...(removed.length > 0 && { tags_to_remove: removed }),
		},
	];
}
