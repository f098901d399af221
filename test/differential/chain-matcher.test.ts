/** Filter chains that a listener's matcher chooses, rules of the network RBAC filter by matcher, and entries of streams under way. */
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { managerFilter, socketAddress, typed } from "../support/bootstraps.ts";
import { compareWithEnvoy, type Side } from "../support/differential.ts";
import { eventually } from "../support/eventually.ts";
import { sendRequest } from "../support/http-call.ts";

const input = (name: string) => ({ name, typed_config: typed(`matching.common_inputs.network.v3.${name}`) });
const chain = (value: string) => ({
	action: { name: value, typed_config: { "@type": "type.googleapis.com/google.protobuf.StringValue", value } },
});
const answer = (text: string) => ({
	name: text,
	filters: [
		{
			name: "answer",
			typed_config: typed("filters.network.direct_response.v3.Config", { response: { inline_string: text } }),
		},
	],
});
const inspectors = ["tls_inspector.v3.TlsInspector", "http_inspector.v3.HttpInspector"].map((type) => ({
	name: type,
	typed_config: typed(`filters.listener.${type}`),
}));

const matchers = {
	"by type of source": {
		matcher_list: {
			matchers: [
				{
					predicate: { single_predicate: { input: input("SourceTypeInput"), value_match: { exact: "local" } } },
					on_match: chain("a"),
				},
			],
		},
	},
	"by range of addresses": {
		matcher_tree: {
			input: input("SourceIPInput"),
			custom_match: {
				name: "ip",
				typed_config: {
					"@type": "type.googleapis.com/xds.type.matcher.v3.IPMatcher",
					range_matchers: [
						{ ranges: [{ address_prefix: "0.0.0.0", prefix_len: 0 }], on_match: chain("a") },
						{ ranges: [{ address_prefix: "127.0.0.0", prefix_len: 8 }], on_match: chain("b") },
					],
				},
			},
		},
	},
	"by protocol": {
		matcher_tree: {
			input: input("ApplicationProtocolInput"),
			exact_match_map: { map: { "'http/1.1'": chain("b"), "'h2c'": chain("nowhere") } },
		},
	},
	"no match": {
		matcher_tree: { input: input("DestinationPortInput"), exact_match_map: { map: { "1": chain("a") } } },
	},
};

async function say(port: number, text: string): Promise<string> {
	const socket = connect(port, "127.0.0.1");
	let seen = "";
	socket.on("data", (bytes) => (seen += String(bytes)));
	socket.on("error", () => undefined);
	socket.on("connect", () => socket.write(text));
	await new Promise((resolve) => socket.on("close", resolve));
	return seen;
}

compareWithEnvoy("filter_chain_matcher", {
	async start(side: Side) {
		const proxy = await side.proxy({
			static_resources: {
				listeners: Object.entries(matchers).map(([name, filter_chain_matcher]) => ({
					name,
					address: socketAddress(0),
					listener_filters: inspectors,
					filter_chain_matcher,
					filter_chains: [answer("a"), answer("b")],
					default_filter_chain: answer("default"),
				})),
			},
		});
		return { proxy };
	},
	cases: Object.fromEntries(
		Object.keys(matchers).map((name) => [
			name,
			{
				want: [],
				async see({ proxy }) {
					const port = await proxy.port(name);
					const texts = ["GET / HTTP/1.1\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "hello world\r\n"];
					return Promise.all(texts.map((text) => say(port, text)));
				},
			},
		]),
	),
});

compareWithEnvoy("access-log entries of streams under way", {
	async start(side: Side) {
		const path = join(side.folder, "access.log");
		const log = {
			name: "file",
			typed_config: typed("access_loggers.file.v3.FileAccessLog", {
				path,
				log_format: { text_format_source: { inline_string: "%ACCESS_LOG_TYPE% %RESPONSE_CODE% %REQ(:PATH)%\n" } },
			}),
		};
		const routes = [{ match: { prefix: "/" }, direct_response: { status: 200 } }];
		const manager = managerFilter({
			access_log: [log],
			access_log_options: { flush_access_log_on_new_request: true, access_log_flush_interval: "600s" },
			route_config: { name: "r", virtual_hosts: [{ name: "v", domains: ["*"], routes }] },
		});
		const proxy = await side.proxy({
			static_resources: {
				listeners: [{ name: "l", address: socketAddress(0), filter_chains: [{ filters: [manager] }] }],
			},
		});
		return { port: await proxy.port("l"), path };
	},
	cases: {
		"one for the beginning, one for the end": {
			want: ["DownstreamStart 0 /x", "DownstreamEnd 200 /x"],
			async see({ port, path }) {
				await sendRequest({ port, path: "/x" });
				return eventually(
					async () => {
						const lines = readFileSync(path, "utf8").trim().split("\n");
						if (lines.length < 2) throw new Error("not written yet");
						return lines;
					},
					{ deadlineMs: 15_000 },
				);
			},
		},
	},
});
