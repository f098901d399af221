import {
	createPrometheusFormatter,
	formatStatsJson,
	formatStatsText,
	type HistogramView,
	type StatsQuery,
	type StatsType,
} from "../../telemetry/index.ts";
import type { AdminState } from "./admin-state.ts";
import { type AdminRequest, type AdminResponse, jsonType, readPattern, text, textType } from "./request.ts";

const types: readonly StatsType[] = ["All", "Counters", "Histograms", "Gauges", "TextReadouts"];
const views: readonly HistogramView[] = ["cumulative", "disjoint", "detailed", "summary"];

/** `/stats` and `/stats/prometheus`. */
export interface StatsCommands {
	stats(request: AdminRequest): AdminResponse;
	prometheus(request: AdminRequest): AdminResponse;
}

export function createStatsCommands(state: AdminState): StatsCommands {
	const formatter = createPrometheusFormatter(state.tagsOf);
	const prometheus = (request: AdminRequest): AdminResponse => {
		const query = readStatsQuery(request.query);
		if ("status" in query) return query;
		return text(formatter.pieces(state.registry, query));
	};
	return {
		prometheus,
		stats(request) {
			const query = readStatsQuery(request.query);
			if ("status" in query) return query;
			const format = request.query.get("format") ?? "text";
			switch (format) {
				case "text":
				case "":
					return { status: 200, contentType: textType, body: formatStatsText(state.registry, query) };
				case "json":
					return { status: 200, contentType: jsonType, body: formatStatsJson(state.registry, query) };
				case "prometheus":
					return prometheus(request);
				default:
					return text("usage: /stats?format=(json|prometheus|text)\n\n", 400);
			}
		},
	};
}

function readStatsQuery(query: URLSearchParams): StatsQuery | AdminResponse {
	const type = query.get("type") ?? "All";
	if (!isOneOf(types, type)) return text("invalid &type= param", 400);
	const histograms = query.get("histogram_buckets") ?? "summary";
	const view = histograms === "" ? "summary" : histograms;
	if (!isOneOf(views, view)) {
		return text("usage: /stats?histogram_buckets=(cumulative|disjoint|detailed|summary)\n", 400);
	}
	const hidden = query.get("hidden") ?? "";
	if (!["", "include", "only", "exclude"].includes(hidden)) {
		return text("usage: /stats?hidden=(include|only|exclude)\n\n", 400);
	}
	const filter = readPattern(query, "filter");
	if (filter !== undefined && "status" in filter) return filter;
	const common = { type, histograms: view, usedOnly: query.has("usedonly"), invertFilter: query.has("invert_filter") };
	return filter === undefined ? common : { ...common, filter };
}

function isOneOf<T extends string>(values: readonly T[], value: string): value is T {
	return (values as readonly string[]).includes(value);
}
