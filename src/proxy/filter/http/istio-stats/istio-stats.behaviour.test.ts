import assert from "node:assert/strict";
import { test } from "node:test";
import { createFakeClock } from "../../../../../test/support/fake-clock.ts";
import { makeCertificate, makeTls } from "../../../../../test/support/streams.ts";
import { getHeader, type HeaderList, removeHeader, setHeader } from "../../../../core/index.ts";
import {
	type ConnectionFacts,
	createStreamInfo,
	ResponseFlag,
	type StreamInfo,
	type TlsSession,
} from "../../../../engine/format/index.ts";
import {
	createMetricsRegistry,
	createPrometheusFormatter,
	createTagExtractor,
	type MetricsRegistry,
} from "../../../../telemetry/index.ts";
import {
	createIstioMetrics,
	createIstioStatsFilter,
	createIstioTcpConnection,
	type IstioMetrics,
	type IstioStatsFilter,
	type IstioStatsStream,
	type MessageHead,
	type Reporter,
} from "./index.ts";
import { decodePeerMetadata, encodePeerMetadata, PeerCache, readNodeMetadata } from "./workload.ts";

const webNode = {
	id: "sidecar~127.0.0.1~web-0.shop~shop.svc.cluster.local",
	metadata: {
		NAME: "web-0",
		NAMESPACE: "shop",
		WORKLOAD_NAME: "web",
		LABELS: { app: "web", version: "v1" },
		CLUSTER_ID: "amime",
		SECRET: "stays here",
	},
};
const reviewsNode = {
	id: "sidecar~127.0.0.1~reviews-0.shop~shop.svc.cluster.local",
	metadata: {
		NAME: "reviews-0",
		NAMESPACE: "shop",
		WORKLOAD_NAME: "reviews-v2",
		LABELS: { app: "reviews", version: "v2" },
		CLUSTER_ID: "amime",
	},
};

class Head implements MessageHead {
	readonly headers: HeaderList;
	constructor(headers: HeaderList = []) {
		this.headers = headers;
	}
	get mayHaveExtensions(): boolean {
		return this.headers.some((text, index) => index % 2 === 0 && text.startsWith("x-"));
	}
	add(name: string, value: string): void {
		this.headers.push(name, value);
	}
	set(name: string, value: string): void {
		setHeader(this.headers, name, value);
	}
	remove(name: string): void {
		removeHeader(this.headers, name);
	}
}

function tlsOf(peer: string, local: string): TlsSession {
	return makeTls(peer, { local: makeCertificate([local]) });
}

const address = { text: "127.0.0.1:1", ip: "127.0.0.1", port: 1 };
function connectionOf(tls: TlsSession | undefined): ConnectionFacts {
	return {
		id: 1,
		remote: address,
		directRemote: address,
		local: address,
		directLocal: address,
		serverName: "",
		tls,
		transportFailureReason: "",
		terminationDetails: "",
		filterChainName: "",
		listenerMetadata: {},
	};
}

const webId = "spiffe://cluster.local/ns/shop/sa/web";
const reviewsId = "spiffe://cluster.local/ns/shop/sa/reviews";

/** One request through a filter; `change` fills its record. */
function send(
	filter: IstioStatsFilter,
	options: { request?: Head; response?: Head; tls?: TlsSession; change?: (record: StreamInfo) => void } = {},
): IstioStatsStream {
	const connection = connectionOf(options.tls);
	const record = createStreamInfo(connection, 100, 0);
	const states: unknown[] = [];
	const request = options.request ?? new Head();
	record.request = {
		method: "GET",
		path: "/",
		authority: "reviews",
		scheme: "http",
		headers: request.headers,
		upgrade: undefined,
	};
	record.responseCode = 200;
	record.endedAt = 117.9;
	record.downstreamWireBytesReceived = 300;
	record.downstreamWireBytesSent = 5_000;
	options.change?.(record);
	const stream: IstioStatsStream = {
		request,
		record,
		connection,
		getState: (index) => states[index],
		setState: (index, state) => {
			states[index] = state;
		},
	};
	filter.onRequestHead(stream);
	filter.onResponseHead(stream, options.response ?? new Head());
	filter.onEnd(stream);
	return stream;
}

