/** Two trust domains, each with a control plane of its own: a workload of one calls a service of the other under policy, on amime and on
 *  Envoy; a root of one cannot vouch for the other; the end of the relation ends it. */
import assert from "node:assert/strict";
import { createPrivateKey } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { connect } from "node:tls";
import { createControlClient } from "../../src/agent/control-client/index.ts";
import { createSecretServer } from "../../src/agent/secret-server/index.ts";
import { buildBootstrap } from "../../src/agent/supervise/bootstrap.ts";
import { createRemoteSigner } from "../../src/agent/svid-client/index.ts";
import { createTrustClient, type TrustClient } from "../../src/agent/trust/index.ts";
import { type ControlPlaneOptions, createControlPlane } from "../../src/control/index.ts";
import { silentLog, systemClock, systemRandom } from "../../src/core/index.ts";
import { createSvidSource } from "../../src/identity/index.ts";
import {
	createCertificate,
	encodeName,
	encodePublicKey,
	formatCertificates,
	readCertificates,
	subjectOf,
} from "../../src/identity/x509/index.ts";
import { formatObjectName, formatSpiffeId, type WorkloadInstance } from "../../src/model/index.ts";
import { createRunningInstance, startApplication } from "../support/control-plane.ts";
import { eventually } from "../support/eventually.ts";
import { findFreePort } from "../support/free-port.ts";
import { sendRequest } from "../support/http-call.ts";
import { findEnvoy, skipWithout } from "../support/peers.ts";
import { type ProxyKind, startProxyProcess } from "../support/proxy-process.ts";
import { makeTemporaryFolder } from "../support/temporary-folder.ts";

const patient = { deadlineMs: 40_000 };
const token = "test-token";

const meshOf = (trustDomain: string, rest: string): string => `
apiVersion: amime.dev/v1alpha1
kind: MeshConfig
metadata: {name: default}
spec: {trustDomain: ${trustDomain}}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec: {mtls: {mode: STRICT}}
---
${rest}`;

const workload = (name: string): string => `apiVersion: amime.dev/v1alpha1
kind: Workload
metadata: {name: ${name}, namespace: shop, labels: {app: ${name}}}
spec: {command: [none], serviceAccount: ${name}, ports: [{name: http, protocol: http}]}
---
`;

const calledConfig = `${workload("reviews")}apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: shop}
spec: {selector: {app: reviews}, ports: [{name: http, port: 80, targetPort: http}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: web-of-a, namespace: shop}
spec:
  selector: {matchLabels: {app: reviews}}
  rules: [{from: [{source: {principals: ["a.example/ns/shop/sa/web"]}}]}]
`;

const callingConfig = (
	port: number,
): string => `${workload("web")}${workload("other")}apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: reviews-of-b, namespace: shop}
spec:
  hosts: [reviews.b.example]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 80, name: http, protocol: HTTP}]
  endpoints: [{address: 127.0.0.1, ports: {http: ${port}}}]
  subjectAltNames: ["spiffe://b.example/ns/shop/sa/reviews"]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews-of-b, namespace: shop}
spec:
  host: reviews.b.example
  trafficPolicy: {tls: {mode: ISTIO_MUTUAL, subjectAltNames: ["spiffe://b.example/ns/shop/sa/reviews"]}}
`;

interface Domain {
	readonly trustDomain: string;
	readonly stateFolder: string;
	readonly adminUrl: string;
	readonly xdsPort: number;
	readonly trust: TrustClient;
	admin(method: string, path: string, body?: object): Promise<string>;
}

