import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type RequestListener, request } from "node:http";
import { type TestContext, test } from "node:test";
import { eventually } from "../support/eventually.ts";
import { cluster, route, startProxy } from "../support/running-proxy.ts";

interface Seen {
	readonly method: string;
	readonly url: string;
	readonly headers: IncomingMessage["headers"];
	readonly body: string;
}

/** A backend that remembers complete requests. */
async function startBackend(
	t: TestContext,
	answer: RequestListener,
): Promise<{ readonly port: number; readonly seen: Seen[] }> {
	const seen: Seen[] = [];
	const server = createServer((incoming, response) => {
		let body = "";
		incoming.setEncoding("utf8");
		incoming.on("data", (chunk: string) => {
			body += chunk;
		});
		incoming.on("end", () => {
			seen.push({ method: incoming.method ?? "", url: incoming.url ?? "", headers: incoming.headers, body });
			answer(incoming, response);
		});
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	t.after(() => {
		server.closeAllConnections();
		server.close();
	});
	const address = server.address();
	return { port: typeof address === "object" && address !== null ? address.port : 0, seen };
}

interface Answer {
	readonly status: number;
	readonly headers: IncomingMessage["headers"];
	readonly body: string;
}

function send(port: number, path: string, method = "GET", body?: string): Promise<Answer> {
	return new Promise((resolve, reject) => {
		const outgoing = request(
			{ host: "127.0.0.1", port, path, method, agent: false, headers: { host: "h.test:81" } },
			(response) => {
				let text = "";
				response.setEncoding("utf8");
				response.on("data", (chunk: string) => {
					text += chunk;
				});
				response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }));
			},
		);
		outgoing.on("error", reject);
		outgoing.end(body);
	});
}

test("a mirrored request reaches the second cluster with its body, and only the first one answers", async (t) => {
	const main = await startBackend(t, (_request, response) => response.end("main"));
	const mirror = await startBackend(t, (_request, response) => response.writeHead(500).end("mirror"));
	const proxy = await startProxy(t, {
		clusters: [cluster("main", [main.port]), cluster("mirror", [mirror.port])],
		routes: [route("/", "main", { request_mirror_policies: [{ cluster: "mirror" }, { cluster: "gone" }] })],
	});
	const answer = await send(proxy.port(), "/x?y", "POST", "payload");
	assert.deepEqual([answer.status, answer.body], [200, "main"]);
	await eventually(async () => assert.equal(mirror.seen.length, 1));
	const [copy] = mirror.seen;
	assert.deepEqual([copy?.method, copy?.url, copy?.body], ["POST", "/x?y", "payload"]);
	assert.equal(copy?.headers.host, "h.test-shadow:81");
	assert.equal(copy?.headers["x-envoy-internal"], "true");
	assert.equal(main.seen[0]?.headers.host, "h.test:81");
	await eventually(async () => assert.equal(await proxy.stat("cluster.mirror.upstream_rq_500"), 1));
	assert.equal(await proxy.stat("cluster.mirror.upstream_rq_active"), 0);
});

test("a mirror that never answers holds nothing back, and ends with the route's timeout", async (t) => {
	const main = await startBackend(t, (_request, response) => response.end("main"));
	const mirror = await startBackend(t, () => undefined);
	const proxy = await startProxy(t, {
		clusters: [cluster("main", [main.port]), cluster("mirror", [mirror.port])],
		routes: [route("/", "main", { timeout: "0.2s", request_mirror_policies: [{ cluster: "mirror" }] })],
	});
	assert.equal((await send(proxy.port(), "/")).body, "main");
	await eventually(async () => assert.equal(await proxy.stat("cluster.mirror.upstream_rq_timeout"), 1));
	assert.equal(await proxy.stat("cluster.mirror.upstream_rq_active"), 0);
});

