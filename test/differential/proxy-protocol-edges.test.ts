/** The PROXY protocol where a version is refused, a line does not end, or extensions come twice, beside Envoy. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { formatProxyHeader } from "../../src/wire/proxy-protocol/index.ts";
import { socketAddress, staticCluster, typed } from "../support/bootstraps.ts";
import { compareWithEnvoy, type Side } from "../support/differential.ts";
import type { ProxyProcess } from "../support/proxy-process.ts";
import { startGreeter, type Talk, talk } from "../support/tcp-talk.ts";

interface World {
	readonly proxy: ProxyProcess;
	readonly log: () => string[];
}

const addresses = { sourceIp: "1.2.3.4", sourcePort: 1111, destinationIp: "5.6.7.8", destinationPort: 2222 };
const line = "PROXY TCP4 1.2.3.4 5.6.7.8 1111 2222\r\n";
const binary = formatProxyHeader({ version: 2, addresses, tlvs: [] });
const extended = (...values: Buffer[]): Buffer =>
	formatProxyHeader({ version: 2, addresses, tlvs: values.map((value) => ({ type: 2, value })) });
const format =
	"%DYNAMIC_METADATA(envoy.filters.listener.proxy_protocol)% %FILTER_STATE(envoy.network.proxy_protocol.tlv:FIELD:first)% %FILTER_STATE(envoy.network.proxy_protocol.tlv:FIELD:second)%\n";

async function start(side: Side): Promise<World> {
	const one = await startGreeter(side, "one");
	const path = join(side.folder, "access.log");
	const log = {
		name: "file",
		typed_config: typed("access_loggers.file.v3.FileAccessLog", {
			path,
			log_format: { text_format_source: { inline_string: format } },
		}),
	};
	const tcp = {
		name: "tcp",
		typed_config: typed("filters.network.tcp_proxy.v3.TcpProxy", {
			stat_prefix: "t",
			access_log: [log],
			cluster: "one",
		}),
	};
	const listener = (name: string, fields: Record<string, unknown>): object => ({
		name,
		address: socketAddress(0),
		filter_chains: [{ filters: [tcp] }],
		listener_filters: [
			{
				name: "pp",
				typed_config: typed("filters.listener.proxy_protocol.v3.ProxyProtocol", { stat_prefix: name, ...fields }),
			},
		],
	});
	const rules = ["first", "second"].map((key) => ({ tlv_type: 2, on_tlv_present: { key } }));
	const may = { allow_requests_without_proxy_protocol: true };
	const endpoints = [{ lb_endpoints: [{ endpoint: { address: socketAddress(one) } }] }];
	const proxy = await side.proxy({
		static_resources: {
			listeners: [
				listener("first", { ...may, disallowed_versions: ["V2"] }),
				listener("second", { ...may, disallowed_versions: ["V1"] }),
				listener("any", may),
				listener("must", {}),
				listener("metadata", { rules: rules.slice(0, 1) }),
				listener("state", { rules: rules.slice(0, 1), tlv_location: "FILTER_STATE" }),
				listener("rules", { rules }),
			],
			clusters: [staticCluster("one", { load_assignment: { cluster_name: "one", endpoints } })],
		},
	});
	return { proxy, log: () => readFileSync(path, "utf8").split("\n").filter(Boolean) };
}

async function ask({ proxy }: World, listener: string, bytes: string | Buffer, until?: string): Promise<Talk> {
	const send = [{ bytes }, { after: "hello one\n", bytes: "abc" }];
	const options = { port: await proxy.port(listener), send };
	const { heard, end } = await talk(until === undefined ? options : { ...options, until });
	return { heard: heard.replaceAll("echo:", ""), end };
}

const passed = (bytes: string | Buffer): object => ({ heard: `hello one\n${bytes.toString("latin1")}abc` });

compareWithEnvoy("edges of the PROXY protocol", {
	start,
	cases: {
		"a header of a version that is not read is data, where no header need be": {
			want: passed(binary),
			see: (world) => ask(world, "first", binary, "abc"),
		},
		"a line of a version that is not read": { want: passed(line), see: (world) => ask(world, "second", line, "abc") },
		"a line that is read": { want: passed(""), see: (world) => ask(world, "first", line, "abc") },
		"a line without an end": {
			want: { heard: "", end: "reset" },
			see: (world) => ask(world, "any", `PROXY UNKNOWN ${"x".repeat(120)}`),
		},
		"a line without an end where a header must be": {
			want: { heard: "", end: "reset" },
			see: (world) => ask(world, "must", `PROXY UNKNOWN ${"x".repeat(120)}`),
		},
		"headers are counted": {
			want: {
				"proxy_proto.first.not_found_allowed": 1,
				"proxy_proto.second.not_found_allowed": 1,
				"proxy_proto.any.not_found_disallowed": 1,
				"proxy_proto.must.not_found_disallowed": 1,
			},
			see: ({ proxy }) => proxy.stats("proxy_proto|downstream_cx_proxy_proto"),
		},
		"an extension twice": {
			want: {},
			see: (world) => ask(world, "metadata", extended(Buffer.from("one"), Buffer.from("two")), "abc"),
		},
		"an extension twice, into the filter state": {
			want: {},
			see: (world) => ask(world, "state", extended(Buffer.from("one"), Buffer.from("two")), "abc"),
		},
		"an extension that is no text": {
			want: {},
			see: (world) => ask(world, "metadata", extended(Buffer.from([0xff, 0xfe, 0x41, 0xc3, 0xa9, 0xc3])), "abc"),
		},
		"an extension that is no text, into the filter state": {
			want: {},
			see: (world) => ask(world, "state", extended(Buffer.from([0xff, 0x41])), "abc"),
		},
		"two rules of one extension": {
			want: {},
			see: (world) => ask(world, "rules", extended(Buffer.from("value")), "abc"),
		},
		"what extensions became is logged": {
			want: ['{"first":"!!A\u00e9!"} - -'],
			async see({ proxy, log }) {
				await proxy.stop();
				return log().sort();
			},
		},
	},
});
