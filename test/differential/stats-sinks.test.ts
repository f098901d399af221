/** Statistics that are sent: statsd over UDP and TCP, and DogStatsD datagrams. */
import { createSocket } from "node:dgram";
import { type AddressInfo, createServer } from "node:net";
import { managerFilter, socketAddress } from "../support/bootstraps.ts";
import { plainCluster } from "../support/call-out-clusters.ts";
import { compareWithEnvoy, type Side } from "../support/differential.ts";
import { eventually } from "../support/eventually.ts";
import { sendRequest } from "../support/http-call.ts";

/** What came, line by line. */
async function receive(side: Side): Promise<{ readonly port: number; readonly datagrams: string[] }> {
	const socket = createSocket("udp4");
	const datagrams: string[] = [];
	socket.on("message", (bytes) => void datagrams.push(bytes.toString()));
	await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
	side.after(() => void socket.close());
	return { port: socket.address().port, datagrams };
}

/** What came over TCP, line by line. */
async function receiveStream(side: Side): Promise<{ readonly port: number; readonly datagrams: string[] }> {
	const datagrams: string[] = [];
	const server = createServer((socket) => {
		let rest = "";
		socket.setEncoding("latin1").on("data", (text: string) => {
			const lines = (rest + text).split("\n");
			rest = lines.pop()!;
			datagrams.push(...lines);
		});
		socket.on("error", () => socket.destroy());
		side.after(() => void socket.destroy());
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	side.after(() => void server.close());
	return { port: (server.address() as AddressInfo).port, datagrams };
}

const udp = (port: number) => ({ socket_address: { address: "127.0.0.1", port_value: port, protocol: "UDP" } });
const metrics = "type.googleapis.com/envoy.config.metrics.v3.";

async function start(side: Side) {
	const plain = await receive(side);
	const tagged = await receive(side);
	const packed = await receive(side);
	const stream = await receiveStream(side);
	const manager = managerFilter({
		route_config: {
			name: "r",
			virtual_hosts: [
				{ name: "v", domains: ["*"], routes: [{ match: { prefix: "/" }, direct_response: { status: 200 } }] },
			],
		},
	});
	const sink = (name: string, type: string, port: number, more: object = {}) => ({
		name,
		typed_config: { "@type": metrics + type, address: udp(port), ...more },
	});
	const proxy = await side.proxy({
		node: { id: "n", cluster: "c" },
		stats_flush_interval: "0.3s",
		stats_sinks: [
			sink("envoy.stat_sinks.statsd", "StatsdSink", plain.port, { prefix: "mesh" }),
			sink("envoy.stat_sinks.dog_statsd", "DogStatsdSink", tagged.port),
			sink("envoy.stat_sinks.dog_statsd", "DogStatsdSink", packed.port, { max_bytes_per_datagram: 512 }),
			{
				name: "envoy.stat_sinks.statsd",
				typed_config: { "@type": `${metrics}StatsdSink`, tcp_cluster_name: "statsd", prefix: "tcp" },
			},
		],
		static_resources: {
			clusters: [plainCluster("statsd", stream.port)],
			listeners: [{ name: "l", address: socketAddress(0), filter_chains: [{ filters: [manager] }] }],
		},
	});
	const port = await proxy.port("l");
	for (let request = 0; request < 3; request++) await sendRequest({ port, path: "/" });
	return { plain, tagged, packed, stream, port };
}

type World = Awaited<ReturnType<typeof start>>;

/** The sum of a counter over all that came, once it is what it should be. */
async function sum(datagrams: readonly string[], beginning: string, wanted: number): Promise<number> {
	return await eventually(() => {
		const lines = datagrams.flatMap((text) => text.split("\n")).filter((line) => line.startsWith(`${beginning}:`));
		const total = lines.reduce((all, line) => all + Number(/:(-?\d+)\|/.exec(line)?.[1]), 0);
		if (total < wanted) throw new Error(`${beginning} is ${total}: ${lines.join(" ")}`);
		return total;
	});
}

/** A line of a statistic without its value, once there is one (with a tag). */
async function form(datagrams: readonly string[], beginning: string, tag = ""): Promise<string> {
	return await eventually(() => {
		const lines = datagrams.flatMap((text) => text.split("\n"));
		const found = lines.find((line) => line.startsWith(`${beginning}:`) && line.includes(tag));
		if (found === undefined) throw new Error(`no ${beginning} yet`);
		return found.replace(/:\d+/, ":n");
	});
}

compareWithEnvoy("sinks of statistics", {
	start,
	cases: {
		"counters are sent by what they grew": {
			want: 3,
			see: ({ plain }: World) => sum(plain.datagrams, "mesh.http.in.downstream_rq_2xx", 3),
		},
		"a cluster takes lines over TCP": {
			want: { sum: 3, forms: ["tcp.server.live:n|g", "tcp.http.in.downstream_rq_time:n|ms"] },
			async see({ stream: { datagrams } }: World) {
				return {
					sum: await sum(datagrams, "tcp.http.in.downstream_rq_2xx", 3),
					forms: [await form(datagrams, "tcp.server.live"), await form(datagrams, "tcp.http.in.downstream_rq_time")],
				};
			},
		},
		"and go on": {
			want: 4,
			async see({ plain, port }: World) {
				await sendRequest({ port, path: "/" });
				return await sum(plain.datagrams, "mesh.http.in.downstream_rq_2xx", 4);
			},
		},
		"counters, gauges and times": {
			want: ["mesh.http.in.downstream_rq_2xx:n|c", "mesh.server.live:n|g", "mesh.http.in.downstream_rq_time:n|ms"],
			see: ({ plain }: World) =>
				Promise.all(
					["http.in.downstream_rq_2xx", "server.live", "http.in.downstream_rq_time"].map((name) =>
						form(plain.datagrams, `mesh.${name}`),
					),
				),
		},
		"each time is one value": {
			want: 4,
			see: ({ plain }: World) =>
				eventually(() => {
					const times = plain.datagrams.filter((line) => line.startsWith("mesh.http.in.downstream_rq_time:"));
					if (times.length < 4) throw new Error(`only ${times.length}`);
					return times.length;
				}),
		},
		"tags stand behind the values": {
			want: ["envoy.http.downstream_rq_xx:n|c|#envoy.response_code_class:2,envoy.http_conn_manager_prefix:in"],
			async see({ tagged }: World) {
				const line = await form(tagged.datagrams, "envoy.http.downstream_rq_xx", "prefix:in");
				return [line, await form(tagged.datagrams, "envoy.server.live")];
			},
		},
		"datagrams of one statistic each, unless they may hold more": {
			want: { one: true, several: true, fits: true },
			async see({ packed, tagged }: World) {
				await form(packed.datagrams, "envoy.server.live");
				const one = tagged.datagrams.every((text) => !text.includes("\n"));
				const several = packed.datagrams.some((text) => text.split("\n").length > 2);
				const fits = packed.datagrams.every((text) => Buffer.byteLength(text) <= 512);
				return { one, several, fits };
			},
		},
	},
});
