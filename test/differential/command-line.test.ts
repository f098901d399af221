/** Flags of the command line: how they are shown, and tags that they give to every statistic. */
import { managerFilter, socketAddress, staticCluster } from "../support/bootstraps.ts";
import { compareWithEnvoy } from "../support/differential.ts";

const args = [
	...["--service-node", "n1", "--service-cluster", "c1", "--service-zone", "z1"],
	...["--drain-time-s", "7", "--parent-shutdown-time-s", "9", "--drain-strategy", "immediate"],
	...["--local-address-ip-version", "v6", "--disable-extensions", "envoy.filters.http.fault"],
	...["--log-format-escaped", "--cpuset-threads", "--enable-fine-grain-logging", "--skip-hot-restart-parent-stats"],
	...["--stats-tag", "region:eu", "--stats-tag", "cell:7", "--file-flush-interval-msec", "500"],
];

/** What tells the two processes apart. */
const own = new Set([
	"admin_address_path",
	"base_id",
	"base_id_path",
	"concurrency",
	"config_path",
	"disable_hot_restart",
	"log_level",
]);

compareWithEnvoy("flags", {
	start: (side) =>
		side.proxy(
			{
				static_resources: {
					listeners: [{ name: "l", address: socketAddress(0), filter_chains: [{ filters: [managerFilter()] }] }],
					clusters: [staticCluster("c1")],
				},
			},
			{ args },
		),
	cases: {
		"are shown as they were given": {
			want: { flags: { local_address_ip_version: "v6", log_format_escaped: true, drain_time: "7s" }, zone: "z1" },
			async see(proxy) {
				const info = JSON.parse((await proxy.admin("/server_info")).body) as {
					command_line_options: Record<string, unknown>;
					node: { locality: { zone: string } };
				};
				const flags = Object.entries(info.command_line_options).filter(([name]) => !own.has(name));
				return { flags: Object.fromEntries(flags), zone: info.node.locality.zone };
			},
		},
		"give tags to statistics": {
			want: [],
			async see(proxy) {
				const { body } = await proxy.admin("/stats/prometheus?filter=^cluster.c1.upstream_(rq|cx)_total$");
				return body.split("\n").sort();
			},
		},
	},
});
