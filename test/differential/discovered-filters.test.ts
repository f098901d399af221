/** Filters whose configuration comes from a file of its own, and scopes of routes, inline and from files. */
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { managerFilter, routerFilter, socketAddress, typed } from "../support/bootstraps.ts";
import { compareWithEnvoy, type Side } from "../support/differential.ts";
import { until } from "../support/eventually.ts";
import { sendRequest } from "../support/http-call.ts";
import type { ProxyProcess } from "../support/proxy-process.ts";

function put(side: Side, file: string, resources: readonly object[]): void {
	const path = join(side.folder, file);
	writeFileSync(`${path}.next`, JSON.stringify({ version_info: "1", resources }));
	renameSync(`${path}.next`, path);
}

const source = (side: Side, file: string) => ({
	resource_api_version: "V3",
	path_config_source: { path: join(side.folder, file) },
});
const fault = (http_status: number) =>
	typed("filters.http.fault.v3.HTTPFault", { abort: { http_status, percentage: { numerator: 100 } } });
const extension = (name: string, typed_config: object) => ({
	"@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
	name,
	typed_config,
});
const answer = (text: string) => ({
	match: { prefix: "/" },
	direct_response: { status: 200, body: { inline_string: text } },
});
const routes = (name: string, text = name) => ({
	name,
	virtual_hosts: [{ name: "v", domains: ["*"], routes: [answer(text)] }],
});
const scope = (name: string, key: string, fields: object) => ({
	"@type": "type.googleapis.com/envoy.config.route.v3.ScopedRouteConfiguration",
	name,
	key: { fragments: [{ string_key: key }] },
	...fields,
});

function discovered(side: Side, name: string, extra: object = {}) {
	const type_urls = ["type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault"];
	return { name, config_discovery: { config_source: source(side, `${name}.json`), type_urls, ...extra } };
}

const scopeKey = {
	fragments: [
		{ header_value_extractor: { name: "x-tenant", element_separator: ",", element: { key: "id", separator: "=" } } },
	],
};

async function start(side: Side): Promise<ProxyProcess> {
	put(side, "now.json", [extension("now", fault(501))]);
	put(side, "default.json", []);
	put(side, "absent.json", []);
	put(side, "scopes.json", [scope("one", "1", { route_configuration_name: "rds" })]);
	put(side, "rds.json", [
		{ "@type": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration", ...routes("rds") },
	]);
	const listener = (name: string, fields: object) => ({
		name,
		address: socketAddress(0),
		filter_chains: [{ filters: [managerFilter({ stat_prefix: name, ...fields })] }],
	});
	const filtered = (name: string, filter: object) =>
		listener(name, { route_config: routes(name), http_filters: [filter, routerFilter] });
	const inline = scope("inline", "1", { route_configuration: routes("inline") });
	const { "@type": _, ...scoped } = inline;
	return side.proxy({
		node: { id: "node", cluster: "cluster" },
		static_resources: {
			clusters: [],
			listeners: [
				filtered("now", discovered(side, "now")),
				filtered("default", discovered(side, "default", { default_config: fault(503) })),
				filtered("absent", discovered(side, "absent")),
				listener("inline", {
					route_config: undefined,
					scoped_routes: {
						name: "s",
						scope_key_builder: scopeKey,
						scoped_route_configurations_list: { scoped_route_configurations: [scoped] },
					},
				}),
				listener("srds", {
					route_config: undefined,
					scoped_routes: {
						name: "s",
						scope_key_builder: scopeKey,
						rds_config_source: source(side, "rds.json"),
						scoped_rds: { scoped_rds_config_source: source(side, "scopes.json") },
					},
				}),
			],
		},
	});
}

async function see(proxy: ProxyProcess, listener: string, headers: Record<string, string> = {}) {
	const { status, body } = await sendRequest({ port: await proxy.port(listener), path: "/", headers });
	return { status, body: body.toString() };
}

async function count(proxy: ProxyProcess, filter: string) {
	const { stats } = JSON.parse((await proxy.admin(`/stats?filter=${filter}&format=json`)).body) as {
		stats: readonly { name: string; value?: number }[];
	};
	const told = stats.filter(({ name, value }) => value !== undefined && !/time|version|duration/.test(name));
	return Object.fromEntries(told.map(({ name, value }) => [name, value]));
}

compareWithEnvoy("discovered filters and scopes", {
	start,
	cases: {
		"a filter comes from its file": { want: { status: 501 }, see: (proxy) => see(proxy, "now") },
		"without a file's word the default serves": { want: { status: 503 }, see: (proxy) => see(proxy, "default") },
		"without a default requests are refused": { want: { status: 500, body: "" }, see: (proxy) => see(proxy, "absent") },
		"a new version is for the next request": {
			want: { status: 502 },
			see: async (proxy, side) => {
				put(side, "now.json", [extension("now", fault(502))]);
				await until(async () => (await see(proxy, "now")).status === 502);
				return {
					...(await see(proxy, "now")),
					counts: await count(proxy, "extension_config_discovery.http_filter.now"),
				};
			},
		},
		"a filter of another type is refused": {
			want: { status: 502 },
			see: async (proxy, side) => {
				put(side, "now.json", [extension("now", typed("filters.http.buffer.v3.Buffer", { max_request_bytes: 5 }))]);
				const rejected = "extension_config_discovery.http_filter.now.update_rejected";
				await until(async () => (await count(proxy, rejected))[rejected] === 1);
				return {
					...(await see(proxy, "now")),
					counts: await count(proxy, "extension_config_discovery.http_filter.now"),
				};
			},
		},
		"a scope that is written in the listener": {
			want: [{ status: 200, body: "inline" }, { status: 404 }, { status: 404 }],
			see: async (proxy) => [
				await see(proxy, "inline", { "x-tenant": "a=2,id=1" }),
				await see(proxy, "inline", { "x-tenant": "id=2" }),
				await see(proxy, "inline"),
			],
		},
		"a scope that came over SRDS": {
			want: { known: { status: 200, body: "rds" }, other: { status: 404 } },
			see: async (proxy) => ({
				known: await see(proxy, "srds", { "x-tenant": "id=1" }),
				other: await see(proxy, "srds", { "x-tenant": "id=2" }),
				counts: await count(proxy, "scoped_rds"),
			}),
		},
		"scopes change": {
			want: { earlier: { status: 404 }, added: { status: 200, body: "added" } },
			see: async (proxy, side) => {
				put(side, "scopes.json", [scope("two", "2", { route_configuration: routes("added") })]);
				await until(async () => (await see(proxy, "srds", { "x-tenant": "id=2" })).status === 200);
				return {
					earlier: await see(proxy, "srds", { "x-tenant": "id=1" }),
					added: await see(proxy, "srds", { "x-tenant": "id=2" }),
				};
			},
		},
	},
});
