/** What may leave the mesh through a workload's forward proxy, on amime and on Envoy: hosts of ServiceEntries and no others, whatever a
 *  client says of them, and each attempt is told with who, where to and the verdict. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { type AddressInfo, connect } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { connect as connectTls, createServer as createTlsServer } from "node:tls";
import { createRunningInstance, startApplication, startControlPlane } from "../support/control-plane.ts";
import { readEgressLog } from "../support/egress-log.ts";
import { eventually } from "../support/eventually.ts";
import { sendRequest } from "../support/http-call.ts";
import { findEnvoy, skipWithout } from "../support/peers.ts";
import { createTestPki, type TestPki } from "../support/pki.ts";
import { talk } from "../support/tcp-talk.ts";
import { makeTemporaryFolder } from "../support/temporary-folder.ts";

const patient = { deadlineMs: 60_000 };

/** Ports of servers outside the mesh. */
interface Outside {
	readonly http: number;
	readonly tls: number;
	readonly authorities: string;
}

const entry = (name: string, spec: object): object => ({
	apiVersion: "networking.istio.io/v1",
	kind: "ServiceEntry",
	metadata: { name, namespace: "shop" },
	spec,
});

const local = (name: string, port: number) => ({
	resolution: "STATIC",
	endpoints: [{ address: "127.0.0.1", ports: { [name]: port } }],
});

function describeMesh({ http, tls, authorities }: Outside, isOpen: boolean): string {
	const objects = [
		{
			apiVersion: "amime.dev/v1alpha1",
			kind: "MeshConfig",
			metadata: { name: "test" },
			spec: isOpen ? { outboundTrafficPolicy: { mode: "ALLOW_ANY" } } : {},
		},
		{
			apiVersion: "amime.dev/v1alpha1",
			kind: "Workload",
			metadata: { name: "web", namespace: "shop" },
			spec: { command: ["none"], serviceAccount: "web", ports: [{ name: "http", protocol: "http" }] },
		},
		entry("partner", {
			hosts: ["api.partner.example"],
			ports: [{ number: 80, name: "http", protocol: "HTTP" }],
			...local("http", http),
		}),
		entry("wild", { hosts: ["*.wild.localhost"], ports: [{ number: http, name: "http", protocol: "HTTP" }] }),
		entry("secure", {
			hosts: ["secure.example"],
			ports: [{ number: 443, name: "tls", protocol: "TLS" }],
			...local("tls", tls),
		}),
		entry("wild-tls", { hosts: ["*.tls.localhost"], ports: [{ number: tls, name: "tls", protocol: "TLS" }] }),
		entry("originated", {
			hosts: ["origin.example"],
			ports: [{ number: 80, name: "http", protocol: "HTTP" }],
			...local("http", tls),
		}),
		{
			apiVersion: "networking.istio.io/v1",
			kind: "DestinationRule",
			metadata: { name: "originated", namespace: "shop" },
			spec: {
				host: "origin.example",
				trafficPolicy: { tls: { mode: "SIMPLE", caCertificates: authorities, subjectAltNames: ["secure.example"] } },
			},
		},
	];
	return objects.map((object) => JSON.stringify(object)).join("\n---\n");
}