test("an upstream's redirect is followed inside, with the body, as often as the policy allows", async (t) => {
	const first = await startBackend(t, (incoming, response) => {
		const location = incoming.url === "/loop" ? "http://h.test/loop" : "http://h.test/landed?q=1#f";
		response.writeHead(307, { location }).end();
	});
	const second = await startBackend(t, (_request, response) => response.end("landed"));
	const proxy = await startProxy(t, {
		clusters: [cluster("first", [first.port]), cluster("second", [second.port])],
		routes: [
			route("/landed", "second"),
			route("/", "first", { internal_redirect_policy: { max_internal_redirects: 2, redirect_response_codes: [307] } }),
		],
	});
	const answer = await send(proxy.port(), "/go", "PUT", "payload");
	assert.deepEqual([answer.status, answer.body], [200, "landed"]);
	const [landed] = second.seen;
	assert.deepEqual([landed?.method, landed?.url, landed?.body], ["PUT", "/landed?q=1", "payload"]);
	assert.equal(landed?.headers.host, "h.test");
	assert.equal(landed?.headers["x-envoy-original-url"], "http://h.test:81/go");
	const loop = await send(proxy.port(), "/loop");
	assert.deepEqual([loop.status, loop.headers.location], [307, "http://h.test/loop"]);
	assert.equal(first.seen.filter(({ url }) => url === "/loop").length, 3);
	assert.equal(await proxy.stat("cluster.first.upstream_internal_redirect_succeeded_total"), 3);
	assert.equal(await proxy.stat("cluster.first.upstream_internal_redirect_failed_total"), 1);
});

test("303 makes the redirected request a GET without a body", async (t) => {
	const first = await startBackend(t, (_request, response) =>
		response.writeHead(303, { location: "http://h.test/landed" }).end(),
	);
	const second = await startBackend(t, (_request, response) => response.end("landed"));
	const proxy = await startProxy(t, {
		clusters: [cluster("first", [first.port]), cluster("second", [second.port])],
		routes: [
			route("/landed", "second"),
			route("/", "first", { internal_redirect_policy: { redirect_response_codes: [303] } }),
		],
	});
	assert.equal((await send(proxy.port(), "/go", "POST", "payload")).body, "landed");
	assert.deepEqual([second.seen[0]?.method, second.seen[0]?.body], ["GET", ""]);
	assert.equal(second.seen[0]?.headers["content-length"], undefined);
});

test("a redirect to another scheme goes back to the client", async (t) => {
	const first = await startBackend(t, (_request, response) =>
		response.writeHead(302, { location: "https://h.test/x" }).end(),
	);
	const proxy = await startProxy(t, {
		clusters: [cluster("first", [first.port])],
		routes: [route("/", "first", { internal_redirect_policy: {} })],
	});
	assert.equal((await send(proxy.port(), "/")).status, 302);
	assert.equal(await proxy.stat("http.in.passthrough_internal_redirect_unsafe_scheme"), 1);
});

test("a hedged request takes the first answer, of whichever try", async (t) => {
	let count = 0;
	const backend = await startBackend(t, (incoming, response) => {
		const number = ++count;
		const slow = incoming.url === "/slow" ? number === 1 : true;
		if (incoming.url === "/all") setTimeout(() => response.end(`try ${number}`), number === 1 ? 300 : 2000);
		else if (!slow) response.end(`try ${number}`);
	});
	const hedged = {
		timeout: "5s",
		hedge_policy: { hedge_on_per_try_timeout: true },
		retry_policy: {
			retry_on: "5xx",
			num_retries: 2,
			per_try_timeout: "0.1s",
			retry_back_off: { base_interval: "0.001s" },
		},
	};
	const proxy = await startProxy(t, {
		clusters: [cluster("backend", [backend.port])],
		routes: [route("/", "backend", hedged)],
	});
	assert.equal((await send(proxy.port(), "/slow")).body, "try 2");
	count = 0;
	assert.equal((await send(proxy.port(), "/all")).body, "try 1");
	await eventually(async () => assert.equal(await proxy.stat("cluster.backend.upstream_rq_active"), 0));
});

