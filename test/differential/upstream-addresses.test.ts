/** Rules about where a request for a host that it names itself goes. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { managerFilter, oneHost, routerFilter, typed } from "../support/bootstraps.ts";
import { compareWithEnvoy, type Side } from "../support/differential.ts";
import { startEchoBackend } from "../support/echo-backend.ts";
import { sendRequest } from "../support/http-call.ts";

const cache = { dns_cache_config: { name: "cache", dns_lookup_family: "V4_ONLY" } };
const cidr = (address_prefix: string, prefix_len: number): object => ({ address_prefix, prefix_len });
const matcher = (fields: object): object => ({
	matcher: {
		name: "upstream",
		typed_config: typed("rbac.matchers.upstream_ip_port.v3.UpstreamIpPortMatcher", fields as never),
	},
});

/** Listeners by what they deny. */
const denied: Readonly<Record<string, object>> = {
	loopback: { upstream_ip: cidr("127.0.0.0", 8) },
	elsewhere: { upstream_ip: cidr("10.0.0.0", 8) },
	ports: { upstream_port_range: { start: 1, end: 1023 } },
	"high-ports": { upstream_port_range: { start: 1024, end: 65535 } },
	both: { upstream_ip: cidr("127.0.0.1", 32), upstream_port_range: { start: 1024, end: 65535 } },
	half: { upstream_ip: cidr("127.0.0.1", 32), upstream_port_range: { start: 1, end: 1023 } },
};

function listener(name: string, fields: object, savesAddress: boolean, path: string): object {
	const forward = {
		name: "forward",
		typed_config: typed("filters.http.dynamic_forward_proxy.v3.FilterConfig", {
			...cache,
			save_upstream_address: savesAddress,
		}),
	};
	const policies = { p: { permissions: [matcher(fields)], principals: [{ any: true }] } };
	const rules = {
		name: "rbac",
		typed_config: typed("filters.http.rbac.v3.RBAC", { rules: { action: "DENY", policies } }),
	};
	const log = {
		name: "file",
		typed_config: typed("access_loggers.file.v3.FileAccessLog", {
			path,
			log_format: {
				text_format_source: { inline_string: `${name} %FILTER_STATE(envoy.stream.upstream_address:PLAIN)%\n` },
			},
		}),
	};
	return {
		name,
		address: { socket_address: { address: "127.0.0.1", port_value: 0 } },
		filter_chains: [
			{
				filters: [
					managerFilter({
						route_config: oneHost([{ match: { prefix: "/" }, route: { cluster: "any" } }]),
						http_filters: [forward, rules, routerFilter],
						access_log: [log],
					}),
				],
			},
		],
	};
}

async function start(side: Side) {
	const backend = await startEchoBackend(side, "one");
	const path = join(side.folder, "access.log");
	const proxy = await side.proxy({
		static_resources: {
			listeners: [
				...Object.entries(denied).map(([name, fields]) => listener(name, fields, true, path)),
				listener("unsaved", denied["loopback"]!, false, path),
			],
			clusters: [
				{
					name: "any",
					lb_policy: "CLUSTER_PROVIDED",
					cluster_type: {
						name: "envoy.clusters.dynamic_forward_proxy",
						typed_config: typed("clusters.dynamic_forward_proxy.v3.ClusterConfig", cache),
					},
				},
			],
		},
	});
	const ask = async (name: string, host = "127.0.0.1"): Promise<number> => {
		const { status } = await sendRequest({
			port: await proxy.port(name),
			path: "/",
			headers: { host: `${host}:${backend.port}` },
		});
		return status;
	};
	const log = async (): Promise<string[]> => {
		await proxy.stop();
		const text = readFileSync(path, "utf8").replaceAll(`:${backend.port}`, ":port");
		return text.split("\n").filter(Boolean).sort();
	};
	return { ask, log };
}

compareWithEnvoy("rules about upstream addresses", {
	start,
	cases: {
		"ranges of addresses and of ports": {
			want: { loopback: 403, elsewhere: 200, ports: 200, "high-ports": 403, both: 403, half: 200 },
			async see({ ask }) {
				const seen: Record<string, number> = {};
				for (const name of Object.keys(denied)) seen[name] = await ask(name);
				return seen;
			},
		},
		"names are judged by what they stand for": {
			want: [403, 200],
			see: async ({ ask }) => [await ask("loopback", "localhost"), await ask("elsewhere", "localhost")],
		},
		"an address that no filter wrote down is none": { want: 200, see: ({ ask }) => ask("unsaved") },
		"the address has no text in the access log": {
			want: ["both -"],
			see: async ({ log }) => [...new Set(await log())],
		},
	},
});
