/** Access logs of attempts, which routers keep beside those of requests. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { managerFilter, socketAddress, staticCluster, typed } from "../support/bootstraps.ts";
import { compareWithEnvoy } from "../support/differential.ts";
import { eventually } from "../support/eventually.ts";
import { sendRequest } from "../support/http-call.ts";

const format = [
	"<%REQ(:PATH)% %ACCESS_LOG_TYPE% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %UPSTREAM_CLUSTER% %ROUTE_NAME% %PROTOCOL%",
	"%UPSTREAM_PROTOCOL% %BYTES_RECEIVED% %BYTES_SENT% %RESP(X-UP)% %STREAM_ID% %UPSTREAM_REQUEST_ATTEMPT_COUNT% %DYNAMIC_METADATA(ns)%>\n",
].join(" ");

/** Answers 503 to the first request of `/again`, never to `/slow`. */
function startUpstream(after: (close: () => void) => void): Promise<number> {
	let seen = 0;
	const server = createServer((request, response) => {
		request.resume();
		request.on("end", () => {
			if (request.url === "/slow") return;
			response.statusCode = request.url === "/again" && seen++ === 0 ? 503 : 200;
			response.setHeader("x-up", "here");
			response.end("body");
		});
	});
	after(() => {
		server.closeAllConnections();
		server.close();
	});
	return new Promise((resolve) => {
		server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
	});
}

const retry = { retry_on: "5xx,connect-failure", num_retries: 1, retry_back_off: { base_interval: "0.01s" } };
const route = (prefix: string, action: object) => ({
	name: prefix,
	match: { prefix },
	route: { cluster: "up", ...action },
});

compareWithEnvoy("logs of attempts", {
	async start(side) {
		const port = await startUpstream((close) => side.after(close));
		const cluster = (name: string, to: number) =>
			staticCluster(name, {
				load_assignment: {
					cluster_name: name,
					endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(to) } }] }],
				},
			});
		const metadata = typed("filters.http.set_metadata.v3.Config", {
			metadata: [{ metadata_namespace: "ns", value: { k: "v" } }],
		});
		const router = typed("filters.http.router.v3.Router", {
			upstream_log: [
				{
					name: "log",
					typed_config: typed("access_loggers.stream.v3.StdoutAccessLog", {
						log_format: { text_format_source: { inline_string: format } },
					}),
				},
			],
			upstream_log_options: { flush_upstream_log_on_upstream_stream: true },
		});
		const manager = managerFilter({
			http_filters: [
				{ name: "metadata", typed_config: metadata },
				{ name: "envoy.filters.http.router", typed_config: router },
			],
			route_config: {
				name: "r",
				virtual_hosts: [
					{
						name: "v",
						domains: ["*"],
						routes: [
							route("/again", { retry_policy: retry }),
							route("/nobody", { cluster: "nobody", retry_policy: retry }),
							route("/slow", { retry_policy: { retry_on: "5xx", num_retries: 0, per_try_timeout: "0.2s" } }),
							{ match: { prefix: "/own" }, direct_response: { status: 200 } },
							route("/", {}),
						],
					},
				],
			},
		});
		return side.proxy({
			static_resources: {
				clusters: [cluster("up", port), cluster("nobody", 1)],
				listeners: [{ name: "l", address: socketAddress(0), filter_chains: [{ filters: [manager] }] }],
			},
		});
	},
	cases: {
		"every attempt has its entry, with what became of it": {
			want: { "/again": { length: 4 } },
			async see(proxy) {
				const port = await proxy.port();
				for (const path of ["/own", "/plain", "/again", "/nobody", "/slow"]) {
					await sendRequest({ port, path, method: "POST", body: "12345" });
				}
				await sendRequest({ port, path: "/last" });
				await eventually(
					() => {
						if (!proxy.stdout().includes("</last UpstreamEnd")) throw new Error("not logged yet");
					},
					{ deadlineMs: 30_000 },
				);
				const lines = [...proxy.stdout().matchAll(/<(\/\S+) ([^>]+)>/g)];
				return Object.fromEntries(
					["/own", "/plain", "/again", "/nobody", "/slow", "/last"].map((path) => {
						const entries = lines.filter(([, of]) => of === path).map(([, , text]) => text);
						return [path, { length: entries.length, entries: entries.sort() }];
					}),
				);
			},
		},
	},
});
