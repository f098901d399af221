/** One proxy with a listener for each chain of HTTP filters, in front of an upstream that says what it got: for comparisons of filters. */
import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { managerFilter, routerFilter, socketAddress, staticCluster, typed } from "./bootstraps.ts";
import type { Side } from "./differential.ts";
import type { ProxyProcess } from "./proxy-process.ts";

type Json = Record<string, unknown>;

/** A chain to compare. */
export interface FilterListener {
	readonly filters: readonly Json[];
	/** Before the route that takes the rest. */
	readonly routes?: readonly Json[];
	/** Over the virtual host's fields. */
	readonly virtualHost?: Json;
}

export interface FilterWorld {
	readonly proxy: ProxyProcess;
	/** A request to a listener. */
	call(listener: string, call: FilterCall): Promise<FilterAnswer>;
	/** `address:port` of the upstream's hosts. */
	readonly hosts: readonly string[];
}

export interface FilterCall {
	readonly method?: string;
	readonly path?: string;
	readonly headers?: Readonly<Record<string, string | readonly string[]>>;
	readonly body?: Buffer | string;
}

export interface FilterAnswer {
	readonly status: number;
	/** Without those that differ by time. */
	readonly headers: Readonly<Record<string, string | string[] | undefined>>;
	readonly body: Buffer;
	readonly trailers: Readonly<Record<string, string | undefined>>;
	/** What the upstream got, when it says so. */
	readonly echo:
		| { readonly method: string; readonly path: string; readonly headers: Json; readonly body: string }
		| undefined;
}

const varying = [
	"date",
	"x-envoy-upstream-service-time",
	"x-request-id",
	"content-length",
	"transfer-encoding",
	"keep-alive",
];
const hidden = [
	"host",
	"x-request-id",
	"x-envoy-expected-rq-timeout-ms",
	"content-length",
	"transfer-encoding",
	"connection",
];

/** Starts `hosts` upstream servers and the proxy. */
export async function startFilterWorld(
	side: Side,
	listeners: Readonly<Record<string, FilterListener>>,
	hosts = 1,
): Promise<FilterWorld> {
	const servers = await Promise.all(Array.from({ length: hosts }, (_, index) => startUpstream(side, `host-${index}`)));
	const ports = servers.map((server) => (server.address() as AddressInfo).port);
	const lb_endpoints = ports.map((port) => ({ endpoint: { address: socketAddress(port) } }));
	const upstream = staticCluster("up", {
		load_assignment: { cluster_name: "up", endpoints: [{ lb_endpoints }] },
		typed_extension_protocol_options: {
			"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": typed("upstreams.http.v3.HttpProtocolOptions", {
				explicit_http_config: { http_protocol_options: { enable_trailers: true } },
			}),
		},
	});
	const proxy = await side.proxy({
		node: { id: "n", cluster: "here" },
		static_resources: {
			clusters: [upstream],
			listeners: Object.entries(listeners).map(([name, parts]) => describeListener(name, parts)),
		},
	});
	return {
		proxy,
		hosts: ports.map((port) => `127.0.0.1:${port}`),
		call: async (listener, call) => send(await proxy.port(listener), call),
	};
}

function describeListener(name: string, { filters, routes = [], virtualHost }: FilterListener): Json {
	const rest = { match: { prefix: "/" }, route: { cluster: "up" } };
	const manager = managerFilter({
		stat_prefix: name,
		http_protocol_options: { enable_trailers: true },
		http_filters: [...filters, routerFilter],
		route_config: {
			name,
			virtual_hosts: [{ name: "v", domains: ["*"], routes: [...routes, rest], ...virtualHost }],
		},
	});
	return { name, address: socketAddress(0), filter_chains: [{ filters: [manager] }] };
}

/** Answers with what it got; `x-answer` (base64) is sent as it is instead, `x-answer-<name>` adds a field, `x-trailer-<name>` a trailer,
 *  `x-answer-status` says the status. */
async function startUpstream(side: Side, name: string): Promise<Server> {
	const server = createServer((incoming, response) => {
		const chunks: Buffer[] = [];
		incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
		incoming.on("end", () => {
			const { headers } = incoming;
			const raw = headers["x-answer"];
			response.sendDate = false;
			response.statusCode = Number(headers["x-answer-status"] ?? 200);
			response.setHeader("content-type", raw === undefined ? "application/json" : "text/plain");
			const trailers: Record<string, string> = {};
			for (const [key, value] of Object.entries(headers)) {
				if (key.startsWith("x-trailer-")) trailers[key.slice("x-trailer-".length)] = String(value);
				else if (key.startsWith("x-answer-") && key !== "x-answer-status")
					response.setHeader(key.slice("x-answer-".length), String(value));
			}
			const seen = Object.fromEntries(
				Object.entries(headers).filter(
					([key]) => !hidden.includes(key) && !key.startsWith("x-answer") && !key.startsWith("x-trailer-"),
				),
			);
			const body = Buffer.concat(chunks).toString("latin1");
			const echo = JSON.stringify({
				echo: { host: name, method: incoming.method, path: incoming.url, headers: seen, body },
			});
			const answer = raw === undefined ? Buffer.from(echo, "latin1") : Buffer.from(String(raw), "base64");
			if (Object.keys(trailers).length === 0) {
				response.setHeader("content-length", answer.length);
			} else {
				// Without it a body that is given whole gets a length, and no trailers.
				response.setHeader("transfer-encoding", "chunked");
				response.addTrailers(trailers);
			}
			response.end(answer);
		});
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	side.after(() => {
		server.closeAllConnections();
		server.close();
	});
	return server;
}

function send(port: number, { method = "GET", path = "/", headers, body }: FilterCall): Promise<FilterAnswer> {
	return new Promise((resolve, reject) => {
		const outgoing = request({
			host: "127.0.0.1",
			port,
			method,
			path,
			agent: false,
			headers: { host: "h.test", ...headers },
		});
		outgoing.on("error", reject);
		outgoing.on("response", (response) => {
			const chunks: Buffer[] = [];
			response.on("data", (chunk: Buffer) => chunks.push(chunk));
			response.on("error", reject);
			response.on("end", () => {
				const bytes = Buffer.concat(chunks);
				const kept = Object.entries(response.headers).filter(([key]) => !varying.includes(key));
				const text = bytes.toString("latin1");
				resolve({
					status: response.statusCode ?? 0,
					headers: Object.fromEntries(kept),
					body: bytes,
					trailers: { ...response.trailers },
					echo: text.startsWith('{"echo"') ? (JSON.parse(text) as { echo: FilterAnswer["echo"] }).echo : undefined,
				});
			});
		});
		outgoing.end(body);
	});
}
