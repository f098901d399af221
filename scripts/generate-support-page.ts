/** Writes docs/reference/envoy-support.md from the tables that decide which fields are taken. */
import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import type { DescMessage } from "@bufbuild/protobuf";
import { apiRegistry } from "../src/api/index.ts";
import { supportOf, supportTable } from "../src/proxy/runtime-config/index.ts";
import { deviations } from "./deviations.ts";

/** Where the page is. */
export const supportPagePath = resolve(import.meta.dirname, "../docs/reference/envoy-support.md");

/** Parts of the page by the beginning of a message's name; the first that fits. */
const parts: readonly (readonly [title: string, beginnings: readonly string[]])[] = [
	[
		"Bootstrap",
		["envoy.config.bootstrap.", "envoy.config.metrics.", "envoy.config.overload.", "envoy.extensions.stat_sinks."],
	],
	["Listeners", ["envoy.config.listener.", "envoy.extensions.filters.listener."]],
	[
		"HTTP connection manager",
		[
			"envoy.extensions.filters.network.http_connection_manager.",
			"envoy.extensions.http.",
			"envoy.extensions.request_id.",
		],
	],
	["Network filters", ["envoy.extensions.filters.network."]],
	[
		"Routes",
		["envoy.config.route.", "envoy.extensions.internal_redirect.", "envoy.extensions.retry.", "envoy.extensions.path."],
	],
	[
		"HTTP filters",
		[
			"envoy.extensions.filters.http.",
			"envoy.extensions.filters.common.",
			"envoy.extensions.compression.",
			"envoy.config.rbac.",
			"envoy.extensions.common.",
			"envoy.config.tap.",
			"envoy.config.common.matcher.",
			"envoy.admin.v3.TapRequest",
			"envoy.extensions.rbac.",
		],
	],
	[
		"Clusters",
		[
			"envoy.config.cluster.",
			"envoy.config.endpoint.",
			"envoy.extensions.clusters.",
			"envoy.extensions.load_balancing_policies.",
			"envoy.extensions.upstreams.",
			"envoy.extensions.health_check.",
			"envoy.extensions.network.",
			"amime.",
		],
	],
	["TLS and transport sockets", ["envoy.extensions.transport_sockets."]],
	[
		"Access logs and tracing",
		[
			"envoy.config.accesslog.",
			"envoy.extensions.access_loggers.",
			"envoy.config.trace.",
			"envoy.extensions.tracers.",
			"envoy.type.tracing.",
			"envoy.extensions.formatter.",
			"opentelemetry.",
		],
	],
	["Common", [""]],
];

/** The text of the page. */
export function formatSupportPage(): string {
	const messages = Object.keys(supportTable)
		.sort()
		.flatMap((name) => apiRegistry.getMessage(name) ?? []);
	const rest = new Set(messages);
	return [
		"# Envoy support",
		"",
		"<!-- Written by scripts/generate-support-page.ts from src/proxy/runtime-config/support-table-*.ts and scripts/deviations.ts; a test compares. -->",
		"",
		"Which fields of Envoy's API (v3, as of 1.40) the proxy takes. A message that is not listed is refused where it is used.",
		"",
		"- **works**: does what it does in Envoy.",
		"- **ignored**: accepted, without effect: tuning of machinery that is not there, documentation.",
		"- **refused**: a problem with the path of the field when it is set; the configuration is not used, and the last good one keeps serving.",
		"",
		"## Deliberate deviations",
		"",
		"| amime does | because |",
		"|---|---|",
		...deviations.map(({ what, why }) => `| ${what} | ${why} |`),
		"",
		...parts.flatMap(([title, beginnings]) => {
			const own = [...rest].filter(({ typeName }) => beginnings.some((beginning) => typeName.startsWith(beginning)));
			for (const message of own) rest.delete(message);
			return own.length === 0 ? [] : formatPart(title, own);
		}),
	].join("\n");
}

function formatPart(title: string, messages: readonly DescMessage[]): string[] {
	return [
		`## ${title}`,
		"",
		"| message | works | ignored | refused |",
		"|---|---|---|---|",
		...messages.map(formatRow),
		"",
	];
}

function formatRow(message: DescMessage): string {
	const fields = (support: ReturnType<typeof supportOf>): string =>
		message.fields
			.filter(({ name }) => supportOf(message.typeName, name) === support)
			.map(({ name }) => name)
			.join(", ");
	return `| \`${message.typeName}\` | ${fields("works")} | ${fields("ignored")} | ${fields("refused")} |`;
}

if (import.meta.main) writeFileSync(supportPagePath, formatSupportPage());
