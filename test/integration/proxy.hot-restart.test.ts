/** A new process takes the place of one that serves, under load: no request fails. */
import assert from "node:assert/strict";
import { Agent, request } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { managerFilter, socketAddress } from "../support/bootstraps.ts";
import { startEchoBackend } from "../support/echo-backend.ts";
import { eventually } from "../support/eventually.ts";
import { sendRequest } from "../support/http-call.ts";
import { type ProxyProcess, startProxyProcess } from "../support/proxy-process.ts";
import { makeTemporaryFolder } from "../support/temporary-folder.ts";

interface Generations {
	readonly path: string;
	/** Starts the process of an epoch on the same configuration. */
	start(epoch: number, ...args: string[]): Promise<ProxyProcess>;
}

async function prepare(t: TestContext): Promise<Generations> {
	const folder = makeTemporaryFolder(t);
	const backend = await startEchoBackend(t, "backend");
	const path = join(folder, "l.sock");
	const filters = [managerFilter()];
	const cluster = {
		name: "c1",
		load_assignment: {
			cluster_name: "c1",
			endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(backend.port) } }] }],
		},
	};
	const bootstrap = {
		static_resources: {
			listeners: [
				{ name: "l", address: socketAddress(0), filter_chains: [{ filters }] },
				{ name: "p", address: { pipe: { path } }, filter_chains: [{ filters }] },
			],
			clusters: [cluster],
		},
	};
	const environment = { TMPDIR: folder };
	return {
		path,
		start: (epoch, ...args) =>
			startProxyProcess(t, "amime", folder, bootstrap, {
				environment,
				args: [
					...["--restart-epoch", String(epoch), "--base-id", "7", "--drain-time-s", "2"],
					...["--drain-strategy", "immediate", "--parent-shutdown-time-s", "8", ...args],
				],
			}),
	};
}

/** Requests over kept and over new connections until it is stopped. */
function startLoad(port: number): { stop(): Promise<{ done: number; failures: string[] }> } {
	const agent = new Agent({ keepAlive: true, maxSockets: 4 });
	const failures: string[] = [];
	let done = 0;
	let isRunning = true;
	const send = (own: Agent | false): Promise<void> =>
		new Promise((resolve) => {
			const outgoing = request({ host: "127.0.0.1", port, path: "/", agent: own }, (response) => {
				if (response.statusCode !== 200) failures.push(`status ${response.statusCode}`);
				else done++;
				response.resume().on("end", resolve);
			});
			outgoing.on("error", (error) => {
				// A kept connection that ends as its next request sets out: any client sends that again.
				if (!(outgoing.reusedSocket && (error as NodeJS.ErrnoException).code === "ECONNRESET"))
					failures.push(error.message);
				resolve();
			});
			outgoing.end();
		});
	const loop = async (own: Agent | false): Promise<void> => {
		while (isRunning) {
			await send(own);
			await new Promise((resolve) => setTimeout(resolve, 5));
		}
	};
	const loops = [loop(agent), loop(agent), loop(false), loop(false)];
	return {
		async stop() {
			isRunning = false;
			await Promise.all(loops);
			agent.destroy();
			return { done, failures };
		},
	};
}

for (const concurrency of ["1", "2"]) {
	test(`two restarts in a row lose no request, with ${concurrency} worker(s)`, async (t) => {
		const { start } = await prepare(t);
		let current = await start(0, "--concurrency", concurrency);
		const load = startLoad(await current.port("l"));
		for (let epoch = 1; epoch <= 2; epoch++) {
			const next = await start(epoch, "--concurrency", concurrency);
			const { process: old } = current;
			await eventually(() => assert.equal(old.exitCode, 0, current.output()), { deadlineMs: 15_000 });
			assert.equal(await next.stat("server.hot_restart_epoch"), epoch);
			current = next;
		}
		const { done, failures } = await load.stop();
		assert.deepEqual(failures, []);
		assert.ok(done > 50, `${done} requests`);
		const total = await current.stat("http.in.downstream_rq_2xx");
		assert.ok(total >= done, `${total} counted of ${done}: counts go on from process to process`);
		await eventually(async () => assert.equal(await current.stat("server.parent_connections"), 0));
	});
}

test("a socket at a path goes over too", async (t) => {
	const { path, start } = await prepare(t);
	const first = await start(0);
	await start(1);
	await eventually(() => assert.equal(first.process.exitCode, 0), { deadlineMs: 15_000 });
	const answer = await new Promise<string>((resolve, reject) => {
		const socket = connect(path, () => socket.write("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"));
		let text = "";
		socket.on("data", (data) => (text += data.toString("latin1"))).on("end", () => resolve(text));
		socket.on("error", reject);
	});
	assert.match(answer, /^HTTP\/1\.1 200 /);
});

test("a request that outlives the drain time is answered in the old process", async (t) => {
	const { start } = await prepare(t);
	const first = await start(0);
	const slow = sendRequest({ port: await first.port("l"), path: "/?delay=4000" });
	await eventually(async () => assert.equal(await first.stat("http.in.downstream_rq_active"), 1));
	await start(1);
	assert.equal((await slow).status, 200);
});

test("an epoch without a process before it is refused with a sentence, unless it may begin", async (t) => {
	const { start } = await prepare(t);
	await assert.rejects(start(3), /RESTART_NO_PARENT/);
	const proxy = await start(3, "--skip-hot-restart-on-no-parent");
	assert.equal(await proxy.stat("server.hot_restart_epoch"), 3);
});
