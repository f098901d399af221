import { formatStatsText, type MetricsRegistry, type StatsQuery } from "../../telemetry/index.ts";
import { escapeHtml } from "./home-page.ts";
import type { AdminResponse } from "./request.ts";

/** `/stats?format=html`; the active one loads itself again. */
export function createStatsPage(registry: MetricsRegistry, query: StatsQuery, isActive: boolean): AdminResponse {
	const refresh = isActive ? "  <meta http-equiv='refresh' content='5'>\n" : "";
	const body =
		`<!DOCTYPE html>\n<html lang='en'>\n<head>\n  <title>amime admin</title>\n${refresh}</head>\n<body>\n` +
		`<pre>\n${escapeHtml(formatStatsText(registry, query))}</pre>\n</body>\n</html>\n`;
	return { status: 200, contentType: "text/html; charset=UTF-8", body };
}
