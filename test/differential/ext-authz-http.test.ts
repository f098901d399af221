/** ext_authz that asks a service over HTTP: what of a refusal becomes metadata, and which fields a route's own service sees. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { managerFilter, routerFilter, socketAddress, staticCluster, typed } from "../support/bootstraps.ts";
import { compareWithEnvoy, type Side } from "../support/differential.ts";
import { sendRequest } from "../support/http-call.ts";
import type { ProxyProcess } from "../support/proxy-process.ts";

const exact = (...names: string[]) => ({ patterns: names.map((name) => ({ exact: name })) });
const service = (...allowed: string[]) => ({
	server_uri: { uri: "http://authorization.test", cluster: "authorization", timeout: "5s" },
	authorization_request: { allowed_headers: exact(...allowed) },
	authorization_response: { dynamic_metadata_from_headers: exact("x-reason") },
});

/** Refuses everything, and says which fields of the client it saw. */
async function startService(side: Side): Promise<number> {
	const server = createServer((request, response) => {
		const seen = Object.keys(request.headers).filter((name) => name.startsWith("x-of-"));
		response.writeHead(403, { "x-reason": "because", "x-seen": seen.sort().join(" ") }).end("no");
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	side.after(() => server.close().closeAllConnections());
	return (server.address() as AddressInfo).port;
}

async function start(side: Side): Promise<ProxyProcess> {
	const endpoint = { address: socketAddress(await startService(side)) };
	const own = { check_settings: { http_service: service("x-of-route") } };
	const routes = [
		{
			match: { prefix: "/own" },
			route: { cluster: "authorization" },
			typed_per_filter_config: { authz: typed("filters.http.ext_authz.v3.ExtAuthzPerRoute", own) },
		},
		{ match: { prefix: "/" }, route: { cluster: "authorization" } },
	];
	const why = { key: "x-why", value: "%DYNAMIC_METADATA(envoy.filters.http.ext_authz:x-reason)%" };
	const manager = managerFilter({
		http_filters: [
			{
				name: "authz",
				typed_config: typed("filters.http.ext_authz.v3.ExtAuthz", { http_service: service("x-of-filter") }),
			},
			routerFilter,
		],
		route_config: {
			name: "r",
			virtual_hosts: [{ name: "v", domains: ["*"], routes, response_headers_to_add: [{ header: why }] }],
		},
	});
	return side.proxy({
		static_resources: {
			listeners: [{ name: "l", address: socketAddress(0), filter_chains: [{ filters: [manager] }] }],
			clusters: [
				staticCluster("authorization", {
					load_assignment: { cluster_name: "authorization", endpoints: [{ lb_endpoints: [{ endpoint }] }] },
				}),
			],
		},
	});
}

async function ask(proxy: ProxyProcess, path: string) {
	const headers = { "x-of-filter": "1", "x-of-route": "1", "x-of-nobody": "1" };
	const { status, headers: fields, body } = await sendRequest({ port: await proxy.port("l"), path, headers });
	return { status, body, seen: fields["x-seen"], why: fields["x-why"] };
}

compareWithEnvoy("ext_authz over HTTP", {
	start,
	cases: {
		"a refusal leaves metadata too": {
			want: { status: 403, seen: "x-of-filter", why: "because" },
			see: (proxy) => ask(proxy, "/"),
		},
		"the service of a route sees what the filter lets through": {
			want: { status: 403, seen: "x-of-filter" },
			see: (proxy) => ask(proxy, "/own"),
		},
	},
});
