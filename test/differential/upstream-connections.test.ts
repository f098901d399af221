/** Where connections to upstreams come from, and how hosts are checked: source addresses, and what checks send. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { managerFilter, socketAddress } from "../support/bootstraps.ts";
import { plainCluster } from "../support/call-out-clusters.ts";
import { compareWithEnvoy, type Side } from "../support/differential.ts";
import { eventually } from "../support/eventually.ts";
import { findFreePort } from "../support/free-port.ts";
import { sendRequest } from "../support/http-call.ts";
import { startSeenBackend } from "../support/seen-backend.ts";

interface Check {
	readonly method: string;
	readonly path: string;
	readonly headers: readonly string[];
	readonly body: string;
}

/** A server that answers with the address it is called from, and keeps the health checks that it gets. */
async function startWitness(side: Side) {
	const checks: Check[] = [];
	const server = createServer((request, response) => {
		let body = "";
		request.setEncoding("latin1").on("data", (chunk: string) => (body += chunk));
		request.on("end", () => {
			const { method = "", url: path = "", rawHeaders: headers } = request;
			if (path.startsWith("/health")) checks.push({ method, path, headers, body });
			response.end(request.socket.remoteAddress);
		});
	});
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	side.after(() => {
		server.close();
		server.closeAllConnections();
	});
	return { port: (server.address() as AddressInfo).port, checks };
}

/** A cluster of one endpoint with two addresses. */
function severalAddresses(name: string, first: number, second: number) {
	const endpoint = { address: socketAddress(first), additional_addresses: [{ address: socketAddress(second) }] };
	const assignment = { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint }] }] };
	return { ...plainCluster(name, first), load_assignment: assignment };
}

async function start(side: Side) {
	const [witness, checked, dead] = await Promise.all([startWitness(side), startWitness(side), findFreePort()]);
	const backend = await startSeenBackend(side);
	const from = (address: string, more: object = {}) => ({
		upstream_bind_config: { source_address: { address, port_value: 0 }, ...more },
	});
	const check = (http: object) => ({
		timeout: "2s",
		interval: "0.2s",
		no_traffic_interval: "0.2s",
		unhealthy_threshold: 1,
		healthy_threshold: 1,
		http_health_check: { path: "/health", ...http },
	});
	const names = ["own", "by-version", "default", "elsewhere", "shared", "per-client", "several", "nowhere"];
	const routes = names.map((name) => ({ match: { prefix: `/${name}` }, route: { cluster: name } }));
	const proxy = await side.proxy({
		cluster_manager: from("127.0.0.5"),
		static_resources: {
			listeners: [
				{
					name: "l",
					address: socketAddress(0),
					filter_chains: [
						{
							filters: [
								managerFilter({ route_config: { name: "r", virtual_hosts: [{ name: "v", domains: ["*"], routes }] } }),
							],
						},
					],
				},
			],
			clusters: [
				{ ...plainCluster("own", witness.port), ...from("127.0.0.3") },
				{
					...plainCluster("by-version", witness.port),
					...from("::1", { extra_source_addresses: [{ address: { address: "127.0.0.4", port_value: 0 } }] }),
				},
				plainCluster("default", witness.port),
				plainCluster("shared", witness.port),
				{ ...plainCluster("per-client", witness.port), connection_pool_per_downstream_connection: true },
				severalAddresses("several", dead, witness.port),
				severalAddresses("nowhere", dead, dead),
				{
					...plainCluster("elsewhere", backend),
					load_assignment: {
						cluster_name: "elsewhere",
						endpoints: [
							{
								lb_endpoints: [
									{
										endpoint: {
											address: socketAddress(backend),
											health_check_config: { address: socketAddress(dead), port_value: checked.port },
										},
										metadata: { filter_metadata: { "envoy.lb": { version: "v1" } } },
									},
								],
							},
						],
					},
					health_checks: [
						check({
							method: "POST",
							send: { text: "616263" },
							host: "checked.test",
							request_headers_to_add: [
								{ header: { key: "x-version", value: '%UPSTREAM_METADATA(["envoy.lb", "version"])%' } },
								{ header: { key: "x-protocol", value: "%PROTOCOL%" } },
								{ header: { key: "user-agent", value: "more" } },
							],
						}),
					],
				},
			],
		},
	});
	return { port: await proxy.port("l"), proxy, checks: checked.checks };
}

type World = Awaited<ReturnType<typeof start>>;

/** Connections to an upstream after requests of two clients, one behind the other. */
const connectionsOf = (name: string, count: number) => ({
	want: count,
	async see({ port, proxy }: World) {
		for (let client = 0; client < 2; client++) await sendRequest({ port, path: `/${name}` });
		const { body } = await proxy.admin(`/stats?filter=^cluster.${name}.upstream_cx_total$`);
		return Number(body.split(": ")[1]);
	},
});

const origin = (name: string, address: string) => ({
	want: address,
	see: async ({ port }: World) => (await sendRequest({ port, path: `/${name}` })).body,
});

compareWithEnvoy("connections to upstreams", {
	start,
	cases: {
		"come from the cluster's address": origin("own", "127.0.0.3"),
		"come from the address of the host's IP version": origin("by-version", "127.0.0.4"),
		"come from the cluster manager's address otherwise": origin("default", "127.0.0.5"),
		"are shared by clients": connectionsOf("shared", 1),
		"are each client's own where the cluster says so": connectionsOf("per-client", 2),
		"are made to another address of the endpoint when the first is dead": origin("several", "127.0.0.5"),
		"and each address that was tried counts": connectionsOf("several", 2),
		"none is made when all of them are dead": {
			want: 503,
			see: async ({ port }: World) => (await sendRequest({ port, path: "/nowhere" })).status,
		},
		"a host is checked at another address, with a body and formatted headers": {
			want: { method: "POST", body: "abc" },
			async see({ checks }: World) {
				return eventually(() => {
					const { headers, ...check } = checks[0]!;
					const pairs = headers.flatMap((text, index) =>
						index % 2 === 0 ? [[text.toLowerCase(), headers[index + 1]!]] : [],
					);
					return { ...check, headers: pairs.sort(([left], [right]) => (left! < right! ? -1 : 1)) };
				});
			},
		},
		"and serves when the check passes": {
			want: 200,
			see: ({ port }: World) =>
				eventually(async () => {
					const { status } = await sendRequest({ port, path: "/elsewhere" });
					if (status !== 200) throw new Error(`answered with ${status}`);
					return status;
				}),
		},
	},
});