function start(reporter: Reporter, node = reporter === "source" ? webNode : reviewsNode, budget?: number) {
	const registry = createMetricsRegistry();
	const clock = createFakeClock();
	const metrics = createIstioMetrics({ registry, clock, node, ...(budget === undefined ? {} : { budget }) });
	const filter = createIstioStatsFilter({ name: "istio.stats", disabled: false, index: 0, reporter, metrics });
	return { registry, clock, metrics, filter };
}

function scrape(registry: MetricsRegistry, filter: RegExp): string[] {
	return createPrometheusFormatter(createTagExtractor())
		.format(registry, { filter })
		.split("\n")
		.filter((line) => line !== "" && !line.startsWith("#"));
}

function toReviews(record: StreamInfo): void {
	record.upstreamClusterName = "outbound|80|v2|reviews.shop.svc.cluster.local";
	record.upstreamClusterRawName = record.upstreamClusterName;
	record.upstreamHost = host;
	record.upstreamTls = tlsOf(reviewsId, webId);
}
const host = {
	address: "127.0.0.1:9",
	hostname: "",
	metadata: { istio: { workload: "reviews-v2;shop;reviews;v2;amime" } },
	locality: { region: "", zone: "", subZone: "" },
};

test("the source reports with exactly Istio's labels, the destination known from endpoint metadata", () => {
	const { registry, filter } = start("source");
	send(filter, { change: toReviews });
	send(filter, { change: toReviews });
	assert.deepEqual(scrape(registry, /istio_requests_total/), [
		'istio_requests_total{reporter="source",source_workload="web",source_canonical_service="web",source_canonical_revision="v1",source_workload_namespace="shop",' +
			`source_principal="${webId}",source_app="web",source_version="v1",source_cluster="amime",destination_workload="reviews-v2",destination_workload_namespace="shop",` +
			`destination_principal="${reviewsId}",destination_app="reviews",destination_version="v2",destination_service="reviews.shop.svc.cluster.local",` +
			'destination_canonical_service="reviews",destination_canonical_revision="v2",destination_service_name="reviews",destination_service_namespace="shop",' +
			'destination_cluster="amime",request_protocol="http",response_code="200",grpc_response_status="",response_flags="-",connection_security_policy="unknown"} 2',
	]);
	const rest = scrape(registry, /istio_(request|response)_(bytes|duration_milliseconds)/);
	assert.ok(rest.some((line) => /^istio_request_bytes_bucket\{reporter="source".*,le="500"\} 2$/.test(line)));
	assert.ok(rest.some((line) => /^istio_response_bytes_count\{.*\} 2$/.test(line)));
	assert.ok(rest.some((line) => /^istio_request_duration_milliseconds_bucket\{.*,le="25"\} 2$/.test(line)));
	assert.ok(rest.some((line) => /^istio_request_duration_milliseconds_bucket\{.*,le="10"\} 0$/.test(line)));
});

