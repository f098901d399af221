/** The PROXY protocol both ways, tunnels within HTTP, and original destinations by header. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { formatProxyHeader } from "../../src/wire/proxy-protocol/index.ts";
import { managerFilter, socketAddress, staticCluster, typed } from "../support/bootstraps.ts";
import { compareWithEnvoy, type Side } from "../support/differential.ts";
import type { ProxyProcess } from "../support/proxy-process.ts";
import { startGreeter, type Talk, talk } from "../support/tcp-talk.ts";

interface World {
	readonly proxy: ProxyProcess;
	/** Where the greeter listens. */
	readonly one: number;
	readonly log: () => string[];
}

const addresses = { sourceIp: "1.2.3.4", sourcePort: 1111, destinationIp: "5.6.7.8", destinationPort: 2222 };
const line = "PROXY TCP4 1.2.3.4 5.6.7.8 1111 2222\r\n";
const binary = formatProxyHeader({ version: 2, addresses, tlvs: [{ type: 2, value: Buffer.from("name") }] });
const format =
	"%DOWNSTREAM_REMOTE_ADDRESS% %DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT% %DOWNSTREAM_LOCAL_ADDRESS% %BYTES_RECEIVED% %DYNAMIC_METADATA(envoy.filters.listener.proxy_protocol)%\n";

/** What a tcp_proxy adds to the header, in place of extensions of the client. */
const ownExtensions = [
	{ type: 0xf1, value: Buffer.from("own").toString("base64") },
	{
		type: 0xf2,
		format_string: {
			text_format_source: { inline_string: "from %DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%" },
		},
	},
];

function tcp(path: string, fields: object): object {
	const log = {
		name: "file",
		typed_config: typed("access_loggers.file.v3.FileAccessLog", {
			path,
			log_format: { text_format_source: { inline_string: format } },
		}),
	};
	const config = { stat_prefix: "t", access_log: [log], ...fields };
	return { name: "tcp", typed_config: typed("filters.network.tcp_proxy.v3.TcpProxy", config) };
}

function header(fields: Record<string, unknown> = {}): object {
	return { name: "pp", typed_config: typed("filters.listener.proxy_protocol.v3.ProxyProtocol", fields) };
}

function speaking(config: object): object {
	const inner = { name: "raw", typed_config: typed("transport_sockets.raw_buffer.v3.RawBuffer") };
	const fields = { config, transport_socket: inner };
	return {
		transport_socket: {
			name: "envoy.transport_sockets.upstream_proxy_protocol",
			typed_config: typed("transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport", fields),
		},
	};
}

const http2 = {
	typed_extension_protocol_options: {
		"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": typed("upstreams.http.v3.HttpProtocolOptions", {
			explicit_http_config: { http2_protocol_options: {} },
		}),
	},
};

