/** The filters cdn_loop and ip_tagging: which requests are refused, and what upstreams are told. */
import { managerFilter, oneHost, routerFilter, socketAddress, typed } from "../support/bootstraps.ts";
import { plainCluster } from "../support/call-out-clusters.ts";
import { type Case, compareWithEnvoy, type Side } from "../support/differential.ts";
import type { ProxyProcess } from "../support/proxy-process.ts";
import { openClient } from "../support/raw-client.ts";
import { startSeenBackend } from "../support/seen-backend.ts";

const loop = (fields: Record<string, unknown>) => typed("filters.http.cdn_loop.v3.CdnLoopConfig", fields);
const cidr = (address_prefix: string, prefix_len: number) => ({ address_prefix, prefix_len });
const tags = [
	{ ip_tag_name: "ten", ip_list: [cidr("10.0.0.0", 8), cidr("fd00::", 8)] },
	{ ip_tag_name: "ten-one", ip_list: [cidr("10.1.0.0", 16)] },
	{ ip_tag_name: "one-host", ip_list: [cidr("192.0.2.1", 32), cidr("192.0.2.2", 32)] },
	{ ip_tag_name: "unclean", ip_list: [cidr("198.51.100.77", 24)] },
];
const tagging = (fields: Record<string, unknown>) =>
	typed("filters.http.ip_tagging.v3.IPTagging", { ip_tags: tags, ...fields });

/** Filters by the name of their listener. */
const filters: Readonly<Record<string, Record<string, unknown>>> = {
	"loop-a": loop({ cdn_id: "a" }),
	"loop-a-twice": loop({ cdn_id: "a", max_allowed_occurrences: 2 }),
	"loop-host": loop({ cdn_id: "cdn.example:8080" }),
	"loop-address": loop({ cdn_id: "[2001:db8::1]" }),
	"tag-all": tagging({}),
	"tag-internal": tagging({ request_type: "INTERNAL" }),
	"tag-external": tagging({ request_type: "EXTERNAL" }),
	"tag-header": tagging({ ip_tag_header: { header: "X-Tags" } }),
	"tag-append": tagging({ ip_tag_header: { header: "x-tags", action: "APPEND_IF_EXISTS_OR_ADD" } }),
};

async function start(side: Side): Promise<ProxyProcess> {
	const backend = await startSeenBackend(side);
	const listeners = Object.entries(filters).map(([name, typed_config]) => ({
		name,
		address: socketAddress(0),
		filter_chains: [
			{
				filters: [
					managerFilter({
						stat_prefix: name,
						use_remote_address: false,
						internal_address_config: { cidr_ranges: [cidr("10.0.0.0", 8)] },
						http_filters: [{ name, typed_config }, routerFilter],
						route_config: oneHost([
							{
								match: {
									prefix: "/",
									headers: [{ name: "x-envoy-ip-tags", string_match: { exact: "one-host" } }],
								},
								direct_response: { status: 418 },
							},
							{ match: { prefix: "/" }, route: { cluster: "c" } },
						]),
					}),
				],
			},
		],
	}));
	return side.proxy({ static_resources: { listeners, clusters: [plainCluster("c", backend)] } });
}

/** The status, and the body with what the backend saw. */
async function ask(proxy: ProxyProcess, side: Side, listener: string, fields: string): Promise<unknown> {
	const client = await openClient(side, await proxy.port(listener));
	client.send(`GET / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n${fields}\r\n`);
	const { status, body } = await client.response();
	if (!body.startsWith("{")) return { status, body };
	const { headers } = JSON.parse(body);
	// Which of several tags comes first is nobody's business.
	for (const name of ["x-envoy-ip-tags", "x-tags"]) headers[name] = headers[name]?.split(",").sort();
	return { status, headers };
}

const values = [
	"a",
	"b",
	"a, a",
	"a,a,a",
	"a, a ,\ta, a",
	"b;x=1, a",
	'b;x="a, a", a',
	"a;x=1;y=2",
	"A",
	"b a",
	"a;",
	"a;x",
	'a;x="',
	",",
	",,a,,",
	"a:80",
	"a:",
	"cdn.example:8080",
	"CDN.example:8080",
	"cdn.example",
	"[2001:db8::1]",
	"[2001:db8::1]:80",
	"[2001:db8::g]",
	"[]",
	"a/b",
	"b;x = 1",
	"b ; x=1 ; y=2 , a",
	"(a)",
	'a;x="\\""',
	'a;x="\u00fc"',
	"a;x=\u00fc",
	"\u00fc",
	"a b=c",
	"a;;x=1",
	"",
];
const addresses = [
	"10.0.0.1",
	"10.1.2.3",
	"192.0.2.1",
	"192.0.2.3",
	"198.51.100.1",
	"fd00::1",
	"::ffff:10.0.0.1",
	"203.0.113.1, 10.0.0.1",
	"10.0.0.1, 203.0.113.1",
];
const cases: Record<string, Case<ProxyProcess>> = {};
for (const listener of Object.keys(filters)) {
	const add = (title: string, fields: string): void => {
		cases[`${listener}: ${title}`] = { want: {}, see: (proxy, side) => ask(proxy, side, listener, fields) };
	};
	if (listener.startsWith("loop")) {
		add("no header", "");
		for (const value of values) add(value, `cdn-loop: ${value}\r\n`);
		add("two headers", "cdn-loop: a\r\nCDN-Loop: a, b\r\n");
		add("another and a broken one", "cdn-loop: a\r\nCDN-Loop: a b\r\n");
	} else {
		add("no address", "");
		for (const address of addresses) {
			add(address, `x-forwarded-for: ${address}\r\n`);
			add(
				`${address} and tags`,
				`x-forwarded-for: ${address}\r\nx-envoy-ip-tags: old\r\nx-tags: old\r\nx-tags: older\r\n`,
			);
		}
	}
}

compareWithEnvoy("filters cdn_loop and ip_tagging", {
	start,
	cases: { ...cases, counters: { want: {}, see: (proxy) => proxy.stats("ip_tagging") } },
});