test("the destination reports its source from the peer's headers, which do not reach the application", () => {
	const { registry, filter } = start("destination");
	const request = new Head([
		"host",
		"reviews",
		"x-envoy-peer-metadata-id",
		webNode.id,
		"x-envoy-peer-metadata",
		encodePeerMetadata(webNode.metadata),
		"x-other",
		"1",
	]);
	const { request: forwarded } = send(filter, {
		request,
		tls: tlsOf(webId, reviewsId),
		change: (record) => {
			record.upstreamClusterName = "inbound|8080||";
			record.upstreamClusterMetadata = {
				istio: { services: [{ host: "reviews.shop.svc.cluster.local", name: "reviews", namespace: "shop" }] },
			};
			record.responseCode = 403;
		},
	});
	assert.deepEqual(forwarded.headers, ["host", "reviews", "x-other", "1"]);
	assert.deepEqual(scrape(registry, /istio_requests_total/), [
		'istio_requests_total{reporter="destination",source_workload="web",source_canonical_service="web",source_canonical_revision="v1",source_workload_namespace="shop",' +
			`source_principal="${webId}",source_app="web",source_version="v1",source_cluster="amime",destination_workload="reviews-v2",destination_workload_namespace="shop",` +
			`destination_principal="${reviewsId}",destination_app="reviews",destination_version="v2",destination_service="reviews.shop.svc.cluster.local",` +
			'destination_canonical_service="reviews",destination_canonical_revision="v2",destination_service_name="reviews",destination_service_namespace="shop",' +
			'destination_cluster="amime",request_protocol="http",response_code="403",grpc_response_status="",response_flags="-",connection_security_policy="mutual_tls"} 1',
	]);
});

test("what is not known is unknown", () => {
	const { registry, filter } = start("destination");
	send(filter);
	const [line] = scrape(registry, /istio_requests_total/);
	assert.match(
		line!,
		/source_workload="unknown",source_canonical_service="unknown",source_canonical_revision="latest",source_workload_namespace="unknown",source_principal="unknown"/,
	);
	assert.match(line!, /destination_principal="unknown",.*connection_security_policy="none"/);
	const source = start("source");
	send(source.filter, {
		change: (record) =>
			Object.assign(record, {
				responseCode: 503,
				responseFlags: ResponseFlag.noHealthyUpstream | ResponseFlag.upstreamRetryLimitExceeded,
			}),
	});
	const [failed] = scrape(source.registry, /istio_requests_total/);
	assert.match(failed!, /destination_workload="unknown".*response_code="503",.*response_flags="UH,URX"/);
});

test("a gRPC request reports its status", () => {
	const { registry, filter } = start("source");
	for (const grpcStatus of [0, 14]) {
		send(filter, {
			request: new Head(["content-type", "application/grpc+proto"]),
			change: (record) => {
				toReviews(record);
				record.grpcStatus = grpcStatus;
			},
		});
	}
	const lines = scrape(registry, /istio_requests_total/);
	assert.deepEqual(
		lines.map((line) => /request_protocol="(\w+)".*grpc_response_status="(\d*)"/.exec(line)!.slice(1)),
		[
			["grpc", "0"],
			["grpc", "14"],
		],
	);
});

test("the sidecar speaks for its workload, whatever the application sends", () => {
	const { filter } = start("source");
	const plain = send(filter, { request: new Head(["host", "reviews"]) });
	assert.equal(getHeader(plain.request.headers, "x-envoy-peer-metadata-id"), webNode.id);
	const forged = send(filter, {
		request: new Head(["x-envoy-peer-metadata", "forged", "x-a", "1", "x-envoy-peer-metadata", "again"]),
	});
	const facts = decodePeerMetadata(getHeader(forged.request.headers, "x-envoy-peer-metadata")!);
	assert.deepEqual(facts, readNodeMetadata(webNode.metadata));
	assert.equal(forged.request.headers.filter((text) => text === "x-envoy-peer-metadata").length, 1);
});

test("a peer that answers with its metadata is believed over the endpoint's", () => {
	const { registry, filter } = start("source");
	const response = new Head([
		"x-envoy-peer-metadata",
		encodePeerMetadata({ ...reviewsNode.metadata, WORKLOAD_NAME: "reviews-v3" }),
		"x-envoy-peer-metadata-id",
		"id",
	]);
	send(filter, { response, change: toReviews });
	assert.deepEqual(response.headers, []);
	assert.match(scrape(registry, /istio_requests_total/)[0]!, /destination_workload="reviews-v3"/);
});

test("only what labels need is told to peers", () => {
	assert.doesNotMatch(
		Buffer.from(encodePeerMetadata(webNode.metadata), "base64").toString("latin1"),
		/SECRET|stays here/,
	);
});

