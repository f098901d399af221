/** Answers of the proxy's own: the smallest example of a differential test. */
import { managerFilter, socketAddress } from "../support/bootstraps.ts";
import { compareWithEnvoy } from "../support/differential.ts";
import { sendRequest } from "../support/http-call.ts";

compareWithEnvoy("direct responses", {
	async start(side) {
		const routes = [
			{ match: { path: "/teapot" }, direct_response: { status: 418, body: { inline_string: "short and stout" } } },
			{ match: { path: "/empty" }, direct_response: { status: 204 } },
		];
		const manager = managerFilter({
			route_config: { name: "r", virtual_hosts: [{ name: "v", domains: ["*"], routes }] },
		});
		const proxy = await side.proxy({
			static_resources: {
				listeners: [{ name: "l", address: socketAddress(0), filter_chains: [{ filters: [manager] }] }],
			},
		});
		return { proxy, port: await proxy.port("l") };
	},
	cases: {
		"a body": {
			want: { status: 418, body: "short and stout" },
			async see({ port }) {
				const { status, body, headers } = await sendRequest({ port, path: "/teapot" });
				return { status, body, type: headers["content-type"], length: headers["content-length"] };
			},
		},
		"no body": {
			want: { status: 204, body: "" },
			async see({ port }) {
				const { status, body, headers } = await sendRequest({ port, path: "/empty" });
				return { status, body, length: headers["content-length"] };
			},
		},
		"they are counted": {
			want: { "http.in.downstream_rq_2xx": 1 },
			see: ({ proxy }) => proxy.stats("^http\\.in\\.downstream_rq_.xx$"),
		},
	},
});
