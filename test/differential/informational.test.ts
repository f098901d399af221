/** Interim answers of an upstream that keeps to no rule. */
import { managerFilter, socketAddress, staticCluster } from "../support/bootstraps.ts";
import { compareWithEnvoy, type Side } from "../support/differential.ts";
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
	const upstream = { answer: "" };
	const server = await startRawServer(side, (socket) => {
		socket.on("data", () => socket.write(upstream.answer + final));
	});
	const endpoints = [{ lb_endpoints: [{ endpoint: { address: socketAddress(server.port) } }] }];
	const manager = managerFilter({ proxy_100_continue: true });
	const proxy = await side.proxy({
		static_resources: {
			listeners: [{ name: "l", address: socketAddress(0), filter_chains: [{ filters: [manager] }] }],
			clusters: [staticCluster("c1", { load_assignment: { cluster_name: "c1", endpoints } })],
		},
	});
	return { upstream, port: await proxy.port("l") };
}

compareWithEnvoy("interim answers", {
	start,
	cases: Object.fromEntries(
		Object.entries(answers).map(([name, [text, statuses]]) => [
			name,
			{
				want: { statuses },
				async see({ upstream, port }: Awaited<ReturnType<typeof start>>, side: Side) {
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
});
