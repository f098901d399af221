/** What the limits of a single try measure: the upstream, and neither a slow upload nor an answer that keeps coming. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { openClient, startRawServer } from "../support/raw-client.ts";
import { cluster, route, startProxy } from "../support/running-proxy.ts";

const limitMs = 500;
const retry = (limit: string): object => ({
	timeout: "20s",
	retry_policy: { retry_on: "5xx", num_retries: 1, [limit]: `${limitMs / 1000}s` },
});

test("an upload may take longer than a try, whose limits begin when it is complete", async (t) => {
	const upstream = await startRawServer(t, (socket) => {
		socket.on("data", (bytes: Buffer) => {
			if (bytes.toString().endsWith("end")) socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
		});
	});
	const proxy = await startProxy(t, {
		clusters: [cluster("b", [upstream.port])],
		routes: [route("/idle", "b", retry("per_try_idle_timeout")), route("/", "b", retry("per_try_timeout"))],
	});
	for (const path of ["/", "/idle"]) {
		const client = await openClient(t, proxy.port());
		client.send(`POST ${path} HTTP/1.1\r\nhost: h\r\ncontent-length: 4\r\n\r\n`);
		await pause(limitMs);
		client.send("x");
		await pause(limitMs);
		client.send("end");
		assert.equal((await client.response()).status, 200, path);
	}
	const late = await openClient(t, proxy.port());
	late.send("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 4\r\n\r\nslow");
	assert.equal((await late.response()).status, 504);
	assert.equal(await proxy.stat("cluster.b.upstream_rq_per_try_timeout"), 2);
});

test("the idle limit of a try begins anew with each part of the answer", async (t) => {
	const upstream = await startRawServer(t, (socket) => {
		const parts = ["HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n", "a", "b", "c", "d"];
		socket.on("data", async () => {
			for (const part of parts) {
				await pause(limitMs / 2);
				socket.write(part);
			}
		});
	});
	const proxy = await startProxy(t, {
		clusters: [cluster("b", [upstream.port])],
		routes: [route("/", "b", retry("per_try_idle_timeout"))],
	});
	const client = await openClient(t, proxy.port());
	client.send("GET / HTTP/1.1\r\nhost: h\r\n\r\n");
	assert.equal((await client.response()).body, "abcd");
	assert.equal(await proxy.stat("cluster.b.upstream_rq_per_try_idle_timeout"), 0);
});
