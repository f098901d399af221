/** Who may be which proxy, and who gets a gateway's keys. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { credentials } from "@grpc/grpc-js";
import { listenerType, secretType } from "../../src/xds/server/index.ts";
import { createRunningInstance, startControlPlane } from "../support/control-plane.ts";
import { discover, fetchStatus, mutualTls } from "../support/discovery-call.ts";
import { eventually } from "../support/eventually.ts";
import { createTestPki, type TestCertificate } from "../support/pki.ts";

const own = createTestPki();
const gatewayPair = own.issue(own.idOf("anything"), { dnsNames: ["web.example"] });

const workload = (name: string, namespace: string, labels: string): string => `
apiVersion: amime.dev/v1alpha1
kind: Workload
metadata: {name: ${name}, namespace: ${namespace}, labels: {${labels}}}
spec: {command: [none], serviceAccount: ${name}, pattern: none}
---`;

const world = `${workload("gw", "edge", "app: gw, tier: front")}${workload("other", "edge", "app: other")}${workload("web", "shop", "app: web")}
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: ig, namespace: edge}
spec:
  selector: {app: gw}
  servers:
    - {port: {number: 8443, name: https, protocol: HTTPS}, bind: 127.0.0.1, hosts: [web.example], tls: {mode: SIMPLE, credentialName: web}}
---
${JSON.stringify({
	apiVersion: "v1",
	kind: "Secret",
	metadata: { name: "web", namespace: "edge" },
	type: "kubernetes.io/tls",
	stringData: { "tls.crt": gatewayPair.certificateChainPem, "tls.key": gatewayPair.privateKeyPem },
})}
`;

const gateway = "router~127.0.0.1~gw-0.edge~edge.svc.cluster.local";
const secretName = "kubernetes-gateway://edge/web";

async function start(t: TestContext) {
	const control = await startControlPlane(t, world, { xdsTlsAddress: "127.0.0.1:0" });
	const pki = createTestPki({ stateFolder: control.stateFolder });
	const ask = (
		who: TestCertificate | "plain" | undefined,
		typeUrl: string,
		change: { readonly id?: string; readonly metadata?: Record<string, string | Record<string, string>> } = {},
	) => {
		const { id = gateway, metadata = { LABELS: { app: "gw" } } } = change;
		return discover({
			port: who === "plain" ? control.plane.xdsPort : control.plane.xdsTlsPort!,
			credentials: who === "plain" ? credentials.createInsecure() : mutualTls(who, pki.bundlePem),
			node: { id, metadata },
			typeUrl,
			...(typeUrl === secretType && { names: [secretName] }),
			timeoutMs: 1_000,
		});
	};
	const idOf = (serviceAccount: string, namespace: string): string => pki.idOf(serviceAccount, namespace);
	return { control, pki, ask, gw: pki.issue(idOf("gw", "edge")), idOf };
}

const holdsKey = (answer: Awaited<ReturnType<typeof discover>>): boolean =>
	typeof answer === "object" && "names" in answer && answer.names.some((text) => text.includes("PRIVATE KEY"));

test("a gateway's key goes to proxies with its identity, and to nobody in plain text", async (t) => {
	const { ask, gw, pki, idOf } = await start(t);
	assert.equal(holdsKey(await ask(gw, secretType)), true);
	const plain = await ask("plain", secretType);
	assert.equal(holdsKey(plain), false);
	const listeners = await ask("plain", listenerType);
	assert.ok(
		typeof listeners === "object" && "names" in listeners && listeners.names.length === 1,
		"the rest is served",
	);

	const other = pki.issue(idOf("other", "edge"));
	const claims = await ask(other, secretType);
	assert.equal(holdsKey(claims), false, "another workload of the namespace says that it is a gateway");
	const named = await ask(other, secretType, { id: "router~127.0.0.1~other-0.edge~edge.svc.cluster.local" });
	assert.equal(holdsKey(named), false, "under its own name, with the gateway's labels");
	const made = await ask(gw, secretType, { metadata: { LABELS: { app: "gw", tier: "made up" } } });
	assert.equal(holdsKey(made), false, "labels that the workload does not have");
	assert.equal(holdsKey(await ask(gw, secretType, { metadata: { LABELS: { app: "gw", tier: "front" } } })), true);
});

test("who is not the node that it says gets nothing", async (t) => {
	const { ask, pki, idOf, control } = await start(t);
	const refusedAs = async (certificate: TestCertificate, id: string, metadata = {}): Promise<string> => {
		const answer = await ask(certificate, listenerType, { id, metadata });
		return typeof answer === "object" && "refused" in answer ? answer.refused : JSON.stringify(answer);
	};
	const web = pki.issue(idOf("web", "shop"));
	assert.match(await refusedAs(web, gateway), /is of the namespace 'edge', the certificate of 'shop'/);
	const said = { SERVICE_ACCOUNT: "payments" };
	const node = "sidecar~127.0.0.1~x-0.shop~shop.svc.cluster.local";
	assert.match(await refusedAs(web, node, said), /has the service account 'payments', the certificate 'web'/);
	assert.match(await refusedAs(web, "anything"), /is no name of a proxy/);
	assert.match(await refusedAs(web, "anything", { GENERATOR: "grpc", NAMESPACE: "edge" }), /namespace 'edge'/);
	const agent = pki.issue("spiffe://cluster.local/amime/agent/join_token/1");
	assert.match(await refusedAs(agent, gateway), /is no identity of a workload/);

	const instance = await createRunningInstance("pay", 1, [], { ports: [] });
	await control.register(instance);
	const payments = "sidecar~127.0.0.1~pay-0.shop~shop.svc.cluster.local";
	await eventually(async () =>
		assert.match(await refusedAs(web, payments, { SERVICE_ACCOUNT: "web" }), /has the service account 'pay'/),
	);
	const pay = await ask(pki.issue(idOf("pay", "shop")), listenerType, { id: payments, metadata: {} });
	assert.ok(typeof pay === "object" && "names" in pay, JSON.stringify(pay));
});

test("certificates that are not good open no stream", async (t) => {
	const { ask, pki, idOf } = await start(t);
	const id = idOf("gw", "edge");
	const bad: Readonly<Record<string, TestCertificate | undefined>> = {
		none: undefined,
		foreign: pki.foreign(id),
		expired: pki.expired(id),
		"not yet valid": pki.notYetValid(id),
		"for servers only": pki.forServersOnly(id),
		"self-signed": pki.selfSigned(id),
		"two names": pki.withTwoIds(id, idOf("other", "edge")),
		"no name": pki.withoutName(),
		"an authority": pki.issuerAsLeaf(),
		"another trust domain": pki.issue("spiffe://other.example/ns/edge/sa/gw"),
	};
	for (const [name, certificate] of Object.entries(bad)) {
		const answer = await ask(certificate, secretType);
		assert.ok(typeof answer === "object" && "refused" in answer, `${name}: ${JSON.stringify(answer)}`);
	}
});

test("the state of all proxies is for loopback and for identities with the admin flag, and has no keys", async (t) => {
	const { control, pki, gw, idOf } = await start(t);
	const plain = credentials.createInsecure();
	assert.deepEqual(await fetchStatus(control.plane.xdsPort, plain), []);
	const secure = (certificate: TestCertificate) =>
		fetchStatus(control.plane.xdsTlsPort!, mutualTls(certificate, pki.bundlePem));
	assert.match(String(await secure(gw)), /may not see the state of all proxies/);
	const spiffeId = idOf("ops", "edge");
	const entry = { spiffeId, parentId: "spiffe://cluster.local/amime/server", selectors: ["unix:uid:0"], admin: true };
	const made = await control.admin("POST", "/v1/identity/entries", JSON.stringify(entry));
	assert.equal(made.status < 300, true, made.body);
	assert.deepEqual(await secure(pki.issue(spiffeId)), []);
});

test("an address that other machines reach is served over mutual TLS alone", async (t) => {
	const control = await startControlPlane(t, world, { xdsAddress: "0.0.0.0:0" });
	const port = control.plane.xdsPort;
	assert.equal(control.plane.xdsTlsPort, port);
	const pki = createTestPki({ stateFolder: control.stateFolder });
	const node = { id: gateway, metadata: { LABELS: { app: "gw" } } };
	const request = { port, node, typeUrl: listenerType, timeoutMs: 1_000 };
	const plain = await discover({ ...request, credentials: credentials.createInsecure() });
	assert.ok(typeof plain === "object" && "refused" in plain, JSON.stringify(plain));
	const gw = mutualTls(pki.issue(pki.idOf("gw", "edge")), pki.bundlePem);
	const secure = await discover({ ...request, credentials: gw });
	assert.ok(typeof secure === "object" && "names" in secure, JSON.stringify(secure));
});
