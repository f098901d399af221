import { request } from "node:http";
import { hostname } from "node:os";
import type { TestContext } from "node:test";
import { silentLog, systemClock, systemRandom } from "../../src/core/index.ts";
import {
	createProxy,
	type Proxy as DataPlane,
	defaultProxyFlags,
	describeProblems,
	parseBootstrap,
} from "../../src/proxy/index.ts";

/** A proxy of this process. */
export interface RunningProxy {
	readonly proxy: DataPlane;
	/** The port of a listener by its name. */
	port(listener?: string): number;
	/** The answer of the admin port. */
	admin(path: string): Promise<string>;
	/** A counter or gauge by its dotted name; 0 when there is none. */
	stat(name: string): Promise<number>;
}

/** The parts of a bootstrap that tests vary. */
export interface TestBootstrap {
	/** Routes of the one virtual host. */
	readonly routes?: readonly object[];
	readonly clusters?: readonly object[];
	/** Over the connection manager's own fields. */
	readonly manager?: object;
	/** Over the listener's own fields. */
	readonly listener?: object;
	/** Over the filter chain's own fields. */
	readonly chain?: object;
}

const extensions = "type.googleapis.com/envoy.extensions.";

/** A static cluster of loopback ports. */
export function cluster(name: string, ports: readonly number[], more: object = {}): object {
	const endpoints = ports.map((port) => ({ endpoint: { address: address(port) } }));
	return {
		name,
		type: "STATIC",
		connect_timeout: "1s",
		load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: endpoints }] },
		...more,
	};
}

/** A route of a path prefix to a cluster. */
export function route(prefix: string, to: string, more: object = {}): object {
	return { match: { prefix }, route: { cluster: to, ...more } };
}

/** Starts a proxy with one HTTP listener `l1` and an admin port, and closes it after the test. */
export async function startProxy(t: Pick<TestContext, "after">, parts: TestBootstrap): Promise<RunningProxy> {
	const manager = {
		"@type": `${extensions}filters.network.http_connection_manager.v3.HttpConnectionManager`,
		stat_prefix: "in",
		route_config: {
			name: "r",
			validate_clusters: false,
			virtual_hosts: [{ name: "v", domains: ["*"], routes: parts.routes ?? [route("/", "backend")] }],
		},
		http_filters: [
			{ name: "envoy.filters.http.router", typed_config: { "@type": `${extensions}filters.http.router.v3.Router` } },
		],
		...parts.manager,
	};
	const chain = {
		filters: [{ name: "envoy.filters.network.http_connection_manager", typed_config: manager }],
		...parts.chain,
	};
	return await startProxyOn(t, {
		admin: { address: address(0) },
		static_resources: {
			listeners: [{ name: "l1", address: address(0), filter_chains: [chain], ...parts.listener }],
			clusters: parts.clusters ?? [],
		},
	});
}

/** Starts a proxy on a whole bootstrap and closes it after the test. */
export async function startProxyOn(t: Pick<TestContext, "after">, bootstrap: object): Promise<RunningProxy> {
	const parsed = parseBootstrap(JSON.stringify(bootstrap), "json");
	if (!parsed.ok) throw describeProblems(parsed.problems);
	const proxy = createProxy({
		bootstrap: parsed.value,
		flags: { ...defaultProxyFlags, logLevel: "off", drainTimeSeconds: 5 },
		log: silentLog,
		clock: systemClock,
		random: systemRandom,
		environment: {},
		hostname: hostname(),
		version: "0.0.0",
		stdout: process.stdout,
		stderr: process.stderr,
	});
	t.after(() => proxy.close());
	await proxy.start();
	const adminAddress = proxy.adminAddress;
	const adminPort = adminAddress?.kind === "socket" ? adminAddress.port : 0;
	const admin = (path: string): Promise<string> => fetchText(adminPort, path);
	const listeners = JSON.parse(await admin("/listeners?format=json")) as {
		listener_statuses: { name: string; local_address: { socket_address?: { port_value: number } } }[];
	};
	return {
		proxy,
		admin,
		port(name = "l1") {
			const found = listeners.listener_statuses.find((listener) => listener.name === name);
			if (found?.local_address.socket_address === undefined) throw new Error(`no listener ${name}`);
			return found.local_address.socket_address.port_value;
		},
		async stat(name) {
			const line = (await admin(`/stats?filter=^${name.replaceAll(".", "\\.")}$`)).trim();
			return line === "" ? 0 : Number(line.slice(line.lastIndexOf(" ") + 1));
		},
	};
}

/** A loopback address in a bootstrap. */
export function address(port: number): object {
	return { socket_address: { address: "127.0.0.1", port_value: port } };
}

function fetchText(port: number, path: string): Promise<string> {
	return new Promise((resolve, reject) => {
		request({ host: "127.0.0.1", port, path, agent: false }, (response) => {
			let text = "";
			response.setEncoding("utf8");
			response.on("data", (chunk: string) => {
				text += chunk;
			});
			response.on("end", () => resolve(text));
		})
			.on("error", reject)
			.end();
	});
}
