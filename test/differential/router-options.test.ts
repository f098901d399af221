/** Limits of clusters on requests and connections, and what the router is strict about. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { managerFilter, oneHost, socketAddress, staticCluster, typed } from "../support/bootstraps.ts";
import { compareWithEnvoy } from "../support/differential.ts";
import { eventually } from "../support/eventually.ts";
import { sendRequest } from "../support/http-call.ts";

const options = (common: object) => ({
	typed_extension_protocol_options: {
		"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": typed("upstreams.http.v3.HttpProtocolOptions", {
			explicit_http_config: { http_protocol_options: {} },
			common_http_protocol_options: common,
		}),
	},
});

compareWithEnvoy("limits of clusters, strict headers", {
	async start(side) {
		/** Answers at once; `/slow…` never, `/again…` not the first time, `/close` and ends the connection. */
		let asked = 0;
		const copies: object[] = [];
		const server = createServer(({ url = "", headers }, response) => {
			const { host, "x-copy": copy, "x-secret": secret } = headers;
			if (copy !== undefined) copies.push({ host, copy, secret });
			if (url.startsWith("/slow") || (url.startsWith("/again") && ++asked === 1)) return;
			if (url === "/close") response.setHeader("connection", "close");
			response.end("served");
		});
		await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
		side.after(() => {
			server.closeAllConnections();
			server.close();
		});
		const lb_endpoints = [{ endpoint: { address: socketAddress((server.address() as AddressInfo).port) } }];
		const cluster = (name: string, common: object) =>
			staticCluster(name, {
				load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints }] },
				...options(common),
			});
		const request_headers_mutations = [
			{ append: { header: { key: "x-copy", value: "of %REQ(:PATH)%" } } },
			{ remove: "x-secret" },
		];
		const retry_policy = { retry_on: "reset", num_retries: 1 };
		const manager = managerFilter({
			internal_address_config: { cidr_ranges: [{ address_prefix: "10.0.0.0", prefix_len: 8 }] },
			http_filters: [
				{
					name: "router",
					typed_config: typed("filters.http.router.v3.Router", {
						strict_check_headers: ["x-envoy-max-retries", "x-envoy-retry-on", "x-envoy-upstream-rq-timeout-ms"],
					}),
				},
			],
			route_config: oneHost([
				{ match: { prefix: "/again" }, route: { cluster: "short", retry_policy } },
				{
					match: { prefix: "/copied" },
					route: {
						cluster: "few",
						request_mirror_policies: [
							{ cluster: "short", request_headers_mutations, host_rewrite_literal: "copy.test" },
						],
					},
				},
				{ match: { prefix: "/slow" }, route: { cluster: "short" } },
				{ match: { prefix: "/" }, route: { cluster: "few" } },
			]),
		});
		const proxy = await side.proxy({
			static_resources: {
				clusters: [
					cluster("short", { max_stream_duration: "0.3s" }),
					cluster("few", { max_requests_per_connection: 2 }),
				],
				listeners: [{ name: "l", address: socketAddress(0), filter_chains: [{ filters: [manager] }] }],
			},
		});
		const port = await proxy.port("l");
		const call = async (path: string, headers: Record<string, string> = {}) => {
			const { status, body } = await sendRequest({
				port,
				path,
				headers: { "x-forwarded-for": "10.0.0.1", ...headers },
			});
			return `${status} ${body}`;
		};
		return { proxy, call, copies };
	},
	cases: {
		"an upstream may take only so long": {
			want: ["504 upstream max stream duration reached", 1],
			see: async ({ proxy, call }) => [
				await call("/slow"),
				await proxy.stat("cluster.short.upstream_rq_max_duration_reached"),
			],
		},
		"an attempt that took longer is tried again": {
			want: ["200 served", 2],
			see: async ({ proxy, call }) => [
				await call("/again"),
				await proxy.stat("cluster.short.upstream_rq_max_duration_reached"),
			],
		},
		"copies have other headers where the route says so": {
			want: [{ host: "copy.test", copy: "of /copied" }],
			async see({ call, copies }) {
				await call("/copied", { "x-secret": "1" });
				await eventually(() => {
					if (copies.length === 0) throw new Error("no copy yet");
				});
				return copies;
			},
		},
		"headers that must make sense are refused when they do not": {
			want: { retries: "400 invalid header 'x-envoy-max-retries' with value 'two'", known: "200 served" },
			see: async ({ call }) => ({
				retries: await call("/", { "x-envoy-max-retries": "two" }),
				conditions: await call("/", { "x-envoy-retry-on": "5xx,sometimes" }),
				timeout: await call("/", { "x-envoy-upstream-rq-timeout-ms": "-1" }),
				known: await call("/", { "x-envoy-retry-on": "5xx, reset", "x-envoy-upstream-rq-timeout-ms": "5000" }),
			}),
		},
		"connections that end after their requests, or because the upstream says so, are counted": {
			want: { "cluster.few.upstream_cx_close_notify": 1 },
			async see({ proxy, call }) {
				for (const path of ["/", "/", "/close"]) await call(path);
				return proxy.stats("^cluster\\.few\\.upstream_cx_(max_requests|close_notify|total)$");
			},
		},
	},
});
