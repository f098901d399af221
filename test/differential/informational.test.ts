/** Interim answers of an upstream that keeps to no rule. */
import { managerFilter, oneHost, socketAddress, staticCluster, typed } from "../support/bootstraps.ts";
import { compareWithEnvoy, type Side } from "../support/differential.ts";
import { eventually } from "../support/eventually.ts";
import { openClient, startRawServer } from "../support/raw-client.ts";

const final = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";
const continued = "HTTP/1.1 100 Continue\r\n\r\n";
const early = "HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n";

const answers: Readonly<Record<string, readonly [text: string, statuses: readonly number[]]>> = {
	"one in front": [continued, [100, 200]],
	"early hints": [early, [103, 200]],
	"very many": [early.repeat(1000), [103, 200]],
	"different ones": [continued + early, [100, 200]],
	"one with a length": ["HTTP/1.1 100 Continue\r\ncontent-length: 5\r\n\r\n", [502]],
	"one with no length": ["HTTP/1.1 100 Continue\r\ncontent-length: 0\r\n\r\n", [100, 200]],
	"one with a coding": ["HTTP/1.1 103 Early Hints\r\ntransfer-encoding: chunked\r\n\r\n", [502]],
};

async function start(side: Side) {
	const upstream = { answer: "", endsFirst: false };
	const server = await startRawServer(side, (socket) => {
		socket.on("data", () => {
			if (!upstream.endsFirst) {
				socket.write(upstream.answer + final);
				return;
			}
			upstream.endsFirst = false;
			socket.end(upstream.answer);
		});
	});
	const endpoints = [{ lb_endpoints: [{ endpoint: { address: socketAddress(server.port) } }] }];
	const retry_policy = { retry_on: "5xx,reset", num_retries: 1 };
	const manager = managerFilter({
		proxy_100_continue: true,
		route_config: oneHost([{ match: { prefix: "/" }, route: { cluster: "c1", retry_policy } }]),
		access_log: [
			{
				name: "stdout",
				typed_config: typed("access_loggers.stream.v3.StdoutAccessLog", {
					log_format: {
						text_format_source: { inline_string: "%REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_CODE_DETAILS%\n" },
					},
				}),
			},
		],
	});
	const bootstrap = {
		static_resources: {
			listeners: [{ name: "l", address: socketAddress(0), filter_chains: [{ filters: [manager] }] }],
			clusters: [staticCluster("c1", { load_assignment: { cluster_name: "c1", endpoints } })],
		},
	};
	const proxy = await side.proxy(bootstrap, { args: ["--file-flush-interval-msec", "50"] });
	return { upstream, proxy, port: await proxy.port("l") };
}

type World = Awaited<ReturnType<typeof start>>;

/** The connection ends behind `answer` when it comes for the first time. */
function ending(path: string, answer: string, status: number) {
	return {
		want: { status },
		async see({ upstream, proxy, port }: World, side: Side) {
			Object.assign(upstream, { answer, endsFirst: true });
			const client = await openClient(side, port);
			client.send(`GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`);
			let { status } = await client.response();
			while (status < 200) ({ status } = await client.response());
			const log = await eventually(() => {
				const lines = proxy.stdout().split("\n").slice(0, -1);
				const line = lines.find((one) => one.startsWith(`${path} `));
				if (line === undefined) throw new Error("no access log line yet");
				return line;
			});
			return { status, log };
		},
	};
}

compareWithEnvoy("interim answers", {
	start,
	cases: {
		...Object.fromEntries(
			Object.entries(answers).map(([name, [text, statuses]]) => [
				name,
				{
					want: { statuses },
					async see({ upstream, port }: World, side: Side) {
						upstream.answer = text;
						const client = await openClient(side, port);
						client.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
						const seen = { statuses: [] as number[], links: [] as unknown[], lengths: [] as unknown[] };
						for (;;) {
							const { status, headers } = await client.response();
							seen.statuses.push(status);
							if (status >= 200) return seen;
							seen.links.push(headers.get("link"));
							seen.lengths.push(headers.get("content-length"));
						}
					},
				},
			]),
		),
		"none, and the end: tried again": ending("/none", "", 200),
		"one, and the end: no further try": ending("/one", early, 503),
		"one that is none of Envoy's, and the end: tried again": ending("/other", "HTTP/1.1 199 X\r\n\r\n", 200),
		"they are counted once a request": {
			want: { "cluster.c1.upstream_rq_1xx": 6 },
			see: ({ proxy }: World) => proxy.stats("^cluster\\.c1\\.upstream_rq_[125]xx$"),
		},
	},
});
