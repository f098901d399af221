/** TLS of clients outside the mesh that sidecars end, and certificates of clients that were revoked. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { askTls } from "../support/ask-tls.ts";
import { createRunningInstance, startApplication, startControlPlane } from "../support/control-plane.ts";
import { eventually } from "../support/eventually.ts";
import { sendRequest } from "../support/http-call.ts";
import { findEnvoy, findProgram, skipWithout } from "../support/peers.ts";
import { createRevokingAuthority } from "../support/revoking-authority.ts";

const patient = { deadlineMs: 60_000 };

for (const kind of ["amime", "envoy"] as const)
	test(`a sidecar ends TLS as its Sidecar says, and refuses revoked clients, on ${kind}`, {
		skip: (kind === "envoy" && skipWithout("envoy", findEnvoy())) || skipWithout("openssl", findProgram("openssl")),
	}, async (t) => {
		const authority = createRevokingAuthority(t, ["orders.example", "ada", "mallory"], "mallory");
		const appPort = await startApplication(t, (request, response) => {
			response.end(`${request.url} ${request.headers["x-forwarded-proto"]}`);
		});
		const files = {
			serverCertificate: authority.path("orders.example.pem"),
			privateKey: authority.path("orders.example.key"),
		};
		const clients = { caCertificates: authority.path("ca.pem"), caCrl: authority.path("ca.crl") };
		const configOf = (tls: object): string =>
			[
				{
					...{ apiVersion: "networking.istio.io/v1", kind: "Sidecar", metadata: { name: "orders", namespace: "shop" } },
					spec: {
						workloadSelector: { labels: { app: "orders" } },
						ingress: [{ port: { number: appPort, name: "https", protocol: "HTTPS" }, tls }],
					},
				},
				{
					...{
						apiVersion: "security.istio.io/v1",
						kind: "PeerAuthentication",
						metadata: { name: "orders", namespace: "shop" },
					},
					spec: { mtls: { mode: "DISABLE" } },
				},
				{
					...{ apiVersion: "v1", kind: "Service", metadata: { name: "orders", namespace: "shop" } },
					spec: { selector: { app: "orders" }, ports: [{ name: "http", port: 80, targetPort: appPort }] },
				},
			]
				.map((document) => JSON.stringify(document))
				.join("\n---\n");
		const control = await startControlPlane(t, configOf({ mode: "SIMPLE", ...files }));
		const instance = await createRunningInstance("orders", appPort);
		await control.register(instance);
		await control.startProxy(t, instance, kind);
		const port = instance.ports[0]!.meshPort;
		const ask = (name?: string) =>
			askTls({
				...{ port, host: "orders.example", path: "/list", ca: authority.read("ca.pem") },
				...(name !== undefined && { client: authority.pair(name) }),
			});
		await eventually(async () => assert.equal((await ask()).body, "/list https"), patient);
		await assert.rejects(sendRequest({ port, path: "/list" }), "nothing goes past TLS");
		control.writeConfig(configOf({ mode: "MUTUAL", ...files, ...clients }));
		await eventually(async () => assert.rejects(ask()), patient);
		assert.equal((await ask("ada")).status, 200);
		await assert.rejects(ask("mallory"));
	});
