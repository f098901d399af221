/** Time of one route decision as tables grow: `npm run bench -- routes`. */
import { performance } from "node:perf_hooks";
import { RouteConfigurationSchema } from "../../src/api/gen/envoy/config/route/v3/route_pb.js";
import { createRouteTable, type RouteTable } from "../../src/engine/router/index.ts";
import { parseMessage } from "../../src/proxy/bootstrap/index.ts";
import { translateRouteConfiguration } from "../../src/proxy/runtime-config/index.ts";
import { makeRequest, makeStream } from "../../test/support/streams.ts";

/** One measured table. */
export interface RouteLookupRow {
	readonly table: string;
	readonly nanoseconds: number;
}

/** Measures 10, 1,000 and 10,000 exact hosts, and 10 and 1,000 exact or prefix routes in one host. */
export function runRouteLookupBench(lookups = 300_000): RouteLookupRow[] {
	const rows: RouteLookupRow[] = [];
	for (const count of [10, 1000, 10_000]) {
		const hosts = Array.from({ length: count }, (_, number) => ({
			name: `h${number}`,
			domains: [`service-${number}.shop.test`],
			routes: [route({ prefix: "/" })],
		}));
		const table = compile(hosts);
		rows.push(measure(`${count} virtual hosts`, table, `service-${count - 1}.shop.test`, "/items/7", lookups));
	}
	for (const count of [10, 1000]) {
		for (const kind of ["prefix", "path"]) {
			const routes = Array.from({ length: count }, (_, number) => route({ [kind]: `/service-${number}/items` }));
			const table = compile([{ name: "v", domains: ["*"], routes }]);
			rows.push(measure(`${count} routes by ${kind}`, table, "a.test", `/service-${count - 1}/items`, lookups));
		}
	}
	return rows;
}

function route(match: Record<string, string>): Record<string, unknown> {
	return { match, direct_response: { status: 200 } };
}

function compile(virtualHosts: readonly unknown[]): RouteTable {
	const text = JSON.stringify({ name: "r", virtual_hosts: virtualHosts });
	const message = parseMessage(RouteConfigurationSchema, text, "json");
	const translated = message.ok ? translateRouteConfiguration(message.value) : message;
	if (!translated.ok) throw new Error(JSON.stringify(translated.problems));
	return createRouteTable(translated.value);
}

function measure(name: string, table: RouteTable, host: string, path: string, lookups: number): RouteLookupRow {
	const request = makeRequest(`GET ${path}`, `host: ${host}`);
	const stream = makeStream(request, {});
	const run = (count: number): number => {
		const start = performance.now();
		for (let lookup = 0; lookup < count; lookup++) {
			if (table.match(request, stream, 0.5) === undefined) throw new Error(`${name}: no route`);
		}
		return performance.now() - start;
	};
	run(lookups / 5);
	return { table: name, nanoseconds: Math.round((run(lookups) * 1e6) / lookups) };
}

/** The table, for people. */
export function formatRouteLookupBench(): string {
	const rows = runRouteLookupBench();
	return rows.map(({ table, nanoseconds }) => `${table.padEnd(26)} ${String(nanoseconds).padStart(6)} ns\n`).join("");
}
