/** Whose address a request comes from, told by x-forwarded-for and trusted proxies, and what is put behind it. */
import { managerFilter, oneHost, socketAddress, typed } from "../support/bootstraps.ts";
import { compareWithEnvoy } from "../support/differential.ts";
import { sendRequest } from "../support/http-call.ts";
import type { ProxyProcess } from "../support/proxy-process.ts";

const range = (address_prefix: string, prefix_len: number) => ({ address_prefix, prefix_len });

const detections = {
	counted: { xff_num_trusted_hops: 1 },
	"counted, appended": { xff_num_trusted_hops: 1, skip_xff_append: false },
	trusted: { xff_trusted_cidrs: { cidrs: [range("127.0.0.0", 8), range("10.0.0.0", 8)] } },
	"trusted, appended": { xff_trusted_cidrs: { cidrs: [range("127.0.0.0", 8)] }, skip_xff_append: false },
	"a stranger": { xff_trusted_cidrs: { cidrs: [range("11.0.0.0", 8)] } },
};

const forwarded = [
	undefined,
	"1.2.3.4",
	"10.1.1.1",
	"192.168.1.1",
	"1.2.3.4, 10.1.1.1",
	"9.9.9.9,1.2.3.4, 10.1.1.1 ,127.0.0.5",
	"10.2.2.2,10.1.1.1",
	"junk,10.1.1.1",
	"1.2.3.4,",
];

const shown = "%REQ(x-forwarded-for)% | %DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% | %REQ(x-envoy-internal)%";

function listener(name: string, detection: Record<string, unknown>) {
	const manager = managerFilter({
		original_ip_detection_extensions: [
			{ name: "x", typed_config: typed("http.original_ip_detection.xff.v3.XffConfig", detection) },
		],
		route_config: oneHost([
			{
				match: { prefix: "/" },
				direct_response: { status: 200, body_format: { text_format_source: { inline_string: shown } } },
			},
		]),
	});
	return { name, address: socketAddress(0), filter_chains: [{ filters: [manager] }] };
}

async function ask(proxy: ProxyProcess, name: string): Promise<Record<string, string>> {
	const port = await proxy.port(name);
	const seen: Record<string, string> = {};
	for (const value of forwarded) {
		const headers: Record<string, string> = value === undefined ? {} : { "x-forwarded-for": value };
		seen[`${value}`] = (await sendRequest({ port, path: "/", headers })).body;
	}
	return seen;
}

compareWithEnvoy<ProxyProcess>("the client's address behind proxies", {
	start: (side) =>
		side.proxy({
			static_resources: { listeners: Object.entries(detections).map(([name, one]) => listener(name, one)) },
		}),
	cases: {
		"hops are counted": {
			want: { "1.2.3.4, 10.1.1.1": "1.2.3.4, 10.1.1.1 | 1.2.3.4 | -" },
			see: (proxy) => ask(proxy, "counted"),
		},
		"the peer is put behind them": {
			want: {},
			see: (proxy) => ask(proxy, "counted, appended"),
		},
		"proxies are known by their address": {
			want: { "9.9.9.9,1.2.3.4, 10.1.1.1 ,127.0.0.5": "9.9.9.9,1.2.3.4, 10.1.1.1 ,127.0.0.5 | 1.2.3.4 | -" },
			see: (proxy) => ask(proxy, "trusted"),
		},
		"known proxies, the peer put behind": { want: {}, see: (proxy) => ask(proxy, "trusted, appended") },
		"a peer that is no known proxy is the client": {
			want: {},
			see: (proxy) => ask(proxy, "a stranger"),
		},
	},
});
