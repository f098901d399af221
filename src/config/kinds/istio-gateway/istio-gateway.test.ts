import assert from "node:assert/strict";
import { test } from "node:test";
import { readSpec } from "../../../../test/support/config-document.ts";
import { parseDocuments } from "../../parse-documents.ts";

const port = (number: number, protocol: string) => ({ number, protocol, name: `${protocol}-${number}`.toLowerCase() });
const server = { port: port(80, "HTTP"), hosts: ["*"] };
const read = (...servers: object[]) => readSpec("IstioGateway", { selector: { istio: "ingress" }, servers });

test("a Gateway of Istio and one of the Gateway API have one name and live side by side", () => {
	const text = `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: gw, namespace: edge }
spec: { servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: ["*"] }] }
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: gw, namespace: edge }
spec: { gatewayClassName: amime, listeners: [{ name: http, port: 80, protocol: HTTP }] }
---
apiVersion: networking.example/v1
kind: Gateway
metadata: { name: gw, namespace: edge }
spec: {}
`;
	const { objects, problems } = parseDocuments(text, "a.yaml");
	assert.deepEqual(
		objects.map(({ kind, name }) => `${kind} ${name}`),
		["IstioGateway gw", "Gateway gw"],
	);
	assert.match(problems[0]!.problem, /write gateway\.networking\.k8s\.io\/v1 or networking\.istio\.io\/v1/);
});

test("a server becomes the model's", () => {
	const { value, problems } = read({
		port: port(443, "https"),
		hosts: ["shop/*.example.com", "./a.example.com"],
		tls: { mode: "MUTUAL", credentialName: "cert", minProtocolVersion: "TLSV1_2", subjectAltNames: ["spiffe://a/b"] },
	});
	assert.deepEqual(problems, []);
	assert.deepEqual(value?.servers, [
		{
			port: { number: 443, protocol: "HTTPS", name: "https-443" },
			hosts: ["shop/*.example.com", "./a.example.com"],
			tls: {
				mode: "MUTUAL",
				httpsRedirect: false,
				credentialNames: ["cert"],
				subjectAltNames: ["spiffe://a/b"],
				certificateSpkis: [],
				certificateHashes: [],
				minVersion: "TLSV1_2",
				maxVersion: "TLS_AUTO",
				cipherSuites: [],
				insecureSkipVerify: false,
			},
			path: "spec.servers[0]",
		},
	]);
});

test("a server that could not serve is left out, the others stay", () => {
	const bad: readonly (readonly [server: object, problem: RegExp])[] = [
		[{ port: port(443, "HTTPS"), hosts: ["*"] }, /tls: is required with protocol HTTPS/],
		[{ port: port(443, "HTTPS"), hosts: ["*"], tls: { mode: "SIMPLE" } }, /needs a certificate with mode SIMPLE/],
		[
			{
				port: port(443, "HTTPS"),
				hosts: ["*"],
				tls: { mode: "MUTUAL", serverCertificate: "/c", privateKey: "/k" },
			},
			/needs the certificates that clients are checked by/,
		],
		[{ port: port(80, "HTTP"), hosts: ["*"], tls: { mode: "SIMPLE", credentialName: "c" } }, /needs protocol HTTPS/],
		[{ port: port(80, "UDP"), hosts: ["*"] }, /'UDP' is not supported/],
		[{ port: port(80, "HTTP"), hosts: ["a.*.example.com"] }, /hosts\[0\]: .* is not a host/],
		[{ port: port(80, "HTTP"), hosts: [] }, /must have at least 1 item/],
	];
	for (const [broken, problem] of bad) {
		const { value, problems } = read(broken, server);
		assert.match(problems[0]!, problem);
		assert.equal(value?.servers.length, 1);
	}
});