test("bytes of a stranger are no metadata and do not break the request", () => {
	const { registry, filter } = start("destination");
	for (const header of ["", "%%%", Buffer.from([0xff, 0xff, 0xff]).toString("base64"), "A".repeat(100_000)]) {
		send(filter, { request: new Head(["x-envoy-peer-metadata", header]) });
	}
	const lines = scrape(registry, /istio_requests_total/);
	assert.equal(lines.length, 1);
	assert.match(lines[0]!, /source_workload="unknown".* 4$/);
});

test("strangers cannot grow the metrics or the cache of peers without bound", () => {
	const { registry, filter, metrics } = start("destination", reviewsNode, 50);
	for (let index = 0; index < 500; index++) {
		const metadata = encodePeerMetadata({ ...webNode.metadata, WORKLOAD_NAME: `web-${index}` });
		send(filter, { request: new Head(["x-envoy-peer-metadata", metadata]) });
	}
	for (let index = 0; index < 500; index++) {
		send(filter, {
			change: (record) => Object.assign(record, { request: { ...record.request, authority: `host-${index}` } }),
		});
	}
	assert.equal(metrics.http.size, 50);
	assert.equal(scrape(registry, /istio_requests_total/).length, 51);
	assert.match(scrape(registry, /istio_requests_total/)[50]!, /reporter="overflow".* 950$/);
	assert.deepEqual(scrape(registry, /label_budget/), ["envoy_istio_stats_label_budget_exceeded{} 950"]);
	const cache = new PeerCache(2);
	const headers = ["a", "b", "c"].map((name) => encodePeerMetadata({ ...webNode.metadata, WORKLOAD_NAME: name }));
	for (const header of headers) cache.get(header);
	assert.equal(cache.get(headers[0]!)?.workload, "a");
});

test("a series unused for an hour goes, and counts again when it is needed", () => {
	const { registry, filter, clock } = start("source");
	send(filter, { change: toReviews });
	clock.advance(65 * 60_000);
	assert.deepEqual(scrape(registry, /istio_requests_total/), []);
	send(filter, { change: toReviews });
	assert.match(scrape(registry, /istio_requests_total/)[0]!, / 1$/);
});

function openTcp(
	reporter: Reporter,
	metrics: IstioMetrics,
	tls?: TlsSession,
): { record: StreamInfo; connection: ReturnType<typeof createIstioTcpConnection> } {
	const record = createStreamInfo(connectionOf(tls), 0, 0);
	return { record, connection: createIstioTcpConnection(reporter, metrics, record) };
}

test("a TCP connection counts its opening, its bytes as they flow, and its end", () => {
	const { registry, metrics } = start("source");
	const { record, connection } = openTcp("source", metrics);
	connection.report();
	assert.deepEqual(scrape(registry, /istio_tcp/), []);
	toReviews(record);
	record.bytesSent = 10;
	record.bytesReceived = 3;
	connection.report();
	record.bytesSent = 25;
	connection.end();
	const values = scrape(registry, /istio_tcp/).map((line) => `${/^\w+/.exec(line)![0]} ${line.split(" ").at(-1)}`);
	assert.deepEqual(values, [
		"istio_tcp_connections_closed_total 1",
		"istio_tcp_connections_opened_total 1",
		"istio_tcp_received_bytes_total 3",
		"istio_tcp_sent_bytes_total 25",
	]);
	assert.match(
		scrape(registry, /istio_tcp_sent/)[0]!,
		/destination_workload="reviews-v2".*request_protocol="tcp",response_flags="-",connection_security_policy="unknown"\}/,
	);
});

test("an inbound TCP connection knows its source by its certificate only", () => {
	const { registry, metrics } = start("destination");
	const { connection } = openTcp("destination", metrics, tlsOf(webId, reviewsId));
	connection.end();
	assert.match(
		scrape(registry, /istio_tcp_connections_opened/)[0]!,
		/source_workload="unknown",.*source_workload_namespace="shop",source_principal="spiffe:.*connection_security_policy="mutual_tls"/,
	);
});
