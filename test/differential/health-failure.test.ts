/** What becomes of connections to a host whose health check fails, with `close_connections_on_host_health_failure` and without it. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type AddressInfo, connect, createServer as createTcpServer, type Server } from "node:net";
import { managerFilter, socketAddress, typed } from "../support/bootstraps.ts";
import { compareWithEnvoy, type Side } from "../support/differential.ts";
import { until } from "../support/eventually.ts";
import { sendRequest } from "../support/http-call.ts";

const quick = "0.1s";

async function listen(side: Side, server: Server): Promise<number> {
	side.after(() => server.close());
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	return (server.address() as AddressInfo).port;
}

async function start(side: Side) {
	const backend = { isWell: true };
	const answer = (request: IncomingMessage, response: ServerResponse): void => {
		if (request.url === "/health") response.writeHead(backend.isWell ? 200 : 503).end();
		else setTimeout(() => response.end("late"), 800);
	};
	const http = createServer(answer);
	side.after(() => http.closeAllConnections());
	const echo = createTcpServer((socket) => {
		side.after(() => socket.destroy());
		socket.on("error", () => undefined).pipe(socket);
	});
	const [port, tcpPort] = await Promise.all([listen(side, http), listen(side, echo)]);
	const cluster = (name: string, to: number, closes: boolean): object => ({
		name,
		close_connections_on_host_health_failure: closes,
		common_lb_config: { healthy_panic_threshold: { value: 0 } },
		health_checks: [
			{
				timeout: "1s",
				interval: quick,
				no_traffic_interval: quick,
				unhealthy_threshold: 1,
				healthy_threshold: 1,
				http_health_check: { path: "/health" },
			},
		],
		load_assignment: {
			cluster_name: name,
			endpoints: [
				{ lb_endpoints: [{ endpoint: { address: socketAddress(to), health_check_config: { port_value: port } } }] },
			],
		},
	});
	const listener = (name: string, filter: object): object => ({
		name,
		address: socketAddress(0),
		filter_chains: [{ filters: [filter] }],
	});
	const tcp = (name: string): object => ({
		name: "tcp",
		typed_config: typed("filters.network.tcp_proxy.v3.TcpProxy", { stat_prefix: name, cluster: name }),
	});
	const manager = managerFilter({
		route_config: {
			name: "r",
			virtual_hosts: [
				{ name: "v", domains: ["*"], routes: [{ match: { prefix: "/" }, route: { cluster: "requests" } }] },
			],
		},
	});
	const proxy = await side.proxy({
		static_resources: {
			listeners: [listener("requests", manager), listener("cut", tcp("cut")), listener("kept", tcp("kept"))],
			clusters: [cluster("requests", port, true), cluster("cut", tcpPort, true), cluster("kept", tcpPort, false)],
		},
	});
	const isHealthy = async (name: string): Promise<boolean> =>
		(await proxy.stat(`cluster.${name}.membership_healthy`)) === 1;
	return { proxy, backend, isHealthy };
}

type World = Awaited<ReturnType<typeof start>>;

/** Fails the check while bytes go to and fro. */
async function talk({ proxy, backend, isHealthy }: World, name: string): Promise<object> {
	backend.isWell = true;
	await until(() => isHealthy(name));
	const socket = connect(await proxy.port(name), "127.0.0.1");
	let isClosed = false;
	socket.on("error", () => undefined).on("close", () => (isClosed = true));
	socket.write("hello");
	await once(socket, "data");
	backend.isWell = false;
	await until(async () => !(await isHealthy(name)));
	if (name === "cut") await until(async () => isClosed);
	const wasClosed = isClosed;
	socket.destroy();
	return { wasClosed, ...(await proxy.stats(`^cluster\\.${name}\\.upstream_cx_destroy_local`)) };
}

compareWithEnvoy("a host whose check fails", {
	start,
	cases: {
		"a request under way gets its answer all the same": {
			want: { status: 200, body: "late" },
			async see({ proxy, backend, isHealthy }) {
				await until(() => isHealthy("requests"));
				const answer = sendRequest({ port: await proxy.port("requests"), path: "/" });
				await until(async () => (await proxy.stat("cluster.requests.upstream_rq_active")) === 1);
				backend.isWell = false;
				const { status, body } = await answer;
				return { status, body, isHealthy: await isHealthy("requests") };
			},
		},
		"bytes that nobody parses are cut where the cluster says so": {
			want: { wasClosed: true },
			see: (world) => talk(world, "cut"),
		},
		"and go on otherwise": { want: { wasClosed: false }, see: (world) => talk(world, "kept") },
	},
});
