/** Connections that the kernel redirects, as in a Pod: the filter original_dst, listeners that hand connections over, and clusters that
 *  go where a connection wanted to. Runs itself again in a network namespace of its own, where a firewall may be set up. */
import { createServer as createHttpServer } from "node:http";
import { connect, createServer } from "node:net";
import { managerFilter, socketAddress, typed } from "../support/bootstraps.ts";
import { compareWithEnvoy, type Side } from "../support/differential.ts";
import { eventually } from "../support/eventually.ts";
import { addAddresses, isInNamespace, redirect, testInNamespace } from "../support/network-namespace.ts";

/** Where each side's client comes from: its connections are redirected to its proxy. */
const clientOf = { envoy: "10.8.0.1", amime: "10.8.0.2" } as const;
/** What the clients call; nothing else would lead there. */
const service = "10.9.0.1";
const other = "10.9.0.2";

/** What a server says to a connection from a client, and where it was reached. */
async function call(side: Side, host: string, port: number, text: string): Promise<string> {
	return await new Promise((resolve, reject) => {
		const socket = connect({ host, port, localAddress: clientOf[side.kind] });
		let heard = "";
		socket.setTimeout(10_000, () => socket.destroy(new Error(`no answer from ${host}:${port}: ${heard}`)));
		socket.on("data", (data) => {
			heard += String(data);
		});
		socket.on("end", () => {
			resolve(heard);
			socket.destroy();
		});
		socket.on("error", (error: NodeJS.ErrnoException) =>
			error.code === "ECONNRESET" ? resolve("reset") : reject(error),
		);
		socket.write(text);
	});
}

async function listen(side: Side, host: string, port: number, server: ReturnType<typeof createServer>): Promise<void> {
	await new Promise<void>((resolve) => server.listen({ host, port, exclusive: true }, resolve));
	side.after(() => void server.close());
}

const originalCluster = (name: string, more: object = {}) => ({
	name,
	type: "ORIGINAL_DST",
	lb_policy: "CLUSTER_PROVIDED",
	connect_timeout: "2s",
	...more,
});

const listenerFilters = [
	{ name: "envoy.filters.listener.original_dst", typed_config: typed("filters.listener.original_dst.v3.OriginalDst") },
];

function tcpProxy(cluster: string): object {
	return { name: "tcp", typed_config: typed("filters.network.tcp_proxy.v3.TcpProxy", { stat_prefix: "tcp", cluster }) };
}

async function start(side: Side) {
	// Both sides have servers of the same addresses: the first to come has them.
	const isFirst = side.kind === "envoy";
	if (isFirst) {
		const greet = (name: string) => createServer((socket) => void socket.on("error", () => undefined).end(`${name}\n`));
		await listen(side, service, 100, greet("service 100"));
		await listen(side, service, 101, greet("service 101"));
		await listen(side, other, 100, greet("other 100"));
		for (const host of [service, other]) {
			const http = createHttpServer(({ headers, socket }, response) => {
				response.setHeader("connection", "close").end(`${headers.host} at ${socket.localAddress}`);
			});
			await listen(side, host, 180, http);
		}
	}
	const manager = managerFilter({
		route_config: {
			name: "r",
			virtual_hosts: [{ name: "v", domains: ["*"], routes: [{ match: { prefix: "/" }, route: { cluster: "there" } }] }],
		},
	});
	const proxy = await side.proxy({
		static_resources: {
			listeners: [
				{
					name: "captured",
					address: socketAddress(0, "0.0.0.0"),
					use_original_dst: true,
					listener_filters: listenerFilters,
					filter_chains: [
						{
							filter_chain_match: { destination_port: 101 },
							filters: [tcpProxy("elsewhere")],
						},
						{
							filter_chain_match: { prefix_ranges: [{ address_prefix: other, prefix_len: 32 }], destination_port: 103 },
							filters: [
								{
									name: "d",
									typed_config: typed("filters.network.direct_response.v3.Config", {
										response: { inline_string: "by address" },
									}),
								},
							],
						},
						{ filter_chain_match: { destination_port: 180 }, filters: [manager] },
						{ filters: [tcpProxy("there")] },
					],
				},
				{
					name: "unbound",
					address: socketAddress(102, service),
					bind_to_port: false,
					filter_chains: [
						{
							filters: [
								{
									name: "d",
									typed_config: typed("filters.network.direct_response.v3.Config", {
										response: { inline_string: "handed over" },
									}),
								},
							],
						},
					],
				},
			],
			clusters: [
				originalCluster("there"),
				originalCluster("elsewhere", { original_dst_lb_config: { upstream_port_override: 100 } }),
			],
		},
	});
	const destination = `ip daddr { ${service}, ${other} } tcp dport 1-1000`;
	redirect(clientOf[side.kind], destination, await proxy.port("captured"));
	return { proxy };
}

if (isInNamespace) {
	addAddresses([...Object.values(clientOf), service, other]);
	compareWithEnvoy("connections that the kernel redirects", {
		start,
		cases: {
			"go where they wanted to": {
				want: ["service 100\n", "other 100\n"],
				see: async (_world, side) => [await call(side, service, 100, "hello"), await call(side, other, 100, "hello")],
			},
			"choose a chain by their destination's port": {
				want: "service 100\n",
				see: (_world, side) => call(side, service, 101, "hello"),
			},
			"and by its address": { want: "by address", see: (_world, side) => call(side, other, 103, "hello") },
			"are handed to the listener of their destination": {
				want: "handed over",
				see: (_world, side) => call(side, service, 102, "hello"),
			},
			"end when nobody is there": { want: "", see: (_world, side) => call(side, service, 900, "") },
			"may speak HTTP": {
				want: { first: "a.test at 10.9.0.1", second: "b.test at 10.9.0.2" },
				async see(_world, side) {
					const ask = async (host: string, name: string) => {
						const answer = await call(side, host, 180, `GET / HTTP/1.1\r\nhost: ${name}\r\nconnection: close\r\n\r\n`);
						return / at /.test(answer) ? /\S+ at \S+$/m.exec(answer)?.[0] : answer;
					};
					return { first: await ask(service, "a.test"), second: await ask(other, "b.test") };
				},
			},
			"are counted": {
				want: { "cluster.there.original_dst_host_invalid": 0, "cluster.elsewhere.upstream_cx_total": 1 },
				see: ({ proxy }) =>
					proxy.stats(
						"^cluster\\.(there|elsewhere)\\.(upstream_cx_total|upstream_cx_connect_fail|original_dst_host_invalid)$",
					),
			},
			"hosts appear as they are needed": {
				want: 5,
				see: ({ proxy }) =>
					eventually(async () => {
						const count = await proxy.stat("cluster.there.membership_total");
						if (count < 5) throw new Error(`${count} hosts`);
						return count;
					}),
			},
		},
	});
} else testInNamespace("connections that the kernel redirects, in a network namespace", import.meta.filename);
