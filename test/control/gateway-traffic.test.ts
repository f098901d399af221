/** Gateways with traffic, on amime's proxy and on a stock Envoy: certificates of Secrets over the control plane's stream, bytes passed
 *  on by server name, encrypted backends, and what happens when a Secret changes. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { connect as connectTls, createServer as createTlsServer } from "node:tls";
import { askTls } from "../support/ask-tls.ts";
import { adsResources, http2Cluster, overMutualTls, socketAddress } from "../support/bootstraps.ts";
import { startApplication, startControlPlane } from "../support/control-plane.ts";
import { eventually } from "../support/eventually.ts";
import { findFreePort } from "../support/free-port.ts";
import { sendRequest } from "../support/http-call.ts";
import { findEnvoy, skipWithout } from "../support/peers.ts";
import { createTestPki, type TestCertificate } from "../support/pki.ts";
import { type ProxyKind, startProxyProcess } from "../support/proxy-process.ts";
import { makeTemporaryFolder } from "../support/temporary-folder.ts";

const pki = createTestPki();
const certificateOf = (host: string): TestCertificate => pki.issue(pki.idOf("gw"), { dnsNames: [host] });

function secret(name: string, { certificateChainPem, privateKeyPem }: TestCertificate): string {
	const stringData = { "tls.crt": certificateChainPem, "tls.key": privateKeyPem, "ca.crt": pki.bundlePem };
	return JSON.stringify({
		apiVersion: "v1",
		kind: "Secret",
		metadata: { name, namespace: "edge" },
		type: "kubernetes.io/tls",
		stringData,
	});
}

/** A Service of one port; whatever its backend speaks, requests to it are HTTP. */
const service = (name: string, port: number) => `
apiVersion: v1
kind: Service
metadata: {name: ${name}, namespace: shop}
spec: {ports: [{name: http, port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: ${name}-1, namespace: shop, labels: {kubernetes.io/service-name: ${name}}}
addressType: IPv4
ports: [{name: http, port: ${port}}]
endpoints: [{addresses: [127.0.0.1], conditions: {ready: true}}]
---`;

interface Ports {
	readonly plain: number;
	readonly tls: number;
	readonly mutual: number;
}

const gateways = (ports: Ports): string => `
apiVersion: amime.dev/v1alpha1
kind: Workload
metadata: {name: gw, namespace: edge, labels: {app: gw}}
spec: {command: [none], serviceAccount: gw, pattern: none}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: ig, namespace: edge}
spec:
  selector: {app: gw}
  servers:
    - {port: {number: ${ports.plain}, name: http, protocol: HTTP}, bind: 127.0.0.1, hosts: ["*"]}
    - {port: {number: ${ports.tls}, name: https, protocol: HTTPS}, bind: 127.0.0.1, hosts: [web.example], tls: {mode: SIMPLE, credentialName: web}}
    - {port: {number: ${ports.tls}, name: tls, protocol: TLS}, bind: 127.0.0.1, hosts: [vault.example], tls: {mode: PASSTHROUGH}}
    - {port: {number: ${ports.mutual}, name: mutual, protocol: HTTPS}, bind: 127.0.0.1, hosts: [web.example], tls: {mode: MUTUAL, credentialName: web}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web.example]
  gateways: [edge/ig]
  http:
    - {match: [{uri: {prefix: /vault}}], route: [{destination: {host: vault}}]}
    - route: [{destination: {host: web}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: vault, namespace: shop}
spec:
  hosts: [vault.example]
  gateways: [edge/ig]
  tls:
    - {match: [{sniHosts: [vault.example]}], route: [{destination: {host: sealed, port: {number: 80}}}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: vault, namespace: shop}
spec:
  targetRefs: [{group: "", kind: Service, name: vault}]
  validation: {caCertificateRefs: [{group: "", kind: ConfigMap, name: ca}], hostname: vault.internal}
---
`;

const configMap = JSON.stringify({
	apiVersion: "v1",
	kind: "ConfigMap",
	metadata: { name: "ca", namespace: "shop" },
	data: { "ca.crt": pki.bundlePem },
});

const bootstrapOf = (xdsTlsPort: number, secretSocket: string): object => ({
	node: {
		id: "router~127.0.0.1~gw-0.edge~edge.svc.cluster.local",
		cluster: "gw.edge",
		metadata: { LABELS: { app: "gw" } },
	},
	dynamic_resources: adsResources("xds"),
	static_resources: {
		clusters: [
			overMutualTls(http2Cluster("xds", socketAddress(xdsTlsPort))),
			http2Cluster("sds", { pipe: { path: secretSocket } }),
		],
	},
});