async function start(side: Side): Promise<World> {
	const one = await startGreeter(side, "one");
	const path = join(side.folder, "access.log");
	const cluster = (name: string, port: number, more: object = {}): object => {
		const endpoints = [{ lb_endpoints: [{ endpoint: { address: socketAddress(port) } }] }];
		return staticCluster(name, { load_assignment: { cluster_name: name, endpoints }, ...more });
	};
	const listener = (name: string, filters: readonly object[], more: object = {}): object => ({
		name,
		address: socketAddress(0),
		filter_chains: [{ filters }],
		...more,
	});
	const connectRoute = {
		match: { connect_matcher: {} },
		route: { cluster: "one", upgrade_configs: [{ upgrade_type: "CONNECT", connect_config: {} }] },
	};
	const end = managerFilter({
		http2_protocol_options: { allow_connect: true },
		upgrade_configs: [{ upgrade_type: "CONNECT" }],
		route_config: {
			name: "r",
			virtual_hosts: [
				{ name: "v", domains: ["end.test:80", "-:80"], routes: [connectRoute] },
				{ name: "x", domains: ["*"], routes: [{ match: { prefix: "/" }, direct_response: { status: 403 } }] },
			],
		},
	});
	const ends = await side.proxy({
		static_resources: { listeners: [listener("end", [end])], clusters: [cluster("one", one)] },
	});
	const endPort = await ends.port("end");
	const rule = { tlv_type: 2, on_tlv_present: { key: "authority" } };
	const tunnel = (hostname: string): object => ({ tunneling_config: { hostname } });
	const proxy = await side.proxy({
		static_resources: {
			listeners: [
				listener("must", [tcp(path, { cluster: "one" })], { listener_filters: [header({ rules: [rule] })] }),
				listener("may", [tcp(path, { cluster: "one" })], {
					listener_filters: [header({ allow_requests_without_proxy_protocol: true })],
				}),
				listener("second", [tcp(path, { cluster: "one" })], {
					listener_filters: [header({ disallowed_versions: ["V1"], stat_prefix: "only" })],
				}),
				listener("out1", [tcp(path, { cluster: "speaks1" })], { listener_filters: [header()] }),
				listener("out2", [tcp(path, { cluster: "speaks2" })], {
					listener_filters: [header({ pass_through_tlvs: { match_type: "INCLUDE_ALL" } })],
				}),
				listener("adds", [tcp(path, { cluster: "speaks2", proxy_protocol_tlvs: ownExtensions })]),
				listener("adds behind a header", [tcp(path, { cluster: "speaks2", proxy_protocol_tlvs: ownExtensions })], {
					listener_filters: [header({ pass_through_tlvs: { match_type: "INCLUDE_ALL" } })],
				}),
				listener("hands over", [tcp(path, { cluster: "one" })], {
					listener_filters: [header()],
					use_original_dst: true,
				}),
				{
					...listener("unbound", [
						{
							name: "answer",
							typed_config: typed("filters.network.direct_response.v3.Config", {
								response: { inline_string: "handed over" },
							}),
						},
					]),
					address: socketAddress(2222, "5.6.7.8"),
					bind_to_port: false,
				},
				listener("original", [tcp(path, { cluster: "original" })], { listener_filters: [header()] }),
				listener("tunnel1", [tcp(path, { cluster: "end1", ...tunnel("end.test:80") })]),
				listener("tunnel2", [tcp(path, { cluster: "end2", ...tunnel("end.test:80") })]),
				listener("nameless", [tcp(path, { cluster: "end1", ...tunnel("%REQUESTED_SERVER_NAME%:80") })]),
				listener("refused", [tcp(path, { cluster: "end2", ...tunnel("other.test:80") })]),
			],
			clusters: [
				cluster("one", one),
				cluster("speaks1", one, speaking({ version: "V1" })),
				cluster("speaks2", one, speaking({ version: "V2", pass_through_tlvs: { match_type: "INCLUDE_ALL" } })),
				{ name: "original", type: "ORIGINAL_DST", lb_policy: "CLUSTER_PROVIDED", connect_timeout: "1s" },
				cluster("end1", endPort),
				cluster("end2", endPort, http2),
			],
		},
	});
	return {
		proxy,
		one,
		log: () =>
			readFileSync(path, "utf8")
				.split("\n")
				.filter((text) => text !== ""),
	};
}

type Send = NonNullable<Parameters<typeof talk>[0]["send"]>;

async function ask({ proxy }: World, listener: string, send: Send, until?: string): Promise<Talk> {
	const options = { port: await proxy.port(listener), send };
	return talk(until === undefined ? options : { ...options, until });
}

const greeted = { heard: "hello one\necho:abc" };
const refused = { heard: "", end: "reset" };
const says = (bytes: string | Buffer, then = "abc"): Send => [{ bytes }, { after: "hello one\n", bytes: then }];

