/** SETTINGS with many entries, floods of frames that change nothing, and GOAWAY with streams that nobody opened, beside Envoy. */
import { managerFilter, oneHost, socketAddress, staticCluster, typed } from "../support/bootstraps.ts";
import { compareWithEnvoy, type Side } from "../support/differential.ts";
import { until } from "../support/eventually.ts";
import { sendRequest } from "../support/http-call.ts";
import { block, frame, getHead } from "../support/http2-recorder.ts";
import type { ProxyProcess } from "../support/proxy-process.ts";
import { openRawHttp2 } from "../support/raw-http2.ts";
import { startRawHttp2Upstream } from "../support/raw-http2-upstream.ts";

interface World {
	readonly proxy: ProxyProcess;
	readonly side: Side;
}

/** The payload of a SETTINGS frame with entries that nobody knows. */
function settings(count: number): Buffer {
	const payload = Buffer.alloc(count * 6);
	for (let index = 0; index < count; index++) payload.writeUInt16BE(0xf000 + index, index * 6);
	return payload;
}

function goAway(lastStreamId: number): Buffer {
	const payload = Buffer.alloc(8);
	payload.writeUInt32BE(lastStreamId, 0);
	return frame(7, 0, 0, payload);
}

const upstreams: Readonly<Record<string, { readonly settings?: number; readonly last?: number }>> = {
	"settings-32": { settings: 32 },
	"settings-33": { settings: 33 },
	"last-1": { last: 1 },
	"last-2": { last: 2 },
	"last-highest": { last: 0x7fffffff },
	"last-highest-even": { last: 0x7ffffffe },
};

async function start(side: Side): Promise<World> {
	const clusters: object[] = [];
	const listeners: object[] = [];
	const listener = (name: string, fields: object): object => {
		const filters = [managerFilter({ stat_prefix: name, ...fields })];
		return { name, address: socketAddress(0), filter_chains: [{ filters }] };
	};
	for (const [name, { settings: count = 0, last }] of Object.entries(upstreams)) {
		const server = await startRawHttp2Upstream(
			side,
			({ streamId, send }) => {
				const response = frame(1, 5, streamId, Buffer.from([0x88]));
				send(...(last === undefined ? [] : [goAway(last)]), response);
			},
			settings(count),
		);
		const endpoints = [{ lb_endpoints: [{ endpoint: { address: socketAddress(server.port) } }] }];
		const options = typed("upstreams.http.v3.HttpProtocolOptions", {
			explicit_http_config: { http2_protocol_options: {} },
		});
		clusters.push(
			staticCluster(name, {
				load_assignment: { cluster_name: name, endpoints },
				typed_extension_protocol_options: { "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options },
			}),
		);
		listeners.push(listener(name, { route_config: oneHost([{ match: { prefix: "/" }, route: { cluster: name } }]) }));
	}
	const direct = oneHost([{ match: { prefix: "/" }, direct_response: { status: 200 } }]);
	listeners.push(listener("clients", { codec_type: "HTTP2", route_config: direct }));
	return { proxy: await side.proxy({ static_resources: { clusters, listeners } }), side };
}

async function send({ proxy, side }: World, count: number): Promise<unknown> {
	const client = await openRawHttp2(side, await proxy.port("clients"));
	client.send(frame(4, 0, 0, settings(count)), frame(1, 5, 1, block(...getHead)));
	await until(async () => client.see().closed || client.see().streams[1] !== undefined);
	return client.see();
}

/** What a client sees that sends so many of these, behind a request that is over. */
async function flood({ proxy, side }: World, bytes: Buffer, count: number): Promise<unknown> {
	const client = await openRawHttp2(side, await proxy.port("clients"));
	const isOver = (): boolean => client.see().closed;
	client.send(frame(4, 0, 0), frame(1, 5, 1, block(...getHead)));
	await until(async () => client.see().streams[1] !== undefined);
	client.send(frame(1, 4, 3, block(...getHead)));
	client.send(Buffer.concat(Array.from({ length: count }, () => bytes)));
	await until(async () => isOver());
	return { closed: isOver() };
}

async function ask({ proxy }: World, name: string): Promise<unknown> {
	const { status, body } = await sendRequest({ port: await proxy.port(name), path: "/" });
	const stats = await proxy.stats(`^cluster\\.${name}\\.upstream_rq_(tx_reset|[25]xx)$`);
	return { status, body, ...stats };
}

const broken = { status: 502 };

compareWithEnvoy("control frames of HTTP/2", {
	start,
	cases: {
		"32 settings of a client": { want: { goAways: [], closed: false }, see: (world) => send(world, 32) },
		"33 settings of a client": { want: { goAways: [11], closed: true, streams: {} }, see: (world) => send(world, 33) },
		"resets of a stream that is over": {
			want: { closed: true },
			see: (world) => flood(world, frame(3, 0, 1, "\0\0\0\x08"), 3000),
		},
		"acknowledgements of settings that nobody sent": {
			want: { closed: true },
			see: (world) => flood(world, frame(4, 1, 0), 2),
		},
		"settings that all want an answer": { want: { closed: true }, see: (world) => flood(world, frame(4, 0, 0), 1500) },
		"pings that all want an answer": {
			want: { closed: true },
			see: (world) => flood(world, frame(6, 0, 0, "abcdefgh"), 1500),
		},
		"data of padding alone": { want: { closed: true }, see: (world) => flood(world, frame(0, 8, 3, "\x03\0\0\0"), 3) },
		"a client's last stream is its own": { want: { closed: true }, see: (world) => flood(world, goAway(1), 1) },
		"32 settings of an upstream": { want: { status: 200 }, see: (world) => ask(world, "settings-32") },
		"33 settings of an upstream": { want: broken, see: (world) => ask(world, "settings-33") },
		"the last stream is the one": { want: { status: 200 }, see: (world) => ask(world, "last-1") },
		"the last stream is none of ours": { want: broken, see: (world) => ask(world, "last-2") },
		"the last stream is the highest": { want: { status: 200 }, see: (world) => ask(world, "last-highest") },
		"the last stream is the highest that is none of ours": {
			want: broken,
			see: (world) => ask(world, "last-highest-even"),
		},
	},
});