const ask = (port: number, host: string, path: string, client?: TestCertificate) =>
	askTls({ port, host, path, ca: pki.bundlePem, ...(client !== undefined && { client }) });

for (const kind of ["envoy", "amime"] as const satisfies readonly ProxyKind[])
	test(`a gateway with traffic on ${kind}`, {
		skip: kind === "envoy" && skipWithout("envoy", findEnvoy()),
		timeout: 120_000,
	}, async (t) => {
		const webPort = await startApplication(t, (request, response) => response.end(`web ${request.url}`));
		const own = certificateOf("vault.internal");
		const vault = createTlsServer({ cert: own.certificateChainPem, key: own.privateKeyPem }, (socket) => {
			socket.on("error", () => socket.destroy());
			socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 5\r\n\r\nvault"));
		});
		await new Promise<void>((resolve) => vault.listen(0, "127.0.0.1", resolve));
		t.after(() => vault.close());
		const vaultPort = (vault.address() as AddressInfo).port;
		const ports: Ports = { plain: await findFreePort(), tls: await findFreePort(), mutual: await findFreePort() };
		const control = await startControlPlane(
			t,
			[
				service("web", webPort),
				service("vault", vaultPort),
				service("sealed", vaultPort),
				gateways(ports),
				configMap,
			].join(""),
			{ xdsTlsAddress: "127.0.0.1:0" },
		);
		const first = certificateOf("web.example");
		assert.equal((await control.admin("PUT", "/v1/config", secret("web", first))).status, 200);
		const secretSocket = await control.serveSecrets(t, { namespace: "edge", serviceAccount: "gw" });
		const bootstrap = bootstrapOf(control.plane.xdsTlsPort!, secretSocket);
		await startProxyProcess(t, kind, makeTemporaryFolder(t), bootstrap, { awaitReady: false });
		const plain = (path: string) => sendRequest({ port: ports.plain, path, headers: { host: "web.example" } });
		await eventually(async () => assert.equal((await plain("/")).status, 200), { deadlineMs: 60_000 });

		await t.test("TLS is ended with the certificate of the Secret", async () => {
			const answer = await ask(ports.tls, "web.example", "/a");
			assert.deepEqual([answer.status, answer.body], [200, "web /a"]);
			await assert.rejects(ask(ports.tls, "other.example", "/"));
		});

		await t.test("a client has to show a certificate where that is asked", async () => {
			assert.equal((await ask(ports.mutual, "web.example", "/m", certificateOf("client"))).status, 200);
			await assert.rejects(ask(ports.mutual, "web.example", "/m"));
			await assert.rejects(ask(ports.mutual, "web.example", "/m", pki.foreign(pki.idOf("x"))));
		});

		await t.test("a BackendTLSPolicy encrypts, and trusts only the name that it gives", async () => {
			await eventually(async () => assert.equal((await plain("/vault")).body, "vault"), { deadlineMs: 20_000 });
			control.writeConfig(
				readFileSync(join(control.folder, "mesh.yaml"), "utf8").replace(
					"hostname: vault.internal",
					"hostname: other.internal",
				),
			);
			await eventually(async () => assert.equal((await plain("/vault")).status, 503), { deadlineMs: 20_000 });
		});

		await t.test("TLS that is passed on reaches the backend's own certificate", async () => {
			const socket = connectTls({
				port: ports.tls,
				host: "127.0.0.1",
				servername: "vault.example",
				rejectUnauthorized: false,
			});
			await new Promise<void>((resolve, reject) => socket.once("secureConnect", resolve).once("error", reject));
			assert.equal(socket.getPeerCertificate().subjectaltname?.includes("DNS:vault.internal"), true);
			socket.destroy();
		});

		await t.test("a Secret that changes is used at once", async () => {
			const { serial } = await ask(ports.tls, "web.example", "/");
			await control.admin("PUT", "/v1/config", secret("web", certificateOf("web.example")));
			await eventually(async () => assert.notEqual((await ask(ports.tls, "web.example", "/")).serial, serial), {
				deadlineMs: 20_000,
			});
			assert.equal((await plain("/")).status, 200);
		});
	});
