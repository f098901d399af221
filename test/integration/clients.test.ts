/** Stock HTTP clients, with nothing but the environment that `amime up` gives to an application, reach services through the mesh. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { eventually } from "../support/eventually.ts";
import { sendRequest } from "../support/http-call.ts";
import { findProgram, skipWithout } from "../support/peers.ts";
import { type RunningMesh, startMesh } from "../support/running-mesh.ts";
import { makeTemporaryFolder } from "../support/temporary-folder.ts";

const run = promisify(execFile);
const source = "test/integration/testdata/clients";
const clients = join(import.meta.dirname, "testdata/clients");
const goCache = join(import.meta.dirname, "../../.cache/go-build");

type Environment = Readonly<Record<string, string>>;

/** What `reviews` says about a request that reached it. */
interface Seen {
	readonly instance: string;
	readonly pid: number;
	readonly method: string;
	readonly host: string;
	readonly caller: string;
	readonly body: string;
}

/** A client program: the command for a URL, and what it sends. */
interface Client {
	readonly name: string;
	/** Program that must be installed for it; undefined when Node is enough. */
	readonly needs?: string;
	readonly method: "GET" | "POST";
	command(t: TestContext): Promise<readonly [program: string, ...args: string[]]>;
}

const stockClients: readonly Client[] = [
	{ name: "curl", needs: "curl", method: "GET", command: async () => ["curl", "-sS", "--fail", "--max-time", "20"] },
	{ name: "urllib", needs: "python3", method: "POST", command: async () => ["python3", join(clients, "client.py")] },
	{ name: "Node's fetch", method: "POST", command: async () => ["node", join(clients, "fetch.mjs")] },
	{ name: "Node's http.get", method: "GET", command: async () => ["node", join(clients, "http-get.mjs")] },
	{ name: "Go's net/http", needs: "go", method: "POST", command: buildGoClient },
];

/** Standard library only, from nothing but this machine. */
async function buildGoClient(t: TestContext): Promise<[string]> {
	const program = join(makeTemporaryFolder(t), "client");
	const env = { ...process.env, GOCACHE: goCache, GOPROXY: "off", GOFLAGS: "", GO111MODULE: "off", CGO_ENABLED: "0" };
	await run("go", ["build", "-o", program, join(clients, "client.go")], { env });
	return [program];
}

async function readEnvironment(mesh: RunningMesh): Promise<Environment> {
	return JSON.parse((await mesh.callApplication("caller-0", "/environment")).body) as Environment;
}

/** Sends a request through the forward proxy and answers with the response's head. */
async function openRequest(env: Environment, path: string, method: string) {
	const proxy = new URL(env["HTTP_PROXY"]!);
	const outgoing = request({ host: proxy.hostname, port: proxy.port, path, method, agent: false });
	outgoing.setHeader("host", "reviews");
	outgoing.flushHeaders();
	const response = once(outgoing, "response").then(([answer]) => answer as IncomingMessage);
	return { outgoing, response };
}

test("applications reach services through their sidecars with the clients they have", async (t) => {
	const mesh = await startMesh(t, source);
	const env = await readEnvironment(mesh);
	const { httpProxyPort, upstreams } = mesh.instanceBefore("caller-0");
	const upstream = `http://127.0.0.1:${upstreams[0]!.listenPort}`;

	await t.test("the environment leads to the sidecar", () => {
		const proxy = `http://127.0.0.1:${httpProxyPort}`;
		assert.equal(env["HTTP_PROXY"], proxy);
		assert.equal(env["http_proxy"], proxy);
		assert.match(env["NO_PROXY"]!, /127\.0\.0\.1/);
		assert.equal(env["NO_PROXY"], env["no_proxy"]);
		assert.equal(env["NODE_USE_ENV_PROXY"], "1");
		assert.equal(env["AMIME_UPSTREAM_REVIEWS"], upstream);
	});

	for (const client of stockClients) {
		const skip = client.needs === undefined ? false : skipWithout(client.needs, findProgram(client.needs));
		await t.test(`${client.name}, by the service's name and by AMIME_UPSTREAM_REVIEWS`, { skip }, async (t) => {
			const [program, ...args] = await client.command(t);
			for (const base of ["http://reviews", "http://reviews.test.svc.cluster.local:80", upstream]) {
				const { stdout } = await run(program, [...args, `${base}/hello`], { env });
				const seen = JSON.parse(stdout) as Seen;
				assert.match(seen.instance, /^reviews-[012]$/);
				assert.match(
					seen.caller,
					/URI=spiffe:\/\/cluster\.local\/ns\/test\/sa\/caller/,
					`${base}: not over mutual TLS`,
				);
				assert.equal(seen.method, client.method);
				assert.equal(seen.body, client.method === "POST" ? "from a client" : "");
			}
		});
	}

	await t.test("a name that is no service is answered with a sentence", async () => {
		const answer = await mesh.call("caller-0", "http://nowhere/");
		assert.equal(answer.status, 502);
		assert.match(answer.body, /nowhere/);
	});

	await t.test("`replicas: 3` is three processes and three endpoints", async () => {
		const processes = new Map<string, number>();
		await eventually(async () => {
			const seen = JSON.parse((await mesh.call("caller-0", "http://reviews/")).body) as Seen;
			processes.set(seen.instance, seen.pid);
			assert.equal(processes.size, 3);
		});
		assert.deepEqual([...processes.keys()].sort(), ["reviews-0", "reviews-1", "reviews-2"]);
		assert.equal(new Set(processes.values()).size, 3);
		const reviews = (await mesh.instances()).filter(({ workload }) => workload === "reviews");
		const { adminPort } = mesh.instanceBefore("caller-0");
		const { body: clusters } = await sendRequest({ port: adminPort!, path: "/clusters" });
		for (const { ports } of reviews) {
			assert.match(
				clusters,
				new RegExp(`reviews\\.test\\.svc.*::127\\.0\\.0\\.1:${ports[0]!.meshPort}::health_flags::healthy`),
			);
		}
	});

	for (const [way, base] of [
		["by the service's name", "http://reviews"],
		["by AMIME_UPSTREAM_REVIEWS", upstream],
	] as const) {
		await t.test(`a WebSocket passes two sidecars ${way}`, async () => {
			const { stdout } = await run("node", [join(clients, "web-socket.mjs"), base], { env });
			assert.equal(stdout, "one\ntwo\n");
		});
	}

	await t.test("a streamed response arrives as it is written", async () => {
		const { outgoing, response } = await openRequest(env, "http://reviews/stream", "GET");
		outgoing.end();
		const answer = (await response).setEncoding("utf8");
		assert.equal(answer.headers["transfer-encoding"], "chunked");
		const pieces = answer[Symbol.asyncIterator]();
		assert.equal((await pieces.next()).value, "first;");
		await mesh.callApplication(String(answer.headers["x-instance"]), "/go-on");
		assert.equal((await pieces.next()).value, "second;");
		assert.equal((await pieces.next()).done, true);
	});

	await t.test("request and response stream at the same time", async () => {
		const { outgoing, response } = await openRequest(env, "http://reviews/echo", "POST");
		outgoing.write("ping");
		const pieces = (await response).setEncoding("utf8")[Symbol.asyncIterator]();
		assert.equal((await pieces.next()).value, "ping");
		outgoing.end("pong");
		assert.equal((await pieces.next()).value, "pong");
		assert.equal((await pieces.next()).done, true);
	});
});
