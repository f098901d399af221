/** What is counted when connections to upstreams end, and how long they took, beside Envoy. */
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { createSecureServer } from "node:http2";
import { type AddressInfo, connect, createServer, type Server } from "node:net";
import { managerFilter, oneHost, socketAddress, staticCluster, typed } from "../support/bootstraps.ts";
import { compareWithEnvoy, type Side } from "../support/differential.ts";
import { until } from "../support/eventually.ts";
import { findFreePort } from "../support/free-port.ts";
import { sendRequest } from "../support/http-call.ts";
import { createTestPki } from "../support/pki.ts";
import type { ProxyProcess } from "../support/proxy-process.ts";

interface World {
	readonly proxy: ProxyProcess;
}

const pki = createTestPki();
/** How long the slow relay holds a connection before it passes bytes on. */
const heldMs = 300;

async function listen(side: Side, server: Server): Promise<number> {
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	side.after(() => void server.close());
	return (server.address() as AddressInfo).port;
}

/** Answers at once, in the end, or breaks off in the middle. */
async function startBackend(side: Side): Promise<number> {
	const server = createHttpServer((request, response) => {
		if (request.url === "/half") {
			response.writeHead(200, { "content-length": "100" });
			response.write("x");
			setTimeout(() => request.socket.destroy(), 50);
		} else if (request.url === "/slow") setTimeout(() => response.end("slow"), 1500);
		else response.end("ok");
	});
	side.after(() => server.closeAllConnections());
	return listen(side, server);
}

async function startSlowHandshakes(side: Side): Promise<number> {
	const { certificateChainPem, privateKeyPem } = pki.issue(pki.idOf("web"));
	const server = createSecureServer({ cert: certificateChainPem, key: privateKeyPem }, (_request, response) => {
		response.end("ok");
	});
	const port = await listen(side, server);
	const relay = createServer((client) => {
		client.on("error", () => client.destroy());
		setTimeout(() => {
			const upstream = connect(port, "127.0.0.1");
			upstream.on("error", () => client.destroy());
			upstream.on("close", () => client.destroy());
			client.on("close", () => upstream.destroy());
			client.pipe(upstream).pipe(client);
		}, heldMs);
	});
	return listen(side, relay);
}

function options(fields: object): object {
	const name = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
	return {
		typed_extension_protocol_options: { [name]: typed("upstreams.http.v3.HttpProtocolOptions", fields as never) },
	};
}

async function start(side: Side): Promise<World> {
	const [backend, handshakes, dead] = [await startBackend(side), await startSlowHandshakes(side), await findFreePort()];
	const cluster = (name: string, port: number, more: object = {}): object => {
		const endpoints = [{ lb_endpoints: [{ endpoint: { address: socketAddress(port) } }] }];
		return staticCluster(name, { load_assignment: { cluster_name: name, endpoints }, ...more });
	};
	const clusters = {
		half: cluster("half", backend),
		lifetime: cluster(
			"lifetime",
			backend,
			options({
				common_http_protocol_options: { max_connection_duration: "0.3s" },
				explicit_http_config: { http_protocol_options: {} },
			}),
		),
		dead: cluster("dead", dead),
		negotiated: cluster("negotiated", handshakes, {
			...options({ auto_config: { http2_protocol_options: {} } }),
			transport_socket: { name: "tls", typed_config: typed("transport_sockets.tls.v3.UpstreamTlsContext") },
		}),
	};
	const listener = (name: string): object => {
		const route_config = oneHost([{ match: { prefix: "/" }, route: { cluster: name } }]);
		const filters = [managerFilter({ stat_prefix: name, route_config })];
		return { name, address: socketAddress(0), filter_chains: [{ filters }] };
	};
	const proxy = await side.proxy({
		stats_flush_interval: "0.2s",
		static_resources: { listeners: Object.keys(clusters).map(listener), clusters: Object.values(clusters) },
	});
	return { proxy };
}

async function ask({ proxy }: World, name: string, path = "/"): Promise<number | string> {
	const answer = sendRequest({ port: await proxy.port(name), path });
	return answer.then(
		({ status }) => status,
		() => "broken off",
	);
}

const ends = ({ proxy }: World, name: string): Promise<Record<string, number>> =>
	proxy.stats(`^cluster\\.${name}\\.upstream_cx_(destroy|max_duration|protocol_error|connect_fail|total)`);

/** How many values a histogram has, and how many of them are at least `heldMs`. */
async function countOf({ proxy }: World, name: string): Promise<{ readonly all: number; readonly held: number }> {
	const { body } = await proxy.admin(`/stats?filter=^cluster.${name}$&histogram_buckets=detailed`);
	const totals = /totals=(.*)/.exec(body)?.[1] ?? "";
	const buckets = [...totals.matchAll(/([\d.e+]+),[\d.e+-]+:(\d+)/g)].map(([, from, count]) => [
		Number(from),
		Number(count),
	]);
	const sum = (list: readonly (readonly number[])[]): number => list.reduce((total, [, count]) => total + count!, 0);
	// A bucket begins up to a tenth below its values.
	return { all: sum(buckets), held: sum(buckets.filter(([from]) => from! >= heldMs * 0.9)) };
}

async function follow(
	world: World,
	name: string,
	all: number,
): Promise<{ readonly all: number; readonly held: number }> {
	await until(async () => (await countOf(world, name)).all >= all);
	return countOf(world, name);
}

compareWithEnvoy("statistics of connections to upstreams", {
	start,
	cases: {
		"an end within a response is the upstream's": {
			want: { seen: "broken off", "cluster.half.upstream_cx_destroy_remote_with_active_rq": 1 },
			see: async (world) => ({ seen: await ask(world, "half", "/half"), ...(await ends(world, "half")) }),
		},
		"a lifetime that ends within a request counts": {
			want: { seen: 200, "cluster.lifetime.upstream_cx_max_duration_reached": 1 },
			see: async (world) => ({ seen: await ask(world, "lifetime", "/slow"), ...(await ends(world, "lifetime")) }),
		},
		"a connection that was refused has a length": {
			want: { seen: 503, length: { all: 1, held: 0 } },
			async see(world) {
				const seen = await ask(world, "dead");
				const length = await follow(world, "dead.upstream_cx_length_ms", 1);
				return { seen, length, ...(await ends(world, "dead")) };
			},
		},
		"the time until a protocol is agreed on is a connection's": {
			want: { seen: 200, connect: { all: 2, held: 1 }, length: { all: 1, held: 1 } },
			async see(world) {
				const seen = await ask(world, "negotiated");
				const connect = await follow(world, "negotiated.upstream_cx_connect_ms", 2);
				const length = await follow(world, "negotiated.upstream_cx_length_ms", 1);
				return { seen, connect, length, ...(await ends(world, "negotiated")) };
			},
		},
	},
});
