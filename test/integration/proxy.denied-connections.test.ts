/** Connections that policies deny, whose handshake takes longer than the connection to the application: on amime and on Envoy. */
import assert from "node:assert/strict";
import { type AddressInfo, connect, createServer } from "node:net";
import { test } from "node:test";
import { connect as connectTls } from "node:tls";
import { socketAddress, typed } from "../support/bootstraps.ts";
import { plainCluster } from "../support/call-out-clusters.ts";
import { eventually } from "../support/eventually.ts";
import { findEnvoy, skipWithout } from "../support/peers.ts";
import { createTestPki } from "../support/pki.ts";
import { startProxyProcess } from "../support/proxy-process.ts";
import { makeTemporaryFolder } from "../support/temporary-folder.ts";

for (const kind of ["amime", "envoy"] as const)
	test(`a denied connection ends with its first byte, also when the application was there before its handshake was done, on ${kind}`, {
		skip: kind === "envoy" && skipWithout("envoy", findEnvoy()),
	}, async (t) => {
		const pki = createTestPki();
		let comers = 0;
		const heard: string[] = [];
		const application = createServer((socket) => {
			comers++;
			socket.on("error", () => undefined);
			socket.on("data", (data) => heard.push(data.toString("latin1")));
			socket.write("a greeting");
		});
		await new Promise<void>((resolve) => application.listen(0, "127.0.0.1", resolve));
		t.after(() => void application.close());
		const own = pki.issue("spiffe://cluster.local/ns/shop/sa/ledger");
		const rules = {
			action: "DENY",
			policies: { closed: { permissions: [{ any: true }], principals: [{ any: true }] } },
		};
		const tls = {
			require_client_certificate: true,
			common_tls_context: {
				tls_certificates: [
					{
						certificate_chain: { inline_string: own.certificateChainPem },
						private_key: { inline_string: own.privateKeyPem },
					},
				],
				validation_context: { trusted_ca: { inline_string: pki.bundlePem } },
			},
		};
		const proxy = await startProxyProcess(t, kind, makeTemporaryFolder(t), {
			static_resources: {
				listeners: [
					{
						name: "l",
						address: socketAddress(0),
						filter_chains: [
							{
								filters: [
									{ name: "rbac", typed_config: typed("filters.network.rbac.v3.RBAC", { stat_prefix: "r", rules }) },
									{
										name: "tcp",
										typed_config: typed("filters.network.tcp_proxy.v3.TcpProxy", { stat_prefix: "t", cluster: "c" }),
									},
								],
								transport_socket: {
									name: "tls",
									typed_config: typed("transport_sockets.tls.v3.DownstreamTlsContext", tls),
								},
							},
						],
					},
				],
				clusters: [plainCluster("c", (application.address() as AddressInfo).port)],
			},
		});
		const web = pki.issue("spiffe://cluster.local/ns/shop/sa/web");
		for (let round = 1; round <= 3; round++) {
			const slow = connect(await proxy.port("l"), "127.0.0.1");
			slow.on("error", () => undefined);
			t.after(() => slow.destroy());
			// A proxy connects at once; the handshake begins when that is done.
			await eventually(() => assert.equal(comers, round));
			let answer = "";
			const socket = connectTls({
				...{ socket: slow, cert: web.certificateChainPem, key: web.privateKeyPem, rejectUnauthorized: false },
			});
			socket.on("error", () => undefined);
			socket.on("data", (data) => {
				answer += data.toString("latin1");
			});
			const ended = new Promise<void>((resolve) => void socket.on("close", resolve));
			socket.on("secureConnect", () => socket.write("ping"));
			await ended;
			assert.equal(heard.join(""), "");
			// An Envoy hands on what the server said before the first byte came.
			if (kind === "amime") assert.equal(answer, "");
		}
		assert.equal(await proxy.stat("r.rbac.denied"), 3);
	});
