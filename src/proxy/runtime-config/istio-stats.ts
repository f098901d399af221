import type { TypedStruct } from "../../api/gen/xds/type/v3/typed_struct_pb.js";
import { readExpressionText } from "./expression.ts";
import type { IstioMetricChange, IstioStatsConfig } from "./http-filter-config.ts";
import type { Scope } from "./scope.ts";

/** Reads Istio's metrics filter of either kind; undefined when the struct is another extension's. */
export function readIstioStats(config: TypedStruct, scope: Scope): IstioStatsConfig | undefined {
	if (config.typeUrl !== "type.googleapis.com/stats.PluginConfig") return undefined;
	const value = config.value ?? {};
	const { reporter, metrics, definitions } = value;
	if (Array.isArray(definitions) && definitions.length > 0)
		scope.at("value").at("definitions").report("metrics of one's own are not supported");
	const known = ["source", "destination", "SERVER_GATEWAY", "UNSPECIFIED"];
	if (reporter !== undefined && !known.includes(String(reporter)))
		scope.at("value").at("reporter").report(`must be source or destination, not ${reporter}`);
	return {
		reporter: reporter === "destination" ? "destination" : "source",
		disableHostHeaderFallback: value["disable_host_header_fallback"] === true,
		metrics: (Array.isArray(metrics) ? metrics : []).map((metric, index) =>
			readChange(fieldsOf(metric), scope.at("value").at("metrics", index)),
		),
	};
}

function readChange(metric: Readonly<Record<string, unknown>>, scope: Scope): IstioMetricChange {
	const removed = metric["tags_to_remove"];
	return {
		name: textOf(metric["name"]),
		dimensions: Object.entries(fieldsOf(metric["dimensions"]))
			.sort(([a], [b]) => (a < b ? -1 : 1))
			.map(
				([label, value]) => [label, readExpressionText(textOf(value), scope.at("dimensions", label), true)] as const,
			),
		tagsToRemove: (Array.isArray(removed) ? removed : []).map(textOf),
		drop: metric["drop"] === true,
	};
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
	return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

function textOf(value: unknown): string {
	return typeof value === "string" ? value : "";
}
