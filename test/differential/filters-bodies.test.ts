/** Filters that hold or change bodies. */
import { brotliDecompressSync, gunzipSync, gzipSync, zstdDecompressSync } from "node:zlib";
import { typed } from "../support/bootstraps.ts";
import { compareWithEnvoy } from "../support/differential.ts";
import { type FilterCall, type FilterWorld, startFilterWorld } from "../support/filter-world.ts";

const filter = (name: string, type: string, fields: object = {}) => ({
	name,
	typed_config: typed(`filters.http.${type}`, { ...fields }),
});
const route = (path: string, more: object) => ({ match: { path }, route: { cluster: "up" }, ...more });
const library = (name: string, type: string) => ({ name, typed_config: typed(`compression.${type}`) });
const compressor = (kind: "gzip" | "brotli" | "zstd", fields: object = { response_direction_config: {} }) =>
	filter(`compress-${kind}`, "compressor.v3.Compressor", {
		compressor_library: library(kind, `${kind}.compressor.v3.${capital(kind)}`),
		...fields,
	});
const capital = (text: string): string => text[0]!.toUpperCase() + text.slice(1);
const text = "to be or not to be ".repeat(20);
const answer = { "x-answer": Buffer.from(text).toString("base64") };
const grpc = { "content-type": "application/grpc" };
const frame = (message: string): Buffer => {
	const head = Buffer.alloc(5);
	head.writeUInt32BE(message.length, 1);
	return Buffer.concat([head, Buffer.from(message)]);
};

/** The answer with its body as it was before it was compressed. */
async function decoded(world: FilterWorld, listener: string, call: FilterCall) {
	const { status, headers, body, trailers } = await world.call(listener, call);
	const decoders: Record<string, (bytes: Buffer) => Buffer> = {
		gzip: gunzipSync,
		br: brotliDecompressSync,
		zstd: zstdDecompressSync,
	};
	const coding = headers["content-encoding"];
	const plain = coding === undefined ? body : decoders[String(coding)]!(body);
	return { status, headers, trailers, body: plain.toString("latin1") };
}

async function see(world: FilterWorld, listener: string, call: FilterCall) {
	const { status, headers, body, trailers, echo } = await world.call(listener, call);
	return { status, headers, trailers, body: echo === undefined ? body.toString("latin1") : "", echo };
}

const accepting = (codings: string): FilterCall => ({ headers: { "accept-encoding": codings, ...answer } });

