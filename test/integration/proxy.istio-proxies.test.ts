/** Two proxies with the filters that Istio's control plane gives to its own: HTTP and TCP of the mesh come to the filter chain that is theirs
 *  by what ALPN says, and both sides know who is talking. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { eventually } from "../support/eventually.ts";
import { sendRequest } from "../support/http-call.ts";
import { createTestPki } from "../support/pki.ts";
import { address, cluster, type RunningProxy, route, startProxyOn } from "../support/running-proxy.ts";
import { startSeenBackend } from "../support/seen-backend.ts";
import { startGreeter, talk } from "../support/tcp-talk.ts";

const extensions = "type.googleapis.com/envoy.extensions.";
const pki = createTestPki();
const exchangeProtocol = "istio-peer-exchange";

function struct(type: string, value: object): object {
	return {
		"@type": "type.googleapis.com/udpa.type.v1.TypedStruct",
		type_url: `type.googleapis.com/${type}`,
		value,
	};
}

const exchange = {
	name: "istio.metadata_exchange",
	typed_config: struct("envoy.tcp.metadataexchange.config.MetadataExchange", {
		protocol: exchangeProtocol,
		enable_discovery: true,
	}),
};

function commonTls(workload: string, alpn: readonly string[]): object {
	const own = pki.issue(pki.idOf(workload));
	return {
		tls_certificates: [
			{
				certificate_chain: { inline_string: own.certificateChainPem },
				private_key: { inline_string: own.privateKeyPem },
			},
		],
		validation_context: { trusted_ca: { inline_string: pki.bundlePem } },
		alpn_protocols: alpn,
	};
}

function socket(side: "Upstream" | "Downstream", workload: string, alpn: readonly string[]): object {
	const common = { common_tls_context: commonTls(workload, alpn) };
	const more = side === "Downstream" ? { require_client_certificate: true } : {};
	return {
		name: "envoy.transport_sockets.tls",
		typed_config: { "@type": `${extensions}transport_sockets.tls.v3.${side}TlsContext`, ...common, ...more },
	};
}

function http(prefix: string, routes: readonly object[], filters: readonly object[]): object {
	return {
		name: "http",
		typed_config: {
			"@type": `${extensions}filters.network.http_connection_manager.v3.HttpConnectionManager`,
			stat_prefix: prefix,
			route_config: { name: "r", virtual_hosts: [{ name: "v", domains: ["*"], routes }] },
			http_filters: [
				...filters,
				{ name: "router", typed_config: { "@type": `${extensions}filters.http.router.v3.Router` } },
			],
		},
	};
}

function tcp(prefix: string, to: string): object {
	const type = `${extensions}filters.network.tcp_proxy.v3.TcpProxy`;
	return { name: "tcp", typed_config: { "@type": type, stat_prefix: prefix, cluster: to } };
}

function peers(value: object): object {
	return { name: "istio.metadata_exchange", typed_config: struct("io.istio.http.peer_metadata.Config", value) };
}

function metrics(reporter: string): object {
	return { name: "istio.stats", typed_config: struct("stats.PluginConfig", { reporter }) };
}

const headers = [{ istio_headers: {} }];
const alpn = {
	name: "istio.alpn",
	typed_config: {
		"@type": "type.googleapis.com/istio.envoy.config.filter.http.alpn.v2alpha1.FilterConfig",
		alpn_override: [
			{ upstream_protocol: "HTTP10", alpn_override: ["istio-http/1.0", "istio", "http/1.0"] },
			{ upstream_protocol: "HTTP11", alpn_override: ["istio-http/1.1", "istio", "http/1.1"] },
			{ upstream_protocol: "HTTP2", alpn_override: ["istio-h2", "istio", "h2"] },
		],
	},
};

function start(t: TestContext, workload: string, resources: object): Promise<RunningProxy> {
	return startProxyOn(t, {
		node: {
			id: `sidecar~127.0.0.1~${workload}-0.shop~shop.svc.cluster.local`,
			cluster: `${workload}.shop`,
			metadata: { NAMESPACE: "shop", WORKLOAD_NAME: workload, LABELS: { app: workload } },
		},
		admin: { address: address(0) },
		static_resources: resources,
	});
}

/** The server's sidecar: one port, whose chains ALPN tells apart. */
async function startInbound(t: TestContext): Promise<RunningProxy> {
	const chain = (protocols: readonly string[], filters: readonly object[]): object => ({
		filter_chain_match: { transport_protocol: "tls", application_protocols: protocols },
		filters: [exchange, ...filters],
		transport_socket: socket("Downstream", "reviews", [exchangeProtocol, "h2", "http/1.1"]),
	});
	const asHttp = http(
		"inbound",
		[route("/", "application")],
		[peers({ downstream_discovery: headers, downstream_propagation: headers }), metrics("destination")],
	);
	return await start(t, "reviews", {
		listeners: [
			{
				name: "l1",
				address: address(0),
				listener_filters: [
					{
						name: "envoy.filters.listener.tls_inspector",
						typed_config: { "@type": `${extensions}filters.listener.tls_inspector.v3.TlsInspector` },
					},
				],
				filter_chains: [
					chain(["istio-http/1.0", "istio-http/1.1", "istio-h2"], [asHttp]),
					chain([exchangeProtocol, "istio"], [tcp("inbound", "raw")]),
				],
			},
		],
		clusters: [cluster("application", [await startSeenBackend(t)]), cluster("raw", [await startGreeter(t, "raw")])],
	});
}

