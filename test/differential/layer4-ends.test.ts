/** How connections of tcp_proxy end, resets above all, and what access logs say of chains and of hosts that were tried. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { socketAddress, staticCluster, typed } from "../support/bootstraps.ts";
import { compareWithEnvoy, type Side } from "../support/differential.ts";
import { eventually } from "../support/eventually.ts";
import { findFreePort } from "../support/free-port.ts";
import { startGreeter, talk } from "../support/tcp-talk.ts";

const format =
	"%FILTER_CHAIN_NAME% %METADATA(LISTENER_FILTER_CHAIN:who:k)% %RESPONSE_FLAGS% %UPSTREAM_CLUSTER% %BYTES_SENT% %DOWNSTREAM_DETECTED_CLOSE_TYPE% %UPSTREAM_DETECTED_CLOSE_TYPE% %UPSTREAM_HOSTS_ATTEMPTED_WITHOUT_PORT%\n";

/** Says hello, resets who says `reset`, and keeps in mind how the others ended. */
async function startResetter(side: Side): Promise<{ readonly port: number; readonly ends: string[] }> {
	const ends: string[] = [];
	const server = createServer({ allowHalfOpen: true }, (socket) => {
		let end = "fin";
		socket.on("error", ({ code }: NodeJS.ErrnoException) => {
			end = String(code);
		});
		socket.on("close", () => ends.push(end));
		socket.on("end", () => socket.end());
		socket.on("data", (bytes) => {
			if (bytes.toString() === "reset") socket.resetAndDestroy();
			else socket.write(bytes);
		});
		socket.write("hello\n");
	});
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	side.after(() => void server.close());
	return { port: (server.address() as AddressInfo).port, ends };
}

/** The first bytes of a client that asks for a server name. */
async function clientHello(servername: string): Promise<Buffer> {
	const server = createServer();
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	const client = connectTls({ port: (server.address() as AddressInfo).port, servername, rejectUnauthorized: false });
	client.on("error", () => undefined);
	const [socket] = await once(server, "connection");
	const [bytes] = await once(socket, "data");
	client.destroy();
	server.close();
	return bytes;
}

async function start(side: Side) {
	const resetter = await startResetter(side);
	const [one, two] = [await startGreeter(side, "one"), await startGreeter(side, "two")];
	const dead = await findFreePort();
	const path = join(side.folder, "access.log");
	const log = {
		name: "file",
		typed_config: typed("access_loggers.file.v3.FileAccessLog", {
			path,
			log_format: { text_format_source: { inline_string: format } },
		}),
	};
	const tcp = (fields: object): object => ({
		name: "tcp",
		typed_config: typed("filters.network.tcp_proxy.v3.TcpProxy", {
			stat_prefix: "t",
			access_log: [log],
			...fields,
		} as never),
	});
	const listener = (name: string, filters: readonly object[], more: object = {}): object => ({
		name,
		address: socketAddress(0),
		filter_chains: [{ name, filters, metadata: { filter_metadata: { who: { k: `chain ${name}` } } } }],
		...more,
	});
	const cluster = (name: string, port: number): object =>
		staticCluster(name, {
			load_assignment: {
				cluster_name: name,
				endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(port) } }] }],
			},
		} as never);
	const sni = [{ name: "tls_inspector", typed_config: typed("filters.listener.tls_inspector.v3.TlsInspector") }];
	const sniCluster = { name: "sni", typed_config: typed("filters.network.sni_cluster.v3.SniCluster") };
	const proxy = await side.proxy({
		static_resources: {
			listeners: [
				listener("resets", [tcp({ cluster: "resetter" })]),
				listener("dead", [tcp({ cluster: "dead", max_connect_attempts: 2 })]),
				listener("narrow", [tcp({ cluster: "narrow" })]),
				listener("sni", [sniCluster, tcp({ cluster: "one" })], { listener_filters: sni }),
				listener("weighted", [sniCluster, tcp({ weighted_clusters: { clusters: [{ name: "one", weight: 1 }] } })], {
					listener_filters: sni,
				}),
			],
			clusters: [
				cluster("resetter", resetter.port),
				cluster("dead", dead),
				{ ...cluster("narrow", one), circuit_breakers: { thresholds: [{ max_connections: 0 }] } },
				cluster("one", one),
				cluster("two", two),
			],
		},
	});
	return { proxy, resetter, log: () => readFileSync(path, "utf8").split("\n").filter(Boolean) };
}

type World = Awaited<ReturnType<typeof start>>;

/** The line that a client gets who says `hello`. */
async function greeting(port: number, hello: Buffer): Promise<string | undefined> {
	const { heard } = await talk({ port, send: [{ bytes: hello }], until: "\n" });
	return heard.split("\n")[0];
}

/** What the last connection left in the log. */
async function stop({ proxy, log }: World): Promise<string[]> {
	await proxy.stop();
	return log().toSorted();
}

compareWithEnvoy("ends of connections of layer 4", {
	start,
	cases: {
		"a reset of the upstream is one for the client": {
			want: { heard: "hello\n", end: "reset" },
			see: async ({ proxy }) =>
				talk({ port: await proxy.port("resets"), send: [{ after: "hello\n", bytes: "reset" }] }),
		},
		"a reset of the client is one for the upstream": {
			want: "ECONNRESET",
			async see({ proxy, resetter }) {
				const before = resetter.ends.length;
				const socket = connect(await proxy.port("resets"), "127.0.0.1");
				await once(socket, "data");
				socket.resetAndDestroy();
				return eventually(async () => {
					if (resetter.ends.length === before) throw new Error("the upstream's connection goes on");
					return resetter.ends.at(-1);
				});
			},
		},
		"a server name is a cluster": {
			want: "hello two",
			see: async ({ proxy }) => greeting(await proxy.port("sni"), await clientHello("two")),
		},
		"weights go before what filters say": {
			want: "hello one",
			see: async ({ proxy }) => greeting(await proxy.port("weighted"), await clientHello("two")),
		},
		"a host that refuses was tried": {
			want: { heard: "", end: "fin" },
			see: async ({ proxy }) => talk({ port: await proxy.port("dead") }),
		},
		"a host beyond the circuit breaker was not": {
			want: { heard: "", end: "fin" },
			see: async ({ proxy }) => talk({ port: await proxy.port("narrow") }),
		},
		"the access log": {
			want: [
				"dead chain dead UF,URX dead 0 Normal Normal 127.0.0.1,127.0.0.1",
				"narrow chain narrow UO narrow 0 Normal Normal -",
				"resets chain resets - resetter 6 RemoteReset Normal 127.0.0.1",
				"resets chain resets UR resetter 6 LocalReset RemoteReset 127.0.0.1",
			],
			see: async (world) => (await stop(world)).filter((line) => !/^(?:sni|weighted) /.test(line)),
		},
	},
});