async function startDomain(
	t: TestContext,
	trustDomain: string,
	config: string,
	federation: NonNullable<ControlPlaneOptions["federation"]>,
): Promise<Domain> {
	const root = makeTemporaryFolder(t);
	const [configFolder, stateFolder] = [join(root, "mesh"), join(root, "state")];
	mkdirSync(configFolder);
	writeFileSync(join(configFolder, "mesh.yaml"), meshOf(trustDomain, config));
	const plane = createControlPlane({
		...{ configFolder, stateFolder, token, log: silentLog, federation },
		...{ xdsAddress: "127.0.0.1:0", adminAddress: "127.0.0.1:0" },
	});
	await plane.start();
	t.after(() => plane.close());
	const adminUrl = `http://127.0.0.1:${plane.adminPort}`;
	const client = createControlClient({ adminUrl, token, timeoutMs: 40_000 });
	const trust = createTrustClient({ client, clock: systemClock, random: systemRandom, log: silentLog });
	t.after(() => {
		trust.close();
		client.close();
	});
	const admin = async (method: string, path: string, body?: object): Promise<string> => {
		const answer = await sendRequest({
			...{ port: plane.adminPort, method, path, headers: { authorization: `Bearer ${token}` } },
			...(body !== undefined && { body: JSON.stringify(body) }),
		});
		assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${answer.body}`);
		return answer.body;
	};
	return { trustDomain, stateFolder, adminUrl, xdsPort: plane.xdsPort, trust, admin };
}

async function startSidecar(
	t: TestContext,
	domain: Domain,
	kind: ProxyKind,
	instance: WorkloadInstance,
): Promise<void> {
	const { trustDomain, adminUrl } = domain;
	const { namespace, name, serviceAccount } = instance;
	await domain.admin("PUT", `/v1/instances/${namespace}/${name}`, { ...instance, sidecar: kind, leaseTtlMs: 60_000 });
	const folder = makeTemporaryFolder(t);
	const holder = formatObjectName(instance);
	const svid = createSvidSource({
		spiffeId: formatSpiffeId({ trustDomain, namespace, serviceAccount }),
		sign: createRemoteSigner({ adminUrl, token, namespace, serviceAccount, holder }),
	});
	t.after(() => svid.close());
	const secretSocket = join(folder, "sds.sock");
	const secrets = createSecretServer({ socketPath: secretSocket, svid });
	await secrets.start();
	t.after(() => secrets.close());
	t.after(domain.trust.add({ name: holder, svid, acknowledged: () => secrets.acknowledged() }));
	const xdsAddresses = [`127.0.0.1:${domain.xdsPort}`];
	const bootstrap = buildBootstrap({
		instance,
		xdsAddresses,
		secretSocket,
		meshName: "test",
		clusterDomain: "cluster.local",
	});
	const { admin: _, ...rest } = bootstrap;
	await startProxyProcess(t, kind, folder, rest, { args: ["--drain-time-s", "1"] });
}

/** A certificate that the authority of one domain signs for whatever identity: what an intruder there could do. */
function forge(stateFolder: string, spiffeId: string) {
	const read = (name: string): string => readFileSync(join(stateFolder, "ca", name), "utf8");
	const [issuer] = readCertificates(read("issuer.pem"));
	const privateKey = createPrivateKey(read("issuer.key"));
	const key = createPrivateKey(read("root.key"));
	const der = createCertificate(
		{
			...{ serial: Buffer.of(7), subject: encodeName({}), publicKey: encodePublicKey(key) },
			...{ notBefore: Date.now() - 60_000, notAfter: Date.now() + 3_600_000 },
			extensions: { keyUsages: ["digitalSignature"], names: [{ kind: "uri", value: spiffeId }], namesCritical: true },
		},
		{ name: subjectOf(issuer!), privateKey },
	);
	return {
		cert: formatCertificates([der, issuer!.der]),
		key: key.export({ type: "pkcs8", format: "pem" }).toString(),
	};
}

/** The status of a request over mutual TLS with that certificate; 0 when the connection is refused. */
function callWith(port: number, pair: { readonly cert: string; readonly key: string }): Promise<number> {
	const { promise, resolve } = Promise.withResolvers<number>();
	const socket = connect({ host: "127.0.0.1", port, ...pair, rejectUnauthorized: false, ALPNProtocols: ["http/1.1"] });
	let answer = "";
	socket.on("secureConnect", () => socket.write("GET / HTTP/1.1\r\nhost: reviews\r\nconnection: close\r\n\r\n"));
	socket.on("data", (part) => {
		answer += String(part);
	});
	socket.on("error", () => resolve(0));
	socket.on("close", () => resolve(Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1] ?? 0)));
	return promise;
}

for (const [caller, callee] of [
	["amime", "envoy"],
	["envoy", "amime"],
] as const) {
	test(`${caller} of one trust domain calls ${callee} of another, under policy, for as long as they relate`, {
		skip: skipWithout("envoy", findEnvoy()),
	}, async (t) => {
		const appPort = await startApplication(t, (_request, response) => void response.end("reviews of b"));
		const reviews = await createRunningInstance("reviews", appPort);
		const web = await createRunningInstance("web", appPort);
		const other = await createRunningInstance("other", appPort);
		const [portA, portB] = [await findFreePort(), await findFreePort()];
		const a = await startDomain(t, "a.example", callingConfig(reviews.ports[0]!.meshPort), {
			bundleEndpoint: `127.0.0.1:${portA}`,
		});
		const b = await startDomain(t, "b.example", calledConfig, {
			bundleEndpoint: `127.0.0.1:${portB}`,
		});
		await startSidecar(t, b, callee, reviews);
		await startSidecar(t, a, caller, web);
		await startSidecar(t, a, caller, other);
		const call = async (from: WorkloadInstance): Promise<number> => {
			const options = {
				port: from.httpProxyPort!,
				path: "http://reviews.b.example/",
				headers: { host: "reviews.b.example" },
			};
			return (await sendRequest(options)).status;
		};
		await eventually(async () => assert.equal(await call(web), 503), patient);

		// Each is known to the other by its SPIFFE ID, under a bundle that was handed over.
		await a.admin("PUT", "/v1/identity/federation/b.example", {
			endpoint: {
				profile: "https_spiffe",
				url: `https://localhost:${portB}/`,
				spiffeId: "spiffe://b.example/amime/bundle-endpoint",
			},
			bundle: await b.admin("GET", "/v1/identity/federation-bundle"),
		});
		await b.admin("PUT", "/v1/identity/federation/a.example", {
			endpoint: {
				profile: "https_spiffe",
				url: `https://localhost:${portA}/`,
				spiffeId: "spiffe://a.example/amime/bundle-endpoint",
			},
			bundle: await a.admin("GET", "/v1/identity/federation-bundle"),
		});
		for (const [here, there] of [
			[a, b],
			[b, a],
		] as const)
			await here.admin("POST", `/v1/identity/federation/${there.trustDomain}/refresh`);
		await eventually(async () => assert.equal(await call(web), 200), patient);
		assert.equal(await call(other), 403);

		// What A signs is A's, whatever name it writes.
		const { meshPort } = reviews.ports[0]!;
		assert.equal(await callWith(meshPort, forge(a.stateFolder, "spiffe://a.example/ns/shop/sa/web")), 200);
		assert.equal(await callWith(meshPort, forge(a.stateFolder, "spiffe://b.example/ns/shop/sa/web")), 0);
		assert.equal(await callWith(meshPort, forge(b.stateFolder, "spiffe://a.example/ns/shop/sa/web")), 0);
		assert.equal(await callWith(meshPort, forge(a.stateFolder, "spiffe://c.example/ns/shop/sa/web")), 0);

		await b.admin("DELETE", "/v1/identity/federation/a.example");
		await eventually(async () => assert.equal(await call(web), 503), patient);
		assert.equal(await callWith(meshPort, forge(a.stateFolder, "spiffe://a.example/ns/shop/sa/web")), 0);
	});
}
