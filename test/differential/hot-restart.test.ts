/** A new process takes the place of one that serves, over HTTP/1 and HTTP/2: what fails, and who answers. */
import { once } from "node:events";
import { Agent } from "node:http";
import { type ClientHttp2Session, connect, constants } from "node:http2";
import { managerFilter, socketAddress, staticCluster } from "../support/bootstraps.ts";
import { compareWithEnvoy, type Side } from "../support/differential.ts";
import { startEchoBackend } from "../support/echo-backend.ts";
import { eventually } from "../support/eventually.ts";
import { findFreePort } from "../support/free-port.ts";
import { sendRequest } from "../support/http-call.ts";
import type { ProxyProcess } from "../support/proxy-process.ts";

interface World {
	/** By epoch. */
	readonly processes: ProxyProcess[];
	readonly port: number;
	readonly stop: () => Promise<Load>;
	start(epoch: number): Promise<ProxyProcess>;
}

interface Load {
	readonly done: number;
	readonly failures: readonly string[];
}

/** Sessions of HTTP/2 end with GOAWAY; the next request goes on another one. */
class Http2Client {
	readonly #port: number;
	#session: ClientHttp2Session | undefined;
	sessions = 0;

	constructor(port: number) {
		this.#port = port;
	}

	/** @throws Error when a request that may have been seen was lost */
	async get(path: string): Promise<number> {
		for (;;) {
			const session = this.#open();
			const stream = session.request({ ":path": path });
			stream.resume();
			try {
				const [headers] = (await once(stream, "response")) as [Record<string, unknown>];
				await once(stream, "close");
				return Number(headers[":status"]);
			} catch (error) {
				// Streams that the server never began (RFC 9113, section 8.7) go to another connection.
				const wasRefused = stream.rstCode === constants.NGHTTP2_REFUSED_STREAM || stream.id === undefined;
				if (!wasRefused) throw error;
				this.#session = undefined;
			}
		}
	}

	close(): void {
		this.#session?.destroy();
	}

	#open(): ClientHttp2Session {
		const there = this.#session;
		if (there !== undefined && !there.closed && !there.destroyed) return there;
		this.sessions++;
		const session = connect(`http://127.0.0.1:${this.#port}`);
		session.on("error", () => undefined);
		this.#session = session;
		return session;
	}
}

/** Requests over kept and new connections of HTTP/1, and over sessions of HTTP/2, until it is stopped. */
function startLoad(side: Side, port: number): () => Promise<Load> {
	const agent = new Agent({ keepAlive: true, maxSockets: 2 });
	const clients = [new Http2Client(port), new Http2Client(port)];
	const failures: string[] = [];
	let done = 0;
	let isRunning = true;
	const loop = async (what: string, get: () => Promise<number>): Promise<void> => {
		while (isRunning) {
			try {
				const status = await get();
				if (status === 200) done++;
				else failures.push(`${what}: ${status}`);
			} catch (error) {
				const { code, message } = error as NodeJS.ErrnoException;
				// A kept connection of HTTP/1 that ends as its next request sets out: any client sends that again.
				if (!(what === "kept" && (code === "ECONNRESET" || code === "EPIPE"))) failures.push(`${what}: ${message}`);
			}
			await new Promise((resolve) => setTimeout(resolve, 10));
		}
	};
	const path = "/";
	const loops = [
		loop("kept", async () => (await sendRequest({ port, path, agent })).status),
		loop("new", async () => (await sendRequest({ port, path })).status),
		...clients.map((client) => loop("HTTP/2", () => client.get(path))),
	];
	const end = (): void => {
		isRunning = false;
		agent.destroy();
		for (const client of clients) client.close();
	};
	side.after(end);
	return async () => {
		isRunning = false;
		await Promise.all(loops);
		end();
		return { done, failures };
	};
}

/** A busy machine starts processes slowly. */
const patient = { deadlineMs: 60_000 };

const waitForEnd = (proxy: ProxyProcess): Promise<number> =>
	eventually(() => {
		if (proxy.process.exitCode === null) throw new Error(`the old process still runs: ${proxy.output()}`);
		return proxy.process.exitCode;
	}, patient);

compareWithEnvoy("hot restart", {
	async start(side): Promise<World> {
		const backend = await startEchoBackend(side, "backend");
		const port = await findFreePort();
		const bootstrap = {
			stats_flush_interval: "0.2s",
			static_resources: {
				listeners: [
					{
						name: "l",
						address: socketAddress(port),
						filter_chains: [{ filters: [managerFilter({ drain_timeout: "0.5s" })] }],
					},
				],
				clusters: [
					staticCluster("c1", {
						load_assignment: {
							cluster_name: "c1",
							endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(backend.port) } }] }],
						},
					}),
				],
			},
		};
		const processes: ProxyProcess[] = [];
		const start = async (epoch: number): Promise<ProxyProcess> => {
			const baseId = 100_000 + (process.pid % 100_000);
			const proxy = await side.proxy(bootstrap, {
				environment: { TMPDIR: side.folder },
				args: [
					...["--restart-epoch", String(epoch), "--base-id", String(baseId), "--drain-time-s", "2"],
					...["--drain-strategy", "immediate", "--parent-shutdown-time-s", "4"],
				],
			});
			processes[epoch] = proxy;
			return proxy;
		};
		await start(0);
		return { processes, port, start, stop: startLoad(side, port) };
	},
	cases: {
		"the first process": {
			want: 0,
			see: ({ processes }) => processes[0]!.stat("server.hot_restart_epoch"),
		},
		"another one takes over, and the first ends": {
			want: { epoch: 1, code: 0 },
			async see({ processes, start }) {
				const next = await start(1);
				const code = await waitForEnd(processes[0]!);
				return { epoch: await next.stat("server.hot_restart_epoch"), code };
			},
		},
		"no request was lost": {
			want: { failures: [], isEnough: true },
			async see({ stop }) {
				const { done, failures } = await stop();
				return { failures, isEnough: done > 50 };
			},
		},
		"a request that was under way is answered by the old one": {
			want: { slow: 200, http2: 200, epoch: 2, code: 0 },
			async see({ port, processes, start }) {
				const client = new Http2Client(port);
				const path = "/?delay=2500";
				const slow = sendRequest({ port, path }).then(({ status }) => status);
				const http2 = client.get(path);
				await eventually(async () => {
					const active = await processes[1]!.stat("http.in.downstream_rq_active");
					if (active < 2) throw new Error("not there yet");
				}, patient);
				const next = await start(2);
				const statuses = { slow: await slow, http2: await http2 };
				client.close();
				const code = await waitForEnd(processes[1]!);
				return { ...statuses, epoch: await next.stat("server.hot_restart_epoch"), code };
			},
		},
		"the newest one answers": {
			want: 200,
			see: async ({ port }) => (await sendRequest({ port, path: "/" })).status,
		},
	},
});
