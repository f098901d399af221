/** The conformance tester of HTTP/2 servers, whole, against listeners with prior knowledge and by ALPN. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { findH2spec, skipWithout } from "../support/peers.ts";
import { createTestPki } from "../support/pki.ts";
import { startProxy, type TestBootstrap } from "../support/running-proxy.ts";
import { makeTemporaryFolder } from "../support/temporary-folder.ts";

const h2spec = findH2spec();
const skip = skipWithout("h2spec", h2spec);
const answer = { match: { prefix: "/" }, direct_response: { status: 200, body: { inline_string: "hello" } } };
const pki = createTestPki();
const server = pki.issue(pki.idOf("web"));

const tlsChain = {
	transport_socket: {
		name: "tls",
		typed_config: {
			"@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
			common_tls_context: {
				alpn_protocols: ["h2", "http/1.1"],
				tls_certificates: [
					{
						certificate_chain: { inline_string: server.certificateChainPem },
						private_key: { inline_string: server.privateKeyPem },
					},
				],
			},
		},
	},
};

/** Runs all its tests: how many there were, and the failed ones. */
function runH2spec(
	port: number,
	report: string,
	more: readonly string[],
): Promise<{ count: number; failed: string[] }> {
	const args = ["-h", "127.0.0.1", "-p", String(port), "-o", "5", "-j", report, ...more];
	return new Promise((resolve) => {
		execFile(h2spec!, args, { timeout: 240_000 }, () => {
			const cases = [...readFileSync(report, "utf8").matchAll(/<testcase ([^>]*?)(\/>|>([\s\S]*?)<\/testcase>)/g)];
			const failed = cases.filter(([, , , body = ""]) => /<(failure|error|skipped)/.test(body));
			resolve({ count: cases.length, failed: failed.map(([, attributes = ""]) => attributes) });
		});
	});
}

const listeners: readonly (readonly [name: string, parts: TestBootstrap, more: readonly string[]])[] = [
	["a listener of HTTP/2", { manager: { codec_type: "HTTP2" } }, []],
	["a listener of either version", {}, []],
	["a listener with TLS", { chain: tlsChain }, ["-t", "-k"]],
];

for (const [name, parts, more] of listeners) {
	test(`${name} passes h2spec`, { skip }, async (t) => {
		const manager = { delayed_close_timeout: "0.2s", ...parts.manager };
		const proxy = await startProxy(t, { ...parts, manager, routes: [answer] });
		const { count, failed } = await runH2spec(proxy.port(), join(makeTemporaryFolder(t), "report.xml"), more);
		assert.deepEqual(failed, []);
		assert.ok(count >= 145, `${count} tests were run`);
	});
}