async function startPair(t: TestContext) {
	const inbound = await startInbound(t);
	const outbound = (name: string, more: object = {}): object =>
		cluster(name, [inbound.port()], {
			filters: [exchange],
			transport_socket: socket("Upstream", "web", [exchangeProtocol, "istio"]),
			...more,
		});
	const istio = (value: object): object => ({ metadata: { filter_metadata: { istio: value } } });
	const outside = await startSeenBackend(t);
	const filters = [
		peers({
			upstream_discovery: headers,
			upstream_propagation: [{ istio_headers: { skip_external_clusters: true } }],
		}),
		alpn,
		metrics("source"),
	];
	const routes = [
		route("/outside", "outside"),
		route("/silent", "silent"),
		route("/as-it-is", "as-it-is"),
		route("/", "reviews"),
	];
	const source = await start(t, "web", {
		listeners: [
			{ name: "l1", address: address(0), filter_chains: [{ filters: [http("outbound", routes, filters)] }] },
			{ name: "tcp", address: address(0), filter_chains: [{ filters: [tcp("outbound", "reviews")] }] },
		],
		clusters: [
			outbound("reviews"),
			outbound("as-it-is", istio({ alpn_override: "false" })),
			outbound("silent", istio({ disable_mx: true })),
			cluster("outside", [outside], istio({ external: true })),
		],
	});
	return { inbound, source };
}

test("HTTP of the mesh is told apart from other bytes, and neither side's metadata gets through", async (t) => {
	const { inbound, source } = await startPair(t);
	for (const path of ["/", "/outside"]) {
		const { status, body, headers: answered } = await sendRequest({ port: source.port(), path });
		const seen = JSON.parse(body) as { readonly headers: Record<string, string> };
		assert.equal(status, 200);
		for (const all of [answered, seen.headers])
			assert.deepEqual(
				Object.keys(all).filter((name) => name.startsWith("x-envoy-peer")),
				[],
				path,
			);
	}
	assert.equal(await inbound.stat("http.inbound.downstream_rq_total"), 1);
	const labels = async (proxy: RunningProxy, reporter: string): Promise<string | undefined> =>
		(await proxy.admin("/stats/prometheus?filter=istio_requests_total"))
			.split("\n")
			.find((line) => line.includes(`reporter="${reporter}"`) && line.includes('_workload="reviews"'));
	await eventually(async () => {
		for (const line of [await labels(source, "source"), await labels(inbound, "destination")])
			assert.match(line ?? "", /source_workload="web".*destination_workload="reviews"/);
	});
});

test("bytes are carried from the first one on", async (t) => {
	const { inbound, source } = await startPair(t);
	const said = await talk({
		port: source.port("tcp"),
		send: [{ after: "hello raw", bytes: "ping" }],
		until: "echo:ping",
	});
	assert.deepEqual(said, { heard: "hello raw\necho:ping", end: "heard" });
	assert.equal(await inbound.stat("tcp.inbound.downstream_cx_total"), 1);
});

test("a cluster can keep its own protocols, and who is talking to itself", async (t) => {
	const { inbound, source } = await startPair(t);
	// It offers `istio` alone, which is the chain for bytes: their greeting is no answer.
	const asItIs = await sendRequest({ port: source.port(), path: "/as-it-is" });
	assert.equal(asItIs.status, 502);
	assert.equal((await sendRequest({ port: source.port(), path: "/silent" })).status, 200);
	await eventually(async () => {
		const text = await inbound.admin("/stats/prometheus?filter=istio_requests_total");
		assert.match(text, /reporter="destination",source_workload="unknown"/);
	});
});
