/** Istio's metrics with labels of one's own, through a proxy. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { eventually } from "../../../../../test/support/eventually.ts";
import { sendRequest } from "../../../../../test/support/http-call.ts";
import { address, cluster, type RunningProxy, route, startProxyOn } from "../../../../../test/support/running-proxy.ts";
import { startGreeter, talk } from "../../../../../test/support/tcp-talk.ts";

const type = "type.googleapis.com/envoy.extensions.filters.";

function statsFilter(metrics: readonly object[]): object {
	return {
		name: "istio.stats",
		typed_config: {
			"@type": "type.googleapis.com/udpa.type.v1.TypedStruct",
			type_url: "type.googleapis.com/stats.PluginConfig",
			value: { reporter: "source", metrics },
		},
	};
}

function startProxy(t: TestContext, filters: readonly object[], upstream: object): Promise<RunningProxy> {
	return startProxyOn(t, {
		node: { id: "sidecar~127.0.0.1~web-0.shop~d", cluster: "web.shop", metadata: { WORKLOAD_NAME: "web" } },
		admin: { address: address(0) },
		static_resources: {
			listeners: [{ name: "l1", address: address(0), filter_chains: [{ filters }] }],
			clusters: [upstream],
		},
	});
}

async function startHttp(t: TestContext, metrics: readonly object[]): Promise<RunningProxy> {
	const application = createServer((request, response) => {
		response.setHeader("x-kind", "answer");
		response.writeHead(request.url === "/gone" ? 404 : 200);
		response.end();
	});
	await new Promise<void>((resolve) => application.listen(0, "127.0.0.1", resolve));
	t.after(() => application.close().closeAllConnections());
	const manager = {
		"@type": `${type}network.http_connection_manager.v3.HttpConnectionManager`,
		stat_prefix: "h",
		route_config: { name: "r", virtual_hosts: [{ name: "v", domains: ["*"], routes: [route("/", "c")] }] },
		http_filters: [statsFilter(metrics), { name: "router", typed_config: { "@type": `${type}http.router.v3.Router` } }],
	};
	const upstream = cluster("c", [(application.address() as AddressInfo).port]);
	return startProxy(t, [{ name: "http", typed_config: manager }], upstream);
}

async function scrape(proxy: RunningProxy, name: string): Promise<string[]> {
	const lines = (await proxy.admin("/stats/prometheus")).split("\n");
	return lines.filter((line) => line.startsWith(`${name}{`));
}

test("labels are added and removed for the metric that is named, and a dropped one is not counted", async (t) => {
	const proxy = await startHttp(t, [
		{
			name: "requests_total",
			dimensions: {
				request_host: "request.host",
				method: "request.method + '!'",
				kind: "response.headers['x-kind']",
				missing: "request.headers['x-none']",
				reporter: "'me'",
			},
			tags_to_remove: ["response_code"],
		},
		{ name: "request_bytes", drop: true },
		{ name: "no_such_metric", drop: true },
	]);
	for (const path of ["/", "/gone"]) await sendRequest({ port: proxy.port(), path, headers: { host: "shop.test" } });
	await sendRequest({ port: proxy.port(), path: "/", headers: { host: "other.test" } });

	await eventually(async () => assert.equal((await scrape(proxy, "istio_requests_total")).length, 2));
	const [first, second] = await scrape(proxy, "istio_requests_total");
	assert.match(
		first!,
		/^istio_requests_total\{reporter="me",source_workload="web",.*,kind="answer",method="GET!",missing="unknown",request_host="shop\.test"\} 2$/,
	);
	assert.match(second!, /request_host="other\.test"\} 1$/);
	assert.doesNotMatch(first!, /response_code=/);
	const durations = await scrape(proxy, "istio_request_duration_milliseconds_count");
	assert.ok(durations.some((line) => /reporter="source",.*response_code="404"/.test(line)));
	assert.ok(durations.every((line) => !line.includes("request_host=")));
	assert.deepEqual(await scrape(proxy, "istio_request_bytes_count"), []);
	const types = (await proxy.admin("/stats/prometheus")).match(/^# TYPE istio_requests_total .*$/gm);
	assert.equal(types?.length, 1);
});

test("strangers cannot grow the metrics by what expressions read", async (t) => {
	const proxy = await startHttp(t, [{ name: "", dimensions: { who: "request.headers['x-who']" } }]);
	for (let index = 0; index < 20; index++)
		await sendRequest({ port: proxy.port(), path: "/", headers: { host: "a", "x-who": `${index % 4}` } });
	await eventually(async () => assert.equal((await scrape(proxy, "istio_requests_total")).length, 4));
	for (const line of await scrape(proxy, "istio_requests_total")) assert.match(line, /who="[0-3]"\} 5$/);
});

test("the labels of TCP's metrics change the same way", async (t) => {
	const greeter = await startGreeter(t, "back");
	const proxy = await startProxy(
		t,
		[
			statsFilter([
				{
					name: "tcp_sent_bytes_total",
					dimensions: { port: "string(destination.port)" },
					tags_to_remove: ["source_app"],
				},
				{ name: "tcp_connections_closed_total", drop: true },
			]),
			{
				name: "tcp",
				typed_config: { "@type": `${type}network.tcp_proxy.v3.TcpProxy`, stat_prefix: "t", cluster: "c" },
			},
		],
		cluster("c", [greeter]),
	);
	await talk({ port: proxy.port(), until: "hello back\n" });
	await eventually(async () => assert.equal((await scrape(proxy, "istio_tcp_sent_bytes_total")).length, 1));
	const [line] = await scrape(proxy, "istio_tcp_sent_bytes_total");
	assert.match(line!, new RegExp(`port="${proxy.port()}"\\} [1-9]`));
	assert.doesNotMatch(line!, /source_app=/);
	assert.match((await scrape(proxy, "istio_tcp_connections_opened_total"))[0]!, /source_app=/);
	assert.deepEqual(await scrape(proxy, "istio_tcp_connections_closed_total"), []);
});