compareWithEnvoy("filters of bodies", {
	start: (side) =>
		startFilterWorld(side, {
			buffer: {
				filters: [filter("buffer", "buffer.v3.Buffer", { max_request_bytes: 100 })],
				routes: [
					route("/off", {
						typed_per_filter_config: { buffer: typed("filters.http.buffer.v3.BufferPerRoute", { disabled: true }) },
					}),
				],
			},
			three: { filters: [compressor("gzip"), compressor("brotli"), compressor("zstd")] },
			first: {
				filters: [compressor("gzip"), compressor("brotli", { response_direction_config: {}, choose_first: true })],
			},
			status: {
				filters: [
					compressor("gzip", {
						response_direction_config: { status_header_enabled: true, disable_on_etag_header: true },
					}),
				],
			},
			statuses: {
				filters: (["gzip", "brotli"] as const).map((coding) =>
					compressor(coding, { response_direction_config: { status_header_enabled: true } }),
				),
			},
			request: {
				filters: [
					filter("decompress", "decompressor.v3.Decompressor", {
						decompressor_library: library("gzip", "gzip.decompressor.v3.Gzip"),
					}),
				],
			},
			web: {
				filters: [
					filter("stats", "grpc_stats.v3.FilterConfig", { stats_for_all_methods: true }),
					filter("web", "grpc_web.v3.GrpcWeb"),
				],
			},
			stats: { filters: [filter("stats", "grpc_stats.v3.FilterConfig", { stats_for_all_methods: true })] },
		}),
	cases: {
		"a request that is buffered gets its length": {
			want: { status: 200, echo: { body: "abc" } },
			see: (world) =>
				see(world, "buffer", { method: "POST", body: "abc", headers: { "transfer-encoding": "chunked" } }),
		},
		"a request that is too large to buffer": {
			want: { status: 413, body: "Payload Too Large" },
			see: (world) => see(world, "buffer", { method: "POST", body: "x".repeat(101) }),
		},
		"a large request where nothing is buffered": {
			want: { status: 200 },
			see: (world) => see(world, "buffer", { method: "POST", path: "/off", body: "x".repeat(500) }),
		},
		gzip: {
			want: { headers: { "content-encoding": "gzip" }, body: text },
			see: (world) => decoded(world, "three", accepting("gzip")),
		},
		brotli: {
			want: { headers: { "content-encoding": "br" }, body: text },
			see: (world) => decoded(world, "three", accepting("br")),
		},
		zstd: {
			want: { headers: { "content-encoding": "zstd" }, body: text },
			see: (world) => decoded(world, "three", accepting("zstd")),
		},
		"weights decide": {
			want: { headers: { "content-encoding": "br" } },
			see: (world) => decoded(world, "three", accepting("gzip;q=0.5, br;q=0.8, zstd;q=0.1")),
		},
		"any coding": {
			want: { headers: { "content-encoding": "gzip" } },
			see: (world) => decoded(world, "three", accepting("*")),
		},
		"any coding but one": { want: { status: 200 }, see: (world) => decoded(world, "three", accepting("gzip;q=0, *")) },
		"no coding": {
			want: { headers: { vary: "Accept-Encoding" }, body: text },
			see: (world) => decoded(world, "three", accepting("identity")),
		},
		"a coding that is chosen first": {
			want: { headers: { "content-encoding": "br" } },
			see: (world) => decoded(world, "first", accepting("gzip, br")),
		},
		"an answer that may not change": {
			want: { body: text },
			see: (world) =>
				decoded(world, "three", {
					headers: { ...accepting("gzip").headers, "x-answer-cache-control": "no-transform" },
				}),
		},
		"a compressed answer with trailers": {
			want: { headers: { "content-encoding": "br" }, body: text, trailers: { "x-end": "1" } },
			see: (world) => decoded(world, "three", { headers: { ...accepting("br").headers, "x-trailer-x-end": "1" } }),
		},
		"why an answer is as it is: compressed": {
			want: { headers: { "x-envoy-compression-status": `gzip;Compressed;OriginalLength=${text.length}` } },
			see: (world) => decoded(world, "status", accepting("gzip")),
		},
		"why an answer is as it is: its etag": {
			want: { headers: { "x-envoy-compression-status": "gzip;EtagNotAllowed" } },
			see: (world) => decoded(world, "status", { headers: { ...accepting("gzip").headers, "x-answer-etag": '"a"' } }),
		},
		"why an answer is as it is: each compressor says it in a field of its own": {
			// Fields of one name are joined with a space by the client, and without one by a proxy that makes one field of them.
			want: { headers: { "x-envoy-compression-status": "br;ContentLengthTooSmall, gzip;ContentLengthTooSmall" } },
			see: (world) =>
				see(world, "statuses", {
					headers: { "accept-encoding": "gzip, br", "x-answer": Buffer.from("short").toString("base64") },
				}),
		},
		"compressors count": {
			want: { "http.three.compressor.zstd.zstd.response.compressed": 1 },
			see: async ({ proxy }) => {
				const all = await proxy.stats("^http\\.(three|first|status)\\.compressor\\.");
				// How small a body gets is the library's.
				return Object.fromEntries(Object.entries(all).filter(([name]) => !name.endsWith("total_compressed_bytes")));
			},
		},
		"a compressed request": {
			want: { echo: { body: text } },
			see: (world) =>
				see(world, "request", { method: "POST", headers: { "content-encoding": "gzip" }, body: gzipSync(text) }),
		},
		"a compressed answer for a client that cannot read it": {
			want: { body: text, headers: { "x-kept": "1" } },
			see: (world) =>
				see(world, "request", {
					headers: {
						"x-answer": gzipSync(text).toString("base64"),
						"x-answer-content-encoding": "gzip",
						"x-answer-x-kept": "1",
					},
				}),
		},
		"gRPC-Web, binary": {
			want: { headers: { "content-type": "application/grpc-web+proto" } },
			see: (world) =>
				see(world, "web", {
					method: "POST",
					path: "/a.B/M",
					body: frame("hi"),
					headers: {
						"content-type": "application/grpc-web+proto",
						"x-answer": frame("hello").toString("base64"),
						"x-answer-content-type": "application/grpc",
						"x-trailer-grpc-status": "0",
						"x-trailer-grpc-message": "fine",
					},
				}),
		},
		"gRPC-Web, text": {
			want: { headers: { "content-type": "application/grpc-web-text+proto" } },
			see: (world) =>
				see(world, "web", {
					method: "POST",
					path: "/a.B/M",
					body: frame("hi").toString("base64"),
					headers: {
						"content-type": "application/grpc-web-text",
						accept: "application/grpc-web-text",
						"x-answer": frame("hello").toString("base64"),
						"x-answer-content-type": "application/grpc",
						"x-trailer-grpc-status": "3",
					},
				}),
		},
		"gRPC-Web towards the upstream is gRPC": {
			want: { status: 200, headers: { "grpc-status": "2" } },
			see: (world) =>
				see(world, "web", {
					method: "POST",
					path: "/a.B/M",
					body: frame("hi"),
					headers: {
						"content-type": "application/grpc-web",
						"x-answer": Buffer.from("plain words").toString("base64"),
					},
				}),
		},
		"gRPC-Web that is no base64": {
			want: { status: 400 },
			async see(world) {
				const { status, headers } = await world.call("web", {
					method: "POST",
					path: "/a.B/M",
					body: "ab*d",
					headers: { "content-type": "application/grpc-web-text" },
				});
				return { status, message: headers["grpc-message"] };
			},
		},
		"gRPC calls": {
			want: { status: 200 },
			see: (world) =>
				see(world, "stats", {
					method: "POST",
					path: "/pkg.Service/Get",
					body: Buffer.concat([frame("a"), frame("b")]),
					headers: {
						...grpc,
						"x-answer": frame("c").toString("base64"),
						"x-answer-content-type": "application/grpc",
						"x-trailer-grpc-status": "0",
					},
				}),
		},
		"gRPC calls are counted by method": {
			want: { "cluster.up.grpc.pkg.Service.Get.0": 1, "cluster.up.grpc.pkg.Service.Get.request_message_count": 2 },
			see: ({ proxy }) => proxy.stats("^cluster\\.up\\.grpc"),
		},
	},
});
