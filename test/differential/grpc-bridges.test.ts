/** Bridges between gRPC and HTTP/1: clients that know no trailers, upstreams that know no gRPC. */
import { typed } from "../support/bootstraps.ts";
import { compareWithEnvoy } from "../support/differential.ts";
import { type FilterCall, type FilterWorld, startFilterWorld } from "../support/filter-world.ts";

const filter = (type: string, fields: object) => ({
	name: "bridge",
	typed_config: typed(`filters.http.${type}`, { ...fields }),
});
const bridge = (fields: object) => ({ filters: [filter("grpc_http1_bridge.v3.Config", fields)] });
const reverse = (fields: object) => ({
	filters: [filter("grpc_http1_reverse_bridge.v3.FilterConfig", { content_type: "application/x-protobuf", ...fields })],
	routes: [
		{
			match: { path: "/off" },
			route: { cluster: "up" },
			typed_per_filter_config: {
				bridge: typed("filters.http.grpc_http1_reverse_bridge.v3.FilterConfigPerRoute", { disabled: true }),
			},
		},
	],
});

const frame = (text: string): Buffer => {
	const head = Buffer.alloc(5);
	head.writeUInt32BE(Buffer.byteLength(text), 1);
	return Buffer.concat([head, Buffer.from(text)]);
};
const answer = (bytes: Buffer | string, type = "application/grpc") => ({
	"x-answer": Buffer.from(bytes).toString("base64"),
	"x-answer-content-type": type,
});

async function see(world: FilterWorld, listener: string, call: FilterCall) {
	const { status, headers, trailers, body, echo } = await world.call(listener, { method: "POST", ...call });
	return { status, headers, trailers, body: body.toString("latin1"), echo };
}

const call = (
	headers: Record<string, string>,
	body: Buffer | string = frame("hi"),
	path = "/p.S/M?a=1",
): FilterCall => ({
	path,
	headers: { "content-type": "application/grpc", ...headers },
	body: Buffer.from(body),
});
const served = { "x-trailer-grpc-status": "0", "x-trailer-grpc-message": "fine" };
const failed = { "x-trailer-grpc-status": "5", "x-trailer-grpc-message": "nobody" };
const protobuf = { "content-type": "application/x-protobuf" };

compareWithEnvoy("gRPC for clients without trailers", {
	start: (side) =>
		startFilterWorld(side, {
			plain: bridge({}),
			upgrading: bridge({ upgrade_protobuf_to_grpc: true, ignore_query_parameters: true }),
		}),
	cases: {
		"a call that is served": {
			want: { status: 200, headers: { "grpc-status": "0" } },
			see: (world) => see(world, "plain", call({ ...answer(frame("yes")), ...served })),
		},
		"a call that fails": {
			want: { status: 503, headers: { "grpc-status": "5" } },
			see: (world) => see(world, "plain", call({ ...answer(""), ...failed })),
		},
		"other requests": {
			want: { status: 200 },
			see: (world) => see(world, "plain", call({ "content-type": "text/plain", ...failed })),
		},
		"a message without its frame": {
			want: { status: 200, headers: { "grpc-status": "0" }, body: "yes" },
			see: (world) => see(world, "upgrading", call({ ...protobuf, ...answer(frame("yes")), ...served }, "hi")),
		},
		"a call with a query": {
			want: { status: 503 },
			see: (world) => see(world, "upgrading", call({ ...answer(""), ...failed })),
		},
	},
});

compareWithEnvoy("gRPC for upstreams without it", {
	start: (side) =>
		startFilterWorld(side, {
			plain: reverse({}),
			withheld: reverse({ withhold_grpc_frames: true }),
			sized: reverse({ withhold_grpc_frames: true, response_size_header: "X-Size" }),
		}),
	cases: Object.fromEntries(
		["plain", "withheld", "sized"].flatMap((listener) =>
			Object.entries({
				"an answer": call({ ...answer("yes", "application/x-protobuf"), "x-answer-x-size": "3" }),
				"an answer of another type": call(answer("yes", "text/plain")),
				"an answer without a size": call(answer("yes", "application/x-protobuf")),
				"a failure": call({
					...answer("no", "application/x-protobuf"),
					"x-answer-x-size": "2",
					"x-answer-status": "404",
				}),
				"a longer content type": call({
					"content-type": "application/grpc+proto",
					...answer("yes", "application/x-protobuf"),
					"x-answer-x-size": "3",
				}),
				"a route without it": call(answer(frame("yes")), frame("hi"), "/off"),
				"other requests": call({ "content-type": "text/plain", ...answer("yes", "text/plain") }),
			}).map(([what, one]) => [
				`${listener}: ${what}`,
				{ want: {}, see: (world: FilterWorld) => see(world, listener, one) },
			]),
		),
	),
});