compareWithEnvoy("PROXY protocol and tunnels", {
	start,
	cases: {
		"version 1": { want: greeted, see: (world) => ask(world, "must", says(line), "echo:abc") },
		"version 2": { want: greeted, see: (world) => ask(world, "must", says(binary), "echo:abc") },
		"a proxy that speaks for itself": {
			want: greeted,
			see: (world) =>
				ask(world, "must", says(formatProxyHeader({ version: 2, addresses: undefined, tlvs: [] })), "echo:abc"),
		},
		"an unknown client": {
			want: greeted,
			see: (world) => ask(world, "must", says("PROXY UNKNOWN\r\n"), "echo:abc"),
		},
		"no header where one must be": {
			want: refused,
			see: (world) => ask(world, "must", [{ bytes: "hello there\r\n" }]),
		},
		"a broken header": {
			want: refused,
			see: (world) => ask(world, "must", [{ bytes: "PROXY TCP4 1.2.3.4 5.6.7.8 1111\r\nabc" }]),
		},
		"a header longer than any": {
			want: refused,
			see: (world) => ask(world, "must", [{ bytes: `PROXY TCP4 1.2.3.4 5.6.7.8 1 2${" ".repeat(100)}\r\nabc` }]),
		},
		"a broken extension": {
			want: refused,
			see: (world) => {
				const bytes = Buffer.from(binary);
				bytes[30] = 1;
				return ask(world, "must", [{ bytes: Buffer.concat([bytes, Buffer.from("abc")]) }]);
			},
		},
		"no header where none need be": {
			want: greeted,
			see: (world) => ask(world, "may", [{ bytes: "abc" }], "echo:abc"),
		},
		"a version that is not allowed": {
			want: refused,
			see: (world) => ask(world, "second", [{ bytes: `${line}abc` }]),
		},
		"the other version": { want: greeted, see: (world) => ask(world, "second", says(binary), "echo:abc") },
		"headers are counted": {
			want: { "proxy_proto.only.versions.v1.disallowed": 1 },
			see: ({ proxy }) => proxy.stats("proxy_proto"),
		},
		"a header to the upstream": {
			want: { heard: `hello one\necho:${line}` },
			see: (world) => ask(world, "out1", [{ bytes: line }], "2222\r\n"),
		},
		"extensions go on": {
			want: { heard: `hello one\necho:${binary.toString("latin1")}` },
			see: (world) => ask(world, "out2", [{ bytes: binary }], "name"),
		},
		"extensions of the proxy's own": {
			want: "\xf1\x00\x03own\xf2\x00\x0efrom 127.0.0.1",
			async see(world) {
				const { heard } = await ask(world, "adds", [{ bytes: "abc" }], "abc");
				// Behind twelve bytes of signature, four of head and twelve of addresses.
				const sent = heard.slice("hello one\n".length).replaceAll("echo:", "");
				return sent.slice(28, -"abc".length);
			},
		},
		"extensions of the proxy's own, where the client brought a header": {
			want: { own: false, ofTheClient: true },
			async see(world) {
				const { heard } = await ask(world, "adds behind a header", says(binary), "abc");
				return { own: heard.includes("own"), ofTheClient: heard.includes("name") };
			},
		},
		"a connection goes to the listener of its destination": {
			want: { heard: "handed over", end: "fin" },
			see: (world) => ask(world, "hands over", [{ bytes: line }]),
		},
		"a connection of another destination stays": {
			want: greeted,
			see: (world) => ask(world, "hands over", says("PROXY TCP4 1.2.3.4 5.6.7.8 1 3333\r\n"), "echo:abc"),
		},
		"an endpoint is the destination itself": {
			want: greeted,
			see: (world) => ask(world, "original", says(`PROXY TCP4 1.2.3.4 127.0.0.1 1 ${world.one}\r\n`), "echo:abc"),
		},
		"endpoints of destinations are counted": {
			want: { "cluster.original.membership_total": 1 },
			see: ({ proxy }) => proxy.stats("^cluster\\.original\\.(membership_total|upstream_cx_total|original_dst.*)$"),
		},
		"a tunnel over HTTP/1": {
			want: greeted,
			see: (world) => ask(world, "tunnel1", [{ after: "hello one\n", bytes: "abc" }], "echo:abc"),
		},
		"a tunnel over HTTP/2": {
			want: greeted,
			see: (world) => ask(world, "tunnel2", [{ after: "hello one\n", bytes: "abc" }], "echo:abc"),
		},
		"a half close through HTTP/2": {
			want: { ...greeted, end: "fin" },
			see: async ({ proxy }) =>
				talk({ port: await proxy.port("tunnel2"), send: [{ after: "hello one\n", bytes: "abc" }], half: true }),
		},
		"what a format of the host does not know is a dash": {
			want: { heard: "hello one\necho:abc" },
			see: (world) => ask(world, "nameless", [{ after: "hello one\n", bytes: "abc" }], "echo:abc"),
		},
		"tunnels have the counters of a router": {
			want: { "tcp.t.tcpproxy_tunneling.rq_total": 0 },
			see: ({ proxy }) => proxy.stats("tcpproxy_tunneling"),
		},
		"a tunnel that is refused": { want: { heard: "" }, see: (world) => ask(world, "refused", []) },
		"what the client said is logged": {
			want: ["1.2.3.4:1111 127.0.0.1 5.6.7.8:2222 3 -", '1.2.3.4:1111 127.0.0.1 5.6.7.8:2222 3 {"authority":"name"}'],
			async see({ proxy, log }) {
				await proxy.stop();
				return [...new Set(log().filter((text) => text.includes(" 5.6.7.8:2222 3 ")))].sort();
			},
		},
	},
});