test("what local_reply_config adds to the router's own answers stays, whatever the route removes from answers", async (t) => {
	const backend = await startBackend(t, (_request, response) => response.setHeader("x-mark", "forged").end());
	const proxy = await startProxy(t, {
		clusters: [cluster("backend", [backend.port]), cluster("nobody", [])],
		routes: [route("/gone", "nobody"), route("/", "backend")].map((entry) => ({
			...entry,
			response_headers_to_remove: ["x-mark"],
		})),
		manager: {
			local_reply_config: {
				mappers: [
					{
						filter: {
							status_code_filter: { comparison: { op: "EQ", value: { default_value: 503, runtime_key: "a.b" } } },
						},
						headers_to_add: [{ header: { key: "x-mark", value: "ours" } }],
					},
				],
			},
		},
	});
	const gone = await send(proxy.port(), "/gone");
	assert.deepEqual([gone.status, gone.headers["x-mark"]], [503, "ours"]);
	assert.equal((await send(proxy.port(), "/")).headers["x-mark"], undefined);
});

test("an answer of a filter carries what the route adds to answers, as an answer of the upstream does", async (t) => {
	const backend = await startBackend(t, (_request, response) => response.end("upstream"));
	const rule = { response_headers_to_add: [{ header: { key: "x-rule", value: "taken" } }] };
	const proxy = await startProxy(t, {
		clusters: [cluster("backend", [backend.port])],
		routes: [
			{ ...rule, match: { prefix: "/direct" }, direct_response: { status: 200 } },
			{ ...route("/", "backend"), ...rule },
		],
		manager: {
			http_filters: [
				{
					name: "envoy.filters.http.fault",
					typed_config: {
						"@type": "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault",
						abort: { http_status: 418, percentage: { numerator: 100 } },
						headers: [{ name: ":method", string_match: { exact: "PUT" } }],
					},
				},
				{
					name: "envoy.filters.http.router",
					typed_config: { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
				},
			],
		},
	});
	const upstream = await send(proxy.port(), "/");
	assert.deepEqual([upstream.status, upstream.headers["x-rule"]], [200, "taken"]);
	const aborted = await send(proxy.port(), "/", "PUT");
	assert.deepEqual([aborted.status, aborted.headers["x-rule"]], [418, "taken"]);
	// A route that leads to no upstream says something of its own answers only.
	const direct = await send(proxy.port(), "/direct", "PUT");
	assert.deepEqual([direct.status, direct.headers["x-rule"]], [418, undefined]);
});

test("an answer to a CORS preflight is the policy's alone", async (t) => {
	const backend = await startBackend(t, (_request, response) => response.end("upstream"));
	const extension = (name: string, type: string, fields: object = {}): object => ({
		name,
		typed_config: { "@type": `type.googleapis.com/envoy.extensions.filters.http.${type}`, ...fields },
	});
	const proxy = await startProxy(t, {
		clusters: [cluster("backend", [backend.port])],
		routes: [
			{
				...route("/", "backend"),
				response_headers_to_add: [{ header: { key: "x-rule", value: "taken" } }],
				typed_per_filter_config: {
					"envoy.filters.http.cors": {
						"@type": "type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy",
						allow_origin_string_match: [{ exact: "http://a.test" }],
						allow_methods: "GET",
					},
				},
			},
		],
		manager: {
			http_filters: [
				extension("envoy.filters.http.cors", "cors.v3.Cors"),
				extension("envoy.filters.http.router", "router.v3.Router"),
			],
		},
	});
	const answer = await fetch(`http://127.0.0.1:${proxy.port()}/`, {
		method: "OPTIONS",
		headers: { origin: "http://a.test", "access-control-request-method": "GET" },
	});
	await answer.arrayBuffer();
	assert.deepEqual(
		[answer.status, answer.headers.get("access-control-allow-methods"), answer.headers.get("x-rule")],
		[200, "GET", null],
	);
});
