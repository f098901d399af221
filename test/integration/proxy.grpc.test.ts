/** gRPC programs on both ends of two proxies: calls of every kind, deadlines, cancellation and flow control go through. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import {
	Client,
	credentials,
	type handleBidiStreamingCall,
	type handleClientStreamingCall,
	type handleServerStreamingCall,
	type handleUnaryCall,
	Metadata,
	Server,
	ServerCredentials,
	type ServiceError,
	status,
} from "@grpc/grpc-js";
import { managerFilter, socketAddress, typed } from "../support/bootstraps.ts";
import { eventually } from "../support/eventually.ts";
import { startProxyOn } from "../support/running-proxy.ts";

const identity = (bytes: Buffer): Buffer => bytes;
const method = (name: string, requestStream: boolean, responseStream: boolean) => ({
	path: `/test.Echo/${name}`,
	requestStream,
	responseStream,
	requestSerialize: identity,
	requestDeserialize: identity,
	responseSerialize: identity,
	responseDeserialize: identity,
});
const service = {
	unary: method("Unary", false, false),
	count: method("Count", false, true),
	sum: method("Sum", true, false),
	talk: method("Talk", true, true),
};

async function startServer(t: TestContext): Promise<{ port: number; readonly cancelled: number }> {
	const state = { cancelled: 0 };
	const unary: handleUnaryCall<Buffer, Buffer> = (call, done) => {
		const text = String(call.request);
		call.on("cancelled", () => state.cancelled++);
		if (text === "never") return;
		if (text === "fail") {
			const metadata = new Metadata();
			metadata.set("x-why", "because");
			done({ code: status.FAILED_PRECONDITION, details: "so nicht: ü", metadata });
			return;
		}
		const trailers = new Metadata();
		trailers.set("x-end", "yes");
		done(null, call.request, trailers);
	};
	const count: handleServerStreamingCall<Buffer, Buffer> = (call) => {
		for (let index = 0; index < Number(String(call.request)); index++) call.write(Buffer.from(String(index)));
		call.end();
	};
	const sum: handleClientStreamingCall<Buffer, Buffer> = (call, done) => {
		let bytes = 0;
		call.on("data", (data: Buffer) => {
			bytes += data.length;
		});
		call.on("end", () => done(null, Buffer.from(String(bytes))));
	};
	const talk: handleBidiStreamingCall<Buffer, Buffer> = (call) => {
		call.on("data", (data: Buffer) => call.write(Buffer.from(`re: ${data}`)));
		call.on("end", () => call.end());
	};
	const server = new Server();
	server.addService(service, { unary, count, sum, talk });
	t.after(() => server.forceShutdown());
	const port = await new Promise<number>((resolve, reject) =>
		server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
			error === null ? resolve(bound) : reject(error),
		),
	);
	return Object.assign(state, { port });
}

function bootstrap(port: number): Record<string, unknown> {
	const http2 = typed("upstreams.http.v3.HttpProtocolOptions", {
		explicit_http_config: { http2_protocol_options: {} },
	});
	const routes = [{ match: { prefix: "/" }, route: { cluster: "c", timeout: "0s" } }];
	return {
		admin: { address: socketAddress(0) },
		static_resources: {
			listeners: [
				{
					name: "l1",
					address: socketAddress(0),
					filter_chains: [
						{
							filters: [
								managerFilter({
									route_config: { name: "r", virtual_hosts: [{ name: "v", domains: ["*"], routes }] },
								}),
							],
						},
					],
				},
			],
			clusters: [
				{
					name: "c",
					typed_extension_protocol_options: { "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": http2 },
					load_assignment: {
						cluster_name: "c",
						endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(port) } }] }],
					},
				},
			],
		},
	};
}

/** client → proxy → proxy → server */
async function start(t: TestContext) {
	const server = await startServer(t);
	const inner = await startProxyOn(t, bootstrap(server.port));
	const outer = await startProxyOn(t, bootstrap(inner.port()));
	const client = new Client(`127.0.0.1:${outer.port()}`, credentials.createInsecure());
	t.after(() => client.close());
	const unary = (text: string | Buffer, options: object = {}): Promise<Buffer | ServiceError> =>
		new Promise((resolve) => {
			client.makeUnaryRequest("/test.Echo/Unary", identity, identity, Buffer.from(text), options, (error, answer) =>
				resolve(error ?? answer!),
			);
		});
	return { server, client, unary, inner, outer };
}

test("unary calls bring answers and errors with their metadata", async (t) => {
	const { unary } = await start(t);
	assert.equal(String(await unary("hello")), "hello");
	const error = (await unary("fail")) as ServiceError;
	assert.equal(error.code, status.FAILED_PRECONDITION);
	assert.equal(error.details, "so nicht: ü");
	assert.deepEqual(error.metadata.get("x-why"), ["because"]);
	const large = Buffer.alloc(3_000_000, "x");
	assert.equal(((await unary(large)) as Buffer).length, large.length);
});

test("many calls at once share connections", async (t) => {
	const { unary, inner } = await start(t);
	const answers = await Promise.all(Array.from({ length: 200 }, (_, index) => unary(String(index))));
	assert.deepEqual(
		answers.map(String),
		Array.from({ length: 200 }, (_, index) => String(index)),
	);
	const stats = await inner.admin("/stats?filter=^cluster.c.upstream_cx_http2_total$");
	assert.match(stats, /: 1\n/);
});

test("streams go either way and both ways", async (t) => {
	const { client } = await start(t);
	const counted: string[] = [];
	const count = client.makeServerStreamRequest("/test.Echo/Count", identity, identity, Buffer.from("1000"));
	count.on("data", (data: Buffer) => counted.push(String(data)));
	await new Promise((resolve) => count.on("end", resolve));
	assert.equal(counted.length, 1000);
	assert.equal(counted.at(-1), "999");

	const total = await new Promise<string>((resolve, reject) => {
		const sum = client.makeClientStreamRequest("/test.Echo/Sum", identity, identity, (error, answer) =>
			error === null ? resolve(String(answer)) : reject(error),
		);
		for (let index = 0; index < 100; index++) sum.write(Buffer.alloc(10_000));
		sum.end();
	});
	assert.equal(total, "1000000");

	const talk = client.makeBidiStreamRequest("/test.Echo/Talk", identity, identity);
	const said: string[] = [];
	for (const word of ["one", "two", "three"]) {
		talk.write(Buffer.from(word));
		said.push(String(await new Promise((resolve) => talk.once("data", resolve))));
	}
	talk.end();
	const end = await new Promise<{ code: number }>((resolve) => talk.on("status", resolve).resume());
	assert.deepEqual(said, ["re: one", "re: two", "re: three"]);
	assert.equal(end.code, status.OK);
});

test("a deadline and a cancelled call reach the server, and free their places", async (t) => {
	const { client, unary, server, outer } = await start(t);
	const late = (await unary("never", { deadline: Date.now() + 300 })) as ServiceError;
	assert.equal(late.code, status.DEADLINE_EXCEEDED);
	await eventually(() => assert.equal(server.cancelled, 1));
	const call = client.makeUnaryRequest("/test.Echo/Unary", identity, identity, Buffer.from("never"), () => undefined);
	await eventually(async () => {
		assert.match(await outer.admin("/stats?filter=^cluster.c.upstream_rq_active$"), /: 1\n/);
	});
	call.cancel();
	await eventually(() => assert.equal(server.cancelled, 2));
	await eventually(async () => {
		assert.match(await outer.admin("/stats?filter=^cluster.c.upstream_rq_active$"), /: 0\n/);
	});
	assert.equal(String(await unary("still there")), "still there");
});