/** A server that says in plain HTTP over TLS which server name it was asked for. */
async function startTlsServer(t: TestContext, pki: TestPki): Promise<number> {
	const { certificateChainPem, privateKeyPem } = pki.issue("spiffe://outside/x", {
		uris: [],
		dnsNames: ["secure.example", "a.tls.localhost"],
	});
	const server = createTlsServer({ cert: certificateChainPem, key: privateKeyPem }, (socket) => {
		socket.on("error", () => undefined);
		socket.once("data", () => {
			const body = `outside as ${socket.servername}`;
			socket.end(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`);
		});
	});
	server.on("tlsClientError", () => undefined);
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	t.after(() => server.close());
	return (server.address() as AddressInfo).port;
}

for (const kind of ["amime", "envoy"] as const)
	test(`only described hosts are let out, and everything is told, on ${kind}`, {
		skip: kind === "envoy" && skipWithout("envoy", findEnvoy()),
	}, async (t) => {
		const pki = createTestPki();
		const authorities = join(makeTemporaryFolder(t), "outside.pem");
		writeFileSync(authorities, pki.bundlePem);
		const seen: string[] = [];
		const http = await startApplication(t, (request, response) => {
			seen.push(`${request.method} ${request.headers.host}${request.url}`);
			response.end(`outside as ${request.headers.host}`);
		});
		const outside: Outside = { http, tls: await startTlsServer(t, pki), authorities };
		const control = await startControlPlane(t, describeMesh(outside, false));
		const web = await createRunningInstance("web", http);
		await control.register(web);
		const sidecar = await control.startProxy(t, web, kind);
		const port = web.httpProxyPort!;
		const get = (host: string, path = "/", headers: Record<string, string> = {}) =>
			sendRequest({ port, path: `http://${host}${path}`, headers: { host, ...headers } });
		const told = (verdict: string, destination: string) =>
			eventually(() => {
				const lines = readEgressLog(sidecar.output());
				const line = lines.find((one) => one.verdict === verdict && one.destination === destination);
				assert.ok(line !== undefined, `${verdict} ${destination} is not in ${JSON.stringify(lines)}`);
				assert.equal(line.source, "spiffe://cluster.local/ns/shop/sa/web");
			}, patient);
		const tunnel = (host: string, serverName: string) => openTunnel(port, host, serverName);

		await t.test("a described host is reached and told", async () => {
			const answer = await eventually(async () => {
				const answer = await get("api.partner.example");
				assert.equal(answer.status, 200, answer.body);
				return answer;
			}, patient);
			assert.equal(answer.body, "outside as api.partner.example");
			await told("allowed", "api.partner.example");
		});

		await t.test("another one is refused with its name, a reason and the request's id", async () => {
			const answer = await get("elsewhere.example");
			assert.equal(answer.status, 502);
			assert.equal(answer.body, "elsewhere.example: the host is no service of the mesh\n");
			assert.match(String(answer.headers["x-amime-reason"]), /unknown_host/);
			assert.match(String(answer.headers["x-request-id"]), /./);
			await told("refused", "elsewhere.example");
		});

		await t.test("a wildcard covers names below it, by the name that was asked for", async () => {
			const answer = await get(`a.wild.localhost:${http}`);
			assert.equal(answer.body, `outside as a.wild.localhost:${http}`);
			await told("allowed", `a.wild.localhost:${http}`);
			for (const host of [
				`wild.localhost:${http}`,
				`awild.localhost:${http}`,
				"a.wild.localhost",
				"a.wild.localhost:1",
			])
				assert.equal((await get(host)).status, 502, host);
		});

		await t.test("spellings of a described host are that host, and no spelling makes one of another", async () => {
			for (const host of ["API.Partner.Example", "api.partner.example:80", "api.partner.example."])
				assert.equal((await get(host)).status, 200, host);
			seen.splice(0);
			const others = [
				...[
					"127.0.0.1",
					`127.0.0.1:${http}`,
					"[::1]",
					"localhost",
					"2130706433",
					"0x7f000001",
					"api.partner.example:81",
				],
				...["api.partner.example..", "xapi.partner.example", "api.partner.example.evil.example", "partner.example"],
			];
			for (const host of others) assert.equal((await get(host)).status, 502, host);
			assert.deepEqual(seen, []);
		});

		await t.test("a name that nobody described is refused also where it has the address of one that is", async () => {
			const { tls } = outside;
			seen.splice(0);
			// Every name below localhost is this machine, where the described hosts are as well.
			for (const host of [`denied.localhost:${http}`, `a.wild.localhost.:${tls}`, `xwild.localhost:${http}`])
				assert.equal((await get(host)).status, 502, host);
			await told("refused", `denied.localhost:${http}`);
			assert.equal(await tunnel(`denied.localhost:${tls}`, "secure.example"), "");
			await told("refused", `denied.localhost:${tls}`);
			assert.equal(await tunnel(`secure.example:443`, "denied.localhost"), "");
			await told("refused", "denied.localhost");
			assert.deepEqual(seen, []);
		});

		await t.test("the target decides, not what is written beside it", async () => {
			const heads = [
				"GET http://elsewhere.example/ HTTP/1.1\r\nhost: api.partner.example\r\n",
				"GET http://api.partner.example@elsewhere.example/ HTTP/1.1\r\nhost: api.partner.example\r\n",
				"GET http://elsewhere.example#api.partner.example/ HTTP/1.1\r\nhost: api.partner.example\r\n",
				"GET http://elsewhere.example\\api.partner.example/ HTTP/1.1\r\nhost: api.partner.example\r\n",
				"GET / HTTP/1.1\r\nhost: elsewhere.example\r\nx-forwarded-host: api.partner.example\r\n",
				"GET / HTTP/1.1\r\nhost: elsewhere.example\r\nhost: api.partner.example\r\n",
				"GET / HTTP/1.1\r\nhost: elsewhere.example\r\n host: api.partner.example\r\n",
				"GET / HTTP/1.0\r\n",
				"CONNECT elsewhere.example:80 HTTP/1.1\r\nhost: api.partner.example:80\r\n",
				"CONNECT api.partner.example:22 HTTP/1.1\r\nhost: api.partner.example:80\r\n",
				"CONNECT 127.0.0.1:80 HTTP/1.1\r\nhost: api.partner.example:80\r\n",
			];
			for (const head of heads) {
				const { heard } = await talk({ port, send: [{ bytes: `${head}\r\n` }], until: "\r\n\r\n" });
				assert.doesNotMatch(heard, /^HTTP\/1\.[01] [12]/, head);
			}
			assert.deepEqual(seen.splice(0), []);
			// What arrives under an allowed target carries that target's name alone.
			await talk({
				port,
				send: [
					{
						bytes: "GET http://api.partner.example/x HTTP/1.1\r\nhost: elsewhere.example\r\nconnection: close\r\n\r\n",
					},
				],
			});
			assert.deepEqual(seen.splice(0), ["GET api.partner.example/x"]);
		});

		await t.test("inside an allowed connection and an allowed tunnel every request is judged by itself", async () => {
			const inner =
				"GET http://elsewhere.example/smuggled HTTP/1.1\r\nhost: elsewhere.example\r\nconnection: close\r\n\r\n";
			const first = "GET http://api.partner.example/first HTTP/1.1\r\nhost: api.partner.example\r\n\r\n";
			const both = await talk({ port, send: [{ bytes: first + inner }] });
			assert.match(both.heard, /^HTTP\/1.1 200 [\s\S]*HTTP\/1.1 502 /);
			const connect = "CONNECT api.partner.example:80 HTTP/1.1\r\nhost: api.partner.example:80\r\n\r\n";
			const tunnelled = await talk({ port, send: [{ bytes: connect }, { after: "\r\n\r\n", bytes: inner }] });
			assert.match(tunnelled.heard, /^HTTP\/1.1 200 [\s\S]*HTTP\/1.1 502 /);
			assert.deepEqual(seen.splice(0), ["GET api.partner.example/first"]);
		});

		await t.test("TLS goes by its server name, whatever the tunnel was asked for", async () => {
			assert.equal(await tunnel("secure.example:443", "secure.example"), "outside as secure.example");
			await told("allowed", "secure.example:443");
			await told("allowed", "secure.example");
			assert.match(await tunnel("secure.example:443", "SECURE.example"), /^outside as secure\.example$/i);
			assert.equal(await tunnel("secure.example:443", "denied.example"), "");
			await told("refused", "denied.example");
			assert.equal(await tunnel("secure.example:443", ""), "");
			assert.equal(await tunnel("denied.example:443", "secure.example"), "");
			await told("refused", "denied.example:443");
		});

		await t.test("wildcards of server names as well", async () => {
			const { tls } = outside;
			assert.equal(await tunnel(`a.tls.localhost:${tls}`, "a.tls.localhost"), "outside as a.tls.localhost");
			await told("allowed", "a.tls.localhost");
			assert.equal(await tunnel(`a.tls.localhost:${tls}`, "denied.example"), "");
			assert.equal(await tunnel(`tls.localhost:${tls}`, "tls.localhost"), "");
		});

		await t.test("TLS is begun for the application, and the other side's name is checked", async () => {
			assert.equal((await get("origin.example")).body, "outside as origin.example");
			await told("allowed", "origin.example");
		});

		await t.test("where everything may leave, everything is told all the same", async () => {
			assert.equal((await get(`anything.localhost:${http}`)).status, 502);
			control.writeConfig(describeMesh(outside, true));
			await eventually(async () => assert.equal((await get(`anything.localhost:${http}`)).status, 200), patient);
			await told("allowed", `anything.localhost:${http}`);
			assert.equal(await tunnel(`x.localhost:${outside.tls}`, "secure.example"), "outside as secure.example");
			await told("allowed", `x.localhost:${outside.tls}`);
		});
	});

/** The body of an answer over TLS inside a tunnel; empty when there is none. */
async function openTunnel(port: number, target: string, serverName: string): Promise<string> {
	return await new Promise((resolve) => {
		const socket = connect(port, "127.0.0.1");
		const done = (text: string): void => {
			socket.destroy();
			resolve(text);
		};
		socket.on("error", () => done(""));
		socket.on("close", () => done(""));
		socket.setTimeout(20_000, () => done(""));
		socket.write(`CONNECT ${target} HTTP/1.1\r\nhost: ${target}\r\n\r\n`);
		socket.once("data", (head) => {
			if (!head.toString("latin1").startsWith("HTTP/1.1 200")) {
				done("");
				return;
			}
			const secure = connectTls({ socket, servername: serverName, rejectUnauthorized: false }, () => {
				secure.write(`GET / HTTP/1.1\r\nhost: ${serverName}\r\n\r\n`);
			});
			let text = "";
			secure.on("data", (data) => {
				text += data.toString("latin1");
			});
			secure.on("error", () => done(""));
			secure.on("end", () => done(text.slice(text.indexOf("\r\n\r\n") + 4)));
		});
	});
}
