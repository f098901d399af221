/** Clients that begin something and do not go on: each gets a bounded answer, and leaves memory and connections where they were. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { managerFilter, socketAddress, staticCluster } from "../support/bootstraps.ts";
import { eventually } from "../support/eventually.ts";
import { countDescriptors, readPrivateBytes } from "../support/memory.ts";
import { startProxyProcess } from "../support/proxy-process.ts";
import { makeTemporaryFolder } from "../support/temporary-folder.ts";

const clients = 1000;
/** What so many connections may leave behind in the allocator's own keeping. */
const slackBytes = 24 * 1024 ** 2;

test("slow clients are answered, closed, and forgotten", async (t) => {
	const backend = createServer((request, response) => {
		request.resume();
		request.on("end", () => response.end("ok"));
	});
	await new Promise<void>((resolve) => backend.listen(0, "127.0.0.1", resolve));
	t.after(() => {
		backend.closeAllConnections();
		backend.close();
	});
	const { port: backendPort } = backend.address() as { port: number };
	const proxy = await startProxyProcess(t, "amime", makeTemporaryFolder(t), createBootstrap(backendPort));
	const pid = proxy.process.pid!;
	const port = await proxy.port("l");
	const attacks: Readonly<Record<string, { readonly bytes: string; readonly status: number | undefined }>> = {
		"a head that does not end": { bytes: "GET / HTTP/1.1\r\nhost: x\r\nx-slow: ", status: 408 },
		"a body that does not end": { bytes: "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhalf", status: 408 },
		"a chunk that does not end": {
			bytes: "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nff\r\nhalf",
			status: 408,
		},
		"a connection that says nothing": { bytes: "", status: undefined },
	};
	// Everything is compiled and every table grown once before memory is read.
	for (const { bytes } of Object.values(attacks)) await attack(port, bytes);
	const before = { bytes: readPrivateBytes(pid), descriptors: countDescriptors(pid) };
	for (const [name, { bytes, status }] of Object.entries(attacks)) {
		await t.test(name, async () => {
			const answers = await attack(port, bytes);
			const seen = new Set(answers.map((answer) => (answer === "" ? undefined : Number(answer.split(" ")[1]))));
			assert.deepEqual([...seen], [status]);
			await eventually(async () => {
				assert.equal(await proxy.stat("http.in.downstream_cx_active"), 0);
				assert.equal(await proxy.stat("http.in.downstream_rq_active"), 0);
			});
		});
	}
	await t.test("nothing is left of them", async () => {
		await eventually(
			async () => {
				// A connection that was made for a request that ended first waits in the pool for another one, as in Envoy.
				const descriptors = countDescriptors(pid) - (await proxy.stat("cluster.c1.upstream_cx_active"));
				assert.ok(descriptors <= before.descriptors + 8, `${descriptors} descriptors, ${before.descriptors} before`);
				const growth = readPrivateBytes(pid) - before.bytes;
				assert.ok(growth < slackBytes, `${Math.round(growth / 1024 ** 2)} MiB more than before`);
			},
			{ deadlineMs: 30_000 },
		);
	});
});

/** Opens many connections, sends the same on each, and waits until the proxy has ended them all.
 *  @returns what each was answered */
async function attack(port: number, bytes: string): Promise<string[]> {
	return await Promise.all(Array.from({ length: clients }, () => hold(port, bytes)));
}

function hold(port: number, bytes: string): Promise<string> {
	return new Promise((resolve, reject) => {
		let text = "";
		const socket: Socket = connect({ port, host: "127.0.0.1" }, () => {
			if (bytes !== "") socket.write(bytes);
		});
		socket.setEncoding("latin1");
		socket.on("data", (data) => {
			text += String(data);
		});
		socket.on("end", () => socket.destroy());
		socket.on("close", () => resolve(text));
		socket.on("error", reject);
	});
}

function createBootstrap(backendPort: number): object {
	const endpoints = [{ lb_endpoints: [{ endpoint: { address: socketAddress(backendPort) } }] }];
	const manager = managerFilter({
		request_headers_timeout: "1s",
		request_timeout: "1s",
		common_http_protocol_options: { idle_timeout: "1s" },
		delayed_close_timeout: "0.1s",
	});
	return {
		static_resources: {
			listeners: [{ name: "l", address: socketAddress(0), filter_chains: [{ filters: [manager] }] }],
			clusters: [
				staticCluster("c1", {
					load_assignment: { cluster_name: "c1", endpoints },
					circuit_breakers: { thresholds: [{ max_connections: 2000, max_pending_requests: 2000, max_requests: 2000 }] },
				}),
			],
		},
	};
}
