import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { test } from "node:test";
import { createListeningSocket, descriptorOf, openSystemCalls, type SystemCalls } from "./index.ts";
import { decodeSocketAddress, encodeSocketAddress } from "./socket-address.ts";

function requireCalls(): SystemCalls {
	const result = openSystemCalls();
	assert.ok(result.ok, "reason" in result ? result.reason : "");
	return result.calls;
}

const linuxOnly = { skip: process.platform === "linux" ? false : "system calls are made on Linux only" };

test("options of an open socket are read and set", linuxOnly, async (t) => {
	const calls = requireCalls();
	const server = createServer().listen(0, "127.0.0.1");
	t.after(() => server.close());
	await once(server, "listening");
	const descriptor = descriptorOf(server)!;
	assert.equal(calls.getOption(descriptor, 1, 3, 4)?.readInt32LE(), 1, "SO_TYPE is SOCK_STREAM");
	assert.ok(calls.setOption(descriptor, { level: 1, name: 9, value: Uint8Array.of(1, 0, 0, 0) }));
	assert.equal(calls.getOption(descriptor, 1, 9, 4)?.readInt32LE(), 1, "SO_KEEPALIVE");
	assert.equal(calls.setOption(descriptor, { level: 1, name: 9999, value: Uint8Array.of(1, 0, 0, 0) }), false);
	assert.equal(calls.originalDestination(descriptor, "ipv4"), undefined, "nobody redirected it");
});

test("a socket made with options before binding is served by Node", linuxOnly, async (t) => {
	const calls = requireCalls();
	const made = createListeningSocket(calls, {
		ip: "127.0.0.1",
		port: 0,
		ipv4Compatible: false,
		reusePort: true,
		options: [{ level: 0, name: 15, value: Uint8Array.of(1, 0, 0, 0) }],
	});
	assert.ok(made.ok);
	const server = createServer((socket) => socket.end("here")).listen({ fd: made.descriptor });
	t.after(() => server.close());
	await once(server, "listening");
	const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
	const [bytes] = (await once(client, "data")) as [Buffer];
	assert.equal(bytes.toString(), "here");
});

test(
	"a listening socket of another process is taken over and serves on when that process is gone",
	linuxOnly,
	async (t) => {
		const calls = requireCalls();
		const script = `const s = require("node:net").createServer().listen(0, "127.0.0.1", () => console.log(s._handle.fd, s.address().port))`;
		const other = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
		t.after(() => other.kill());
		const [line] = (await once(other.stdout, "data")) as [Buffer];
		const [descriptor, port] = line.toString().split(" ").map(Number) as [number, number];
		const taken = calls.takeDescriptor(other.pid!, descriptor);
		assert.ok(taken !== undefined);
		other.kill();
		await once(other, "exit");
		const server = createServer((socket) => socket.end("still here")).listen({ fd: taken });
		t.after(() => server.close());
		await once(server, "listening");
		const [bytes] = (await once(connect(port, "127.0.0.1"), "data")) as [Buffer];
		assert.equal(bytes.toString(), "still here");
	},
);

test("addresses survive the system's form", () => {
	for (const [ip, port] of [
		["127.0.0.1", 80],
		["::1", 8080],
		["2001:db8::a:0:1", 65535],
	] as const) {
		assert.deepEqual(decodeSocketAddress(Buffer.from(encodeSocketAddress(ip, port))), { ip, port });
	}
});

test("opening them says nothing to whoever reads a log", linuxOnly, async () => {
	const door = new URL("./index.ts", import.meta.url).href;
	const program = `const { openSystemCalls } = await import(${JSON.stringify(door)}); process.exitCode = openSystemCalls().ok ? 0 : 1;`;
	const child = spawn(process.execPath, ["--input-type=module", "-e", program], { stdio: ["ignore", "pipe", "pipe"] });
	const said: string[] = [];
	for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => said.push(String(chunk)));
	const [code] = await once(child, "close");
	assert.deepEqual([code, said.join("")], [0, ""]);
});
