/** Configurations of filters and scopes of routes over one aggregated stream, both ways of the protocol. */
import { managerFilter, routerFilter, socketAddress, typed } from "../support/bootstraps.ts";
import { compareWithEnvoy, type Side } from "../support/differential.ts";
import { eventually } from "../support/eventually.ts";
import { sendRequest } from "../support/http-call.ts";
import { type ManagementServer, type NamedJson, startManagementServer } from "../support/management-server.ts";
import type { ProxyProcess } from "../support/proxy-process.ts";
import { adsSource, makeAdsBootstrap } from "../support/xds-resources.ts";

interface World {
	readonly proxy: ProxyProcess;
	readonly management: ManagementServer;
}

/** Without what is undefined. */
const asResource = (json: object): NamedJson => JSON.parse(JSON.stringify(json)) as NamedJson;
const fault = (status: number): NamedJson =>
	asResource({
		name: "fault",
		typed_config: typed("filters.http.fault.v3.HTTPFault", {
			abort: { http_status: status, percentage: { numerator: 100 } },
		}),
	});
const routes = (name: string): NamedJson =>
	asResource({
		name,
		virtual_hosts: [
			{
				name: "v",
				domains: ["*"],
				routes: [{ match: { prefix: "/" }, direct_response: { status: 200, body: { inline_string: name } } }],
			},
		],
	});
const scope = (name: string, key: string, route_configuration_name: string): NamedJson =>
	asResource({ name, route_configuration_name, key: { fragments: [{ string_key: key }] } });
const listener = (name: string, fields: object): NamedJson =>
	asResource({
		name,
		address: socketAddress(0),
		filter_chains: [{ filters: [managerFilter({ stat_prefix: name, ...fields })] }],
	});

function makeStart(delta: boolean) {
	return async (side: Side): Promise<World> => {
		const type_urls = ["type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault"];
		const management = await startManagementServer(side, {
			clusters: [],
			listeners: [
				listener("filtered", {
					route_config: routes("inline"),
					http_filters: [{ name: "fault", config_discovery: { config_source: adsSource, type_urls } }, routerFilter],
				}),
				listener("scoped", {
					route_config: undefined,
					scoped_routes: {
						name: "scopes",
						scope_key_builder: { fragments: [{ header_value_extractor: { name: "x-tenant", index: 0 } }] },
						rds_config_source: adsSource,
						scoped_rds: { scoped_rds_config_source: adsSource },
					},
				}),
			],
			extensions: [fault(501)],
			scopes: [scope("one", "1", "first")],
			routes: [routes("first"), routes("second")],
		});
		return { management, proxy: await side.proxy(makeAdsBootstrap(management.port, delta)) };
	};
}

/** What a request is answered, once it is what it should become. */
async function settle({ proxy }: World, name: string, wanted: string, headers: Record<string, string> = {}) {
	return await eventually(async () => {
		const { status, body } = await sendRequest({ port: await proxy.port(name), path: "/", headers });
		const seen = `${status} ${body}`;
		if (seen !== wanted) throw new Error(`it is ${seen}`);
		return seen;
	});
}

const aborted = (status: number): string => `${status} fault filter abort`;

for (const [variant, delta] of [
	["state of the world", false],
	["delta", true],
] as const) {
	compareWithEnvoy(`filters and scopes over ADS, ${variant}`, {
		start: makeStart(delta),
		cases: {
			"the filter and the scopes come": {
				want: [aborted(501), "200 first", "404 "],
				see: async (world) => [
					await settle(world, "filtered", aborted(501)),
					await settle(world, "scoped", "200 first", { "x-tenant": "1" }),
					await settle(world, "scoped", "404 ", { "x-tenant": "2" }),
				],
			},
			"the filter changes": {
				want: aborted(503),
				see: async (world) => {
					world.management.set({ extensions: [fault(503)] });
					return await settle(world, "filtered", aborted(503));
				},
			},
			"scopes come and go": {
				want: ["200 second", "404 "],
				see: async (world) => {
					world.management.set({ scopes: [scope("two", "2", "second")] });
					return [
						await settle(world, "scoped", "200 second", { "x-tenant": "2" }),
						await settle(world, "scoped", "404 ", { "x-tenant": "1" }),
					];
				},
			},
		},
	});
}
