/** Large bodies both ways at once over HTTP/2, plain and TLS: whatever buffers they pass, they arrive as they were sent. */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { createServer as createHttpServer } from "node:http";
import { type ClientHttp2Session, connect, createServer, type ServerHttp2Stream } from "node:http2";
import type { Server } from "node:net";
import { type TestContext, test } from "node:test";
import { typed } from "../support/bootstraps.ts";
import { createTestPki } from "../support/pki.ts";
import { cluster, startProxy } from "../support/running-proxy.ts";

const pki = createTestPki();
const own = pki.issue(pki.idOf("web"));
const tlsChain = {
	transport_socket: {
		name: "tls",
		typed_config: typed("transport_sockets.tls.v3.DownstreamTlsContext", {
			common_tls_context: {
				alpn_protocols: ["h2"],
				tls_certificates: [
					{
						certificate_chain: { inline_string: own.certificateChainPem },
						private_key: { inline_string: own.privateKeyPem },
					},
				],
			},
		}),
	},
};
const http2Options = {
	"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": typed("upstreams.http.v3.HttpProtocolOptions", {
		explicit_http_config: { http2_protocol_options: {} },
	}),
};

async function listen(t: TestContext, server: Server): Promise<number> {
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	t.after(() => server.close());
	return (server.address() as { port: number }).port;
}

/** Servers that send every body back. */
const backends = {
	async "HTTP/1"(t: TestContext): Promise<object> {
		const server = createHttpServer((request, response) => void request.pipe(response));
		t.after(() => server.closeAllConnections());
		return cluster("backend", [await listen(t, server)]);
	},
	async "HTTP/2"(t: TestContext): Promise<object> {
		const server = createServer();
		server.on("session", (session) => t.after(() => session.destroy()));
		server.on("stream", (stream: ServerHttp2Stream) => {
			stream.on("error", () => undefined);
			stream.respond({ ":status": 200 });
			stream.pipe(stream);
		});
		return cluster("backend", [await listen(t, server)], { typed_extension_protocol_options: http2Options });
	},
};

const digest = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

/** Sends a body and gives the digest of what comes back. */
function echo(session: ClientHttp2Session, body: Buffer): Promise<string> {
	return new Promise((resolve, reject) => {
		const stream = session.request({ ":method": "POST", ":path": "/" });
		const hash = createHash("sha256");
		stream.on("data", (data: Buffer) => void hash.update(data));
		stream.on("end", () => resolve(hash.digest("hex")));
		stream.on("error", reject);
		for (let at = 0; at < body.length; at += 100_000) stream.write(body.subarray(at, at + 100_000));
		stream.end();
	});
}

for (const [version, start] of Object.entries(backends)) {
	for (const transport of ["plain", "TLS"]) {
		test(`bodies of many streams come back whole: ${transport}, upstream ${version}`, async (t) => {
			const proxy = await startProxy(t, {
				clusters: [await start(t)],
				routes: [{ match: { prefix: "/" }, route: { cluster: "backend", timeout: "0s" } }],
				...(transport === "TLS" ? { chain: tlsChain } : {}),
			});
			const scheme = transport === "TLS" ? "https" : "http";
			const session = connect(`${scheme}://127.0.0.1:${proxy.port()}`, {
				rejectUnauthorized: false,
				settings: { initialWindowSize: 50_000 },
			});
			t.after(() => session.destroy());
			const bodies = Array.from({ length: 12 }, (_, index) => randomBytes(100_000 + index * 150_000));
			assert.deepEqual(await Promise.all(bodies.map((body) => echo(session, body))), bodies.map(digest));
		});
	}
}
