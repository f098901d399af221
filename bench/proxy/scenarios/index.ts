/** Every scenario of the proxy benchmark, in the order of the table in bench/README.md. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { richHeaders, richPath } from "../rich-routes.ts";
import type { Scenario, ScenarioContext } from "../scenario.ts";
import { runChurn } from "./churn.ts";
import { runNewConnections, runNewTlsConnections } from "./connections.ts";
import { runPolicies, runTokens } from "./identity.ts";
import { runIdle } from "./idle.ts";
import { runTail } from "./tail.ts";
import { compareThroughput, pair, single } from "./throughput.ts";
import { runWorkers } from "./workers.ts";

const keepAlive = { connections: 32 };
const multiplexed = { connections: 8, streams: 16 };
const allPeers = ["amime", "envoy", "nginx", "haproxy"] as const;

export const scenarios: readonly Scenario[] = [
	{
		name: "http1-plain",
		title: "HTTP/1.1 plain, 32 connections, 100-byte body",
		run: (context) =>
			compareThroughput(
				context,
				allPeers.map((peer) => single(peer)),
				keepAlive,
				{ mustRatio: 2, maxP99Ratio: 1 },
			),
	},
	{
		name: "http1-rich",
		title: "HTTP/1.1, 100 routes, 10 header matchers, retries armed, statistics and trace headers",
		run: (context) =>
			compareThroughput(
				context,
				[single("amime", { rich: true }), single("envoy", { rich: true })],
				{ ...keepAlive, path: richPath, headers: richHeaders },
				{ mustRatio: 2 },
			),
	},
	{
		name: "body-10k",
		title: "HTTP/1.1, 10 KiB bodies",
		bodyBytes: 10 * 1024,
		run: (context) => runBodies(context, 1.5),
	},
	{ name: "body-1m", title: "HTTP/1.1, 1 MiB bodies", bodyBytes: 1024 * 1024, run: (context) => runBodies(context, 1) },
	{
		name: "h2-h2",
		title: "HTTP/2 to HTTP/2, 8 connections × 16 streams, 100-byte body",
		run: (context) => compareThroughput(context, http2Singles(context), multiplexed, { mustRatio: 1.5 }),
	},
	{
		name: "grpc-unary",
		title: "gRPC unary, 8 connections × 16 streams",
		run(context) {
			const dataFile = join(context.folder, "grpc-request");
			writeFileSync(dataFile, Buffer.from([0, 0, 0, 0, 10, 10, 8, ...Buffer.from("benchies")]));
			const headers = { "content-type": "application/grpc", te: "trailers" };
			const load = { ...multiplexed, path: "/grpc/bench.Service/Call", headers, dataFile };
			return compareThroughput(context, http2Singles(context), load, { mustRatio: 1.5 });
		},
	},
	{
		name: "mtls-pair",
		title: "sidecar pair with mutual TLS: multiplexed between, beside Envoy's two modes",
		run: (context) =>
			compareThroughput(
				context,
				[
					pair("amime", { outer: { http2Upstream: true }, inner: {} }, "amime h2"),
					pair("envoy", { outer: { http2Upstream: true }, inner: {} }, "envoy h2"),
					pair("envoy", { outer: {}, inner: {} }, "envoy h1"),
				],
				keepAlive,
				{ mustRatio: 2 },
			),
	},
	{
		name: "mtls-pair-http1",
		title: "sidecar pair with mutual TLS, HTTP/1.1 between",
		run: (context) =>
			compareThroughput(
				context,
				(["amime", "envoy"] as const).map((peer) => pair(peer, { outer: {}, inner: {} })),
				keepAlive,
				{ mustRatio: 1.5 },
			),
	},
	{
		name: "tcp-pair",
		title: "tcp_proxy pair with mutual TLS",
		run: (context) =>
			compareThroughput(
				context,
				(["amime", "envoy"] as const).map((peer) => pair(peer, { outer: { kind: "tcp" }, inner: { kind: "tcp" } })),
				keepAlive,
				{ mustRatio: 1.2 },
			),
	},
	{
		name: "hbone-pair",
		title: "HBONE pair: TCP in HTTP/2 CONNECT streams of one mutual-TLS connection",
		run: (context) =>
			compareThroughput(
				context,
				(["amime", "envoy"] as const).map((peer) =>
					pair(peer, { outer: { kind: "tunnel-out" }, inner: { kind: "tunnel-in" } }),
				),
				keepAlive,
				{ mustRatio: 0.9 },
			),
	},
	{ name: "new-connections", title: "new connections, one request each, plain", run: runNewConnections },
	{
		name: "new-tls-connections",
		title: "new connections, one request each, mutual TLS",
		run: (context) => runNewTlsConnections(context),
	},
	{
		name: "resumed-tls-connections",
		title: "connections that resume a session, one request each, mutual TLS",
		run: (context) => runNewTlsConnections(context, true),
	},
	{ name: "policies", title: "sidecar pair under 1,000 policies, and under none", run: runPolicies },
	{ name: "jwt", title: "HTTP/1.1 with a token checked, and without", run: runTokens },
	{ name: "tail", title: "fixed load at half of Envoy's capacity", run: runTail },
	{
		name: "churn",
		title: "endpoints replaced 10 times a second, route weights every second, under that load",
		run: runChurn,
	},
	{ name: "idle", title: "start, private memory, 10,000 idle connections", run: runIdle },
	{ name: "workers", title: "two workers on two cores", run: runWorkers },
];

function runBodies(context: ScenarioContext, mustRatio: number) {
	return compareThroughput(
		context,
		allPeers.map((peer) => single(peer)),
		keepAlive,
		{ mustRatio },
	);
}

function http2Singles({ backend }: ScenarioContext) {
	if (backend.http2Port === undefined) throw new Error("PEER MISSING: nginx, the HTTP/2 backend");
	const options = { http2Upstream: true, upstreamPort: backend.http2Port };
	return [single("amime", options), single("envoy", options)];
}
