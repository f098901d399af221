/** A request through two proxies: each reports it with the labels of both workloads. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { eventually } from "../../../../../test/support/eventually.ts";
import { sendRequest } from "../../../../../test/support/http-call.ts";
import { address, cluster, type RunningProxy, route, startProxyOn } from "../../../../../test/support/running-proxy.ts";

const type = "type.googleapis.com/envoy.extensions.filters.";

function startSidecar(
	t: TestContext,
	workload: string,
	reporter: "source" | "destination",
	upstream: object & { name?: string },
): Promise<RunningProxy> {
	const stats = {
		"@type": "type.googleapis.com/udpa.type.v1.TypedStruct",
		type_url: "type.googleapis.com/stats.PluginConfig",
		value: { reporter },
	};
	const manager = {
		"@type": `${type}network.http_connection_manager.v3.HttpConnectionManager`,
		stat_prefix: reporter,
		route_config: { name: "r", virtual_hosts: [{ name: "v", domains: ["*"], routes: [route("/", upstream.name!)] }] },
		http_filters: [
			{ name: "istio.stats", typed_config: stats },
			{ name: "router", typed_config: { "@type": `${type}http.router.v3.Router` } },
		],
	};
	return startProxyOn(t, {
		node: {
			id: `sidecar~127.0.0.1~${workload}-0.shop~shop.svc.cluster.local`,
			cluster: `${workload}.shop`,
			metadata: {
				NAME: `${workload}-0`,
				NAMESPACE: "shop",
				WORKLOAD_NAME: workload,
				LABELS: { app: workload, version: "v1" },
			},
		},
		admin: { address: address(0) },
		static_resources: {
			listeners: [
				{ name: "l1", address: address(0), filter_chains: [{ filters: [{ name: "http", typed_config: manager }] }] },
			],
			clusters: [upstream],
		},
	});
}

test("both sides report a request with both workloads, and the application sees no metadata", async (t) => {
	const seen: (string | string[] | undefined)[] = [];
	const application = createServer((request, response) => {
		seen.push(...Object.keys(request.headers).filter((name) => name.startsWith("x-envoy-peer")));
		response.end("reviews");
	});
	await new Promise<void>((resolve) => application.listen(0, "127.0.0.1", resolve));
	t.after(() => application.close().closeAllConnections());
	const services = { services: [{ host: "reviews.shop.svc.cluster.local", name: "reviews", namespace: "shop" }] };
	const metadata = { filter_metadata: { istio: services } };
	const inbound = cluster("inbound|8080||", [(application.address() as AddressInfo).port], { metadata });
	const destination = await startSidecar(t, "reviews", "destination", inbound);
	const name = "outbound|80||reviews.shop.svc.cluster.local";
	const source = await startSidecar(t, "web", "source", cluster(name, [destination.port()], { metadata }));

	for (let round = 0; round < 3; round++)
		await sendRequest({ port: source.port(), path: "/", headers: { host: "reviews" } });

	const labels = async (proxy: RunningProxy): Promise<string> => {
		const lines = (await proxy.admin("/stats/prometheus?filter=istio_requests_total")).split("\n");
		const line = lines.find((text) => text.startsWith("istio_requests_total{"));
		assert.ok(line !== undefined);
		assert.match(line, / 3$/);
		return line;
	};
	await eventually(async () => {
		for (const line of [await labels(source), await labels(destination)]) {
			assert.match(line, /source_workload="web",source_canonical_service="web",source_canonical_revision="v1"/);
			assert.match(line, /destination_service="reviews.shop.svc.cluster.local"/);
			assert.match(line, /response_code="200",grpc_response_status="",response_flags="-"/);
		}
	});
	assert.match(
		await labels(destination),
		/reporter="destination".*source_workload_namespace="shop".*destination_workload="reviews"/,
	);
	assert.match(await labels(destination), /connection_security_policy="none"/);
	assert.match(await labels(source), /reporter="source".*connection_security_policy="unknown"/);
	assert.deepEqual(seen, []);
});
