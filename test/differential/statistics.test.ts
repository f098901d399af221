/** What the bootstrap says about statistics: which are shown, their tags, their buckets, and when intervals of histograms end. */
import { managerFilter, socketAddress, staticCluster } from "../support/bootstraps.ts";
import { compareWithEnvoy, type Side } from "../support/differential.ts";
import { startEchoBackend } from "../support/echo-backend.ts";
import { sendRequest } from "../support/http-call.ts";
import type { ProxyProcess } from "../support/proxy-process.ts";

type World = { readonly proxy: ProxyProcess };

async function start(side: Side, fields: object): Promise<World> {
	const backend = await startEchoBackend(side, "backend");
	const endpoints = [{ lb_endpoints: [{ endpoint: { address: socketAddress(backend.port) } }] }];
	const proxy = await side.proxy({
		...fields,
		static_resources: {
			listeners: [{ name: "l", address: socketAddress(0), filter_chains: [{ filters: [managerFilter()] }] }],
			clusters: ["c1", "c2"].map((name) => staticCluster(name, { load_assignment: { cluster_name: name, endpoints } })),
		},
	});
	await sendRequest({ port: await proxy.port("l"), path: "/" });
	return { proxy };
}

/** Names of the router's statistics: those of connections depend on when they end. */
async function seeNames({ proxy }: World): Promise<string[]> {
	const { body } = await proxy.admin(
		"/stats?filter=^cluster\\.c[12]\\.(upstream_rq|membership)|^http\\.in\\.(rq|downstream_rq)",
	);
	return body.split("\n").map((line) => line.replace(/: .*/, ""));
}

async function seePrometheus({ proxy }: World): Promise<string[]> {
	const { body } = await proxy.admin(
		"/stats/prometheus?filter=c[12].upstream_rq_(total|200)$|http.in.downstream_rq_(2xx|total)$",
	);
	return body.split("\n").sort();
}

const matchers = {
	"everything is hidden": { reject_all: true },
	"only what is listed is shown": { inclusion_list: { patterns: [{ prefix: "cluster.c1." }, { suffix: "rq_total" }] } },
	"what is listed is hidden": {
		exclusion_list: {
			patterns: [{ safe_regex: { regex: "cluster.*upstream_rq_t.*" } }, { contains: "downstream_rq" }],
		},
	},
};
for (const [title, stats_matcher] of Object.entries(matchers)) {
	compareWithEnvoy(`stats_matcher: ${title}`, {
		start: (side) => start(side, { stats_config: { stats_matcher } }),
		cases: {
			names: { want: [], see: seeNames },
			Prometheus: { want: [], see: seePrometheus },
		},
	});
}

const tags = {
	"tags of one's own": [
		{ tag_name: "my.cluster", regex: "^cluster\\.((c\\d)\\.)" },
		{ tag_name: "fixed", fixed_value: "v1" },
		{ tag_name: "kind", regex: "_rq(_(total))$" },
	],
	"a tag of Envoy's name does not replace Envoy's": [{ tag_name: "envoy.cluster_name", regex: "^cluster\\.((c)1\\.)" }],
};
for (const [title, stats_tags] of Object.entries(tags)) {
	compareWithEnvoy(title, {
		start: (side) => start(side, { stats_config: { stats_tags } }),
		cases: { Prometheus: { want: [], see: seePrometheus } },
	});
}
compareWithEnvoy("only the tags that are named", {
	start: (side) =>
		start(side, {
			stats_config: {
				use_all_default_tags: false,
				stats_tags: [{ tag_name: "envoy.response_code" }, { tag_name: "who", regex: "^cluster\\.((.+?)\\.)" }],
			},
		}),
	cases: { Prometheus: { want: [], see: seePrometheus } },
});

compareWithEnvoy("buckets and intervals of histograms", {
	start: (side) =>
		start(side, {
			stats_flush_on_admin: true,
			stats_config: {
				histogram_bucket_settings: [
					{ match: { prefix: "cluster.c1" }, buckets: [0.1, 5, 100_000] },
					{ match: { exact: "http.in.downstream_rq_time" }, buckets: [1, 10] },
				],
			},
		}),
	cases: {
		"nothing is shown before the first request for statistics": {
			want: "cluster.c1.upstream_rq_time: No recorded values\n",
			see: async ({ proxy }) => (await proxy.admin("/stats?filter=c1.upstream_rq_time$")).body,
		},
		"then it is": {
			want: true,
			see: async ({ proxy }) => (await proxy.admin("/stats?filter=c1.upstream_rq_time$")).body.includes("P100("),
		},
		"bounds have all their digits": {
			want: [],
			async see({ proxy }) {
				const { body } = await proxy.admin(
					"/stats/prometheus?filter=cluster.c[12].upstream_cx_length_ms|http.in.downstream_rq_time",
				);
				return body.split("\n").map((line) => line.replace(/ [\d.e+-]+$/, ""));
			},
		},
		"buckets that are nowhere said": {
			want: [],
			see: async ({ proxy }) =>
				(await proxy.admin("/stats?histogram_buckets=none&filter=c2.upstream_cx_length_ms")).body.split("\n"),
		},
	},
});

compareWithEnvoy("what a request uses", {
	start: (side) => start(side, {}),
	cases: {
		"gauges and counters of the connections, and how long they took": {
			want: [],
			async see({ proxy }) {
				const { body } = await proxy.admin(
					"/stats?usedonly&filter=^cluster\\.c1\\.upstream_cx|^http\\.in\\.downstream_cx_[^d]",
				);
				return body.split("\n").map((line) => line.replace(/: .*/, ""));
			},
		},
	},
});
