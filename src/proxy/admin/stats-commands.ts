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
import { createStatsPage } from "./stats-page.ts";

const types: readonly StatsType[] = ["All", "Counters", "Histograms", "Gauges", "TextReadouts"];
const views = ["cumulative", "disjoint", "detailed", "summary"] as const satisfies HistogramView[];
const prometheusNative = "prometheusnative";

/** `/stats` and `/stats/prometheus`. */
export interface StatsCommands {
	stats(request: AdminRequest): AdminResponse;
	prometheus(request: AdminRequest): AdminResponse;
}

export function createStatsCommands(state: AdminState): StatsCommands {
	const formatter = createPrometheusFormatter(state.tagsOf);
	const prometheus = (request: AdminRequest): AdminResponse => {
		const mode = request.query.get("histogram_buckets") ?? "";
		if (mode === prometheusNative) {
			return text("unsupported prometheusnative histogram type when not using protobuf exposition format", 400);
		}
		const query = readStatsQuery(request.query);
		if ("status" in query) return query;
		if (mode === "disjoint" || mode === "detailed") return text("unsupported prometheus histogram bucket mode", 400);
		return text(
			formatter.pieces(state.registry, {
				...query,
				summaries: mode === "summary" || mode === "none",
				textReadouts: request.query.has("text_readouts"),
			}),
		);
	};
	return {
		prometheus,
		stats(request) {
			const format = request.query.get("format") ?? "text";
			if (format === "prometheus") return prometheus(request);
			const query = readStatsQuery(request.query);
			if ("status" in query) return query;
			if (request.query.get("histogram_buckets") === prometheusNative) {
				return text("Invalid histogram_buckets type for non prometheus stats type", 400);
			}
			switch (format) {
				case "text":
				case "":
					return { status: 200, contentType: textType, body: formatStatsText(state.registry, query) };
				case "json":
					return { status: 200, contentType: jsonType, body: formatStatsJson(state.registry, query) };
				case "html":
				case "active-html":
					return createStatsPage(state.registry, query, format === "active-html");
				default:
					return text("usage: /stats?format=(html|active-html|json|prometheus|text)\n\n", 400);
			}
		},
	};
}

function readStatsQuery(query: URLSearchParams): StatsQuery | AdminResponse {
	const type = query.get("type") || "All";
	if (!isOneOf(types, type)) return text("invalid &type= param", 400);
	const asked = query.get("histogram_buckets") || "summary";
	const view = asked === "none" ? "summary" : asked;
	if (!isOneOf([...views, prometheusNative], view)) {
		return text("usage: /stats?histogram_buckets=(cumulative|disjoint|detailed|summary|prometheusnative)\n", 400);
	}
	const hidden = query.get("hidden") ?? "";
	if (!["", "include", "only", "exclude"].includes(hidden)) {
		return text("usage: /stats?hidden=(include|only|exclude)\n\n", 400);
	}
	const filter = readPattern(query, "filter");
	if (filter !== undefined && "problem" in filter) return text(`Invalid re2 regex: ${filter.problem}`, 400);
	const common = {
		type: hidden === "only" ? ("None" as const) : type,
		histograms: view === prometheusNative ? "summary" : view,
		usedOnly: query.has("usedonly"),
		invertFilter: query.has("invert_filter"),
	};
	return filter === undefined ? common : { ...common, filter };
}

function isOneOf<T extends string>(values: readonly T[], value: string): value is T {
	return (values as readonly string[]).includes(value);
}

/** The recording of names that are looked up. Here every name is made once, so there is none to record. */
export function createRecentLookups(): { enable(isEnabled: boolean): void; describe(): string } {
	let isEnabled = false;
	return {
		enable(wanted) {
			isEnabled = wanted;
		},
		describe: () =>
			isEnabled
				? "   Count Lookup\n\ntotal: 0\n"
				: "Lookup tracking is not enabled. Use /stats/recentlookups/enable to enable.\n\ntotal: 0\n",
	};
}
