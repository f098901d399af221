/** What is special about running from the bundle: threads start from files of it, and modules of Node load when they are used. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { connect } from "node:tls";
import { managerFilter, routerFilter, socketAddress, typed } from "../support/bootstraps.ts";
import { sendRequest } from "../support/http-call.ts";
import { createTestPki } from "../support/pki.ts";
import { startProxyProcess } from "../support/proxy-process.ts";
import { makeTemporaryFolder } from "../support/temporary-folder.ts";

const project = resolve(import.meta.dirname, "../..");
const body = "bundled ".repeat(20);

function createBootstrap(): object {
	const pki = createTestPki();
	const { certificateChainPem, privateKeyPem } = pki.issue(pki.idOf("reviews"));
	const certificate = {
		certificate_chain: { inline_string: certificateChainPem },
		private_key: { inline_string: privateKeyPem },
	};
	const tls = typed("transport_sockets.tls.v3.DownstreamTlsContext", {
		common_tls_context: { tls_certificates: [certificate] },
	});
	const compressor = typed("filters.http.compressor.v3.Compressor", {
		compressor_library: { name: "gzip", typed_config: typed("compression.gzip.compressor.v3.Gzip") },
	});
	const route = { match: { prefix: "/" }, direct_response: { status: 200, body: { inline_string: body } } };
	const filters = [
		managerFilter({
			route_config: { name: "r", virtual_hosts: [{ name: "v", domains: ["*"], routes: [route] }] },
			http_filters: [{ name: "compressor", typed_config: compressor }, routerFilter],
		}),
	];
	// SO_KEEPALIVE: a call into the system that a thread of its own makes.
	const socket_options = [{ level: 1, name: 9, int_value: 1, state: "STATE_PREBIND" }];
	return {
		static_resources: {
			listeners: [
				{ name: "plain", address: socketAddress(0), filter_chains: [{ filters }], socket_options },
				{
					name: "tls",
					address: socketAddress(0),
					filter_chains: [{ filters, transport_socket: { name: "tls", typed_config: tls } }],
				},
			],
		},
	};
}

test("two workers from the bundle serve plain, compressed and encrypted, with socket options", async (t) => {
	execFileSync(process.execPath, [join(project, "scripts/bundle.ts")]);
	const folder = makeTemporaryFolder(t);
	const proxy = await startProxyProcess(t, "amime", folder, createBootstrap(), {
		bundled: true,
		args: ["--concurrency", "2"],
	});
	assert.doesNotMatch(proxy.output(), /running the sources/);
	const port = await proxy.port("plain");
	const answer = await sendRequest({ port, path: "/", headers: { "accept-encoding": "gzip" } });
	assert.equal(answer.headers["content-encoding"], "gzip");
	const socket = connect({ port: await proxy.port("tls"), host: "127.0.0.1", rejectUnauthorized: false });
	t.after(() => socket.destroy());
	await once(socket, "secureConnect");
	socket.write("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
	const text = (await socket.setEncoding("latin1").toArray()).join("");
	assert.match(text, /^HTTP\/1\.1 200 OK\r\n/);
	assert.ok(text.endsWith(body), text);
	assert.equal(await proxy.stop(), 0);
});

test("a plain sidecar starts without the parts that many never use (scripts/late-parts.ts)", async (t) => {
	execFileSync(process.execPath, [join(project, "scripts/bundle.ts")]);
	const folder = makeTemporaryFolder(t);
	const [preload, list] = [join(folder, "preload.cjs"), join(folder, "loaded")];
	const tell = `require("node:fs").writeFileSync(${JSON.stringify(list)}, Object.keys(require.cache).join("\\n"))`;
	writeFileSync(preload, `process.on("exit", () => ${tell});`);
	const route = { match: { prefix: "/" }, direct_response: { status: 200 } };
	const manager = managerFilter({
		route_config: { name: "r", virtual_hosts: [{ name: "v", domains: ["*"], routes: [route] }] },
		http_filters: [routerFilter],
	});
	const listener = { name: "plain", address: socketAddress(0), filter_chains: [{ filters: [manager] }] };
	const bootstrap = { static_resources: { listeners: [listener] } };
	const environment = { NODE_OPTIONS: `--require ${preload}` };
	const proxy = await startProxyProcess(t, "amime", folder, bootstrap, { bundled: true, environment });
	assert.equal((await sendRequest({ port: await proxy.port("plain"), path: "/" })).status, 200);
	assert.equal(await proxy.stop(), 0);
	const loaded = readFileSync(list, "utf8").split("\n");
	assert.ok(loaded.some((file) => file.includes("/dist/main/run.cjs")));
	const late = loaded.filter((file) => /\/dist\/main\/late-(?!yaml|admin)/.test(file));
	assert.deepEqual(late, [], "a reader or filter that every start calls is no late part");
});
