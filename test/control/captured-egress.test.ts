/** What may leave the mesh from a Pod whose connections the kernel hands to its proxy, on amime and on Envoy: names decide, not the
 *  addresses that they are said to have; addresses decide where there are no names; and each attempt is told. */
import assert from "node:assert/strict";
import { createServer as createHttpServer } from "node:http";
import { connect, createServer, type Server } from "node:net";
import { type TestContext, test } from "node:test";
import { connect as connectTls, createServer as createTlsServer } from "node:tls";
import { captureBootstrap } from "../support/captured-pod.ts";
import { startControlPlane } from "../support/control-plane.ts";
import { readEgressLog } from "../support/egress-log.ts";
import { eventually } from "../support/eventually.ts";
import { addAddresses, isInNamespace, redirect, testInNamespace } from "../support/network-namespace.ts";
import { createTestPki, type TestPki } from "../support/pki.ts";
import { startProxyProcess } from "../support/proxy-process.ts";
import { makeTemporaryFolder } from "../support/temporary-folder.ts";

const patient = { deadlineMs: 60_000 };
const pod = "10.9.0.1";
/** Described by ServiceEntries, by name and by address; the others are nobody's. */
const [partner, stranger, ledger, otherLedger] = ["10.8.0.1", "10.8.0.2", "10.8.0.3", "10.8.0.4"];
const [httpPort, tlsPort, tcpPort, otherPort] = [80, 443, 5_000, 8_081];

function describeMesh(mode: "REGISTRY_ONLY" | "ALLOW_ANY"): string {
	const entry = (name: string, spec: object): object => ({
		apiVersion: "networking.istio.io/v1",
		kind: "ServiceEntry",
		metadata: { name, namespace: "shop" },
		spec: { resolution: "STATIC", ...spec },
	});
	const objects = [
		{
			apiVersion: "amime.dev/v1alpha1",
			kind: "MeshConfig",
			metadata: { name: "test" },
			spec: { outboundTrafficPolicy: { mode } },
		},
		{
			apiVersion: "v1",
			kind: "Pod",
			metadata: { name: "client", namespace: "shop", labels: { app: "client" } },
			spec: { serviceAccountName: "client", containers: [] },
			status: { podIP: pod, conditions: [{ type: "Ready", status: "True" }] },
		},
		entry("partner", {
			hosts: ["api.partner.example"],
			ports: [{ number: httpPort, name: "http", protocol: "HTTP" }],
			endpoints: [{ address: partner }],
		}),
		entry("secure", {
			hosts: ["secure.example"],
			ports: [{ number: tlsPort, name: "tls", protocol: "TLS" }],
			endpoints: [{ address: partner }],
		}),
		entry("ledger", {
			hosts: ["ledger.example"],
			addresses: [ledger],
			ports: [{ number: tcpPort, name: "tcp", protocol: "TCP" }],
			endpoints: [{ address: ledger }],
		}),
	];
	return objects.map((object) => JSON.stringify(object)).join("\n---\n");
}

async function listen(t: TestContext, server: Server, host: string, port: number): Promise<void> {
	await new Promise<void>((resolve) => server.listen({ host, port }, resolve));
	t.after(() => void server.close());
}

/** Servers that say where they are and what they were called. */
async function startOutside(t: TestContext, pki: TestPki): Promise<void> {
	const answer = (text: string): string =>
		`HTTP/1.1 200 OK\r\ncontent-length: ${text.length}\r\nconnection: close\r\n\r\n${text}`;
	const { certificateChainPem, privateKeyPem } = pki.issue("spiffe://outside/x", {
		uris: [],
		dnsNames: ["secure.example"],
	});
	for (const host of [partner!, stranger!]) {
		for (const port of [httpPort!, otherPort!]) {
			const http = createHttpServer(({ headers }, response) => void response.end(`${host} as ${headers.host}`));
			await listen(t, http, host, port);
		}
		const tls = createTlsServer({ cert: certificateChainPem, key: privateKeyPem }, (socket) => {
			socket.on("error", () => undefined);
			socket.once("data", () => socket.end(answer(`${host} as ${socket.servername}`)));
		});
		tls.on("tlsClientError", () => undefined);
		await listen(t, tls, host, tlsPort!);
	}
	for (const host of [ledger!, otherLedger!]) {
		const tcp = createServer((socket) => {
			socket.on("error", () => undefined);
			socket.once("data", () => socket.end(`${host} over tcp`));
		});
		await listen(t, tcp, host, tcpPort!);
	}
}

/** What the application hears when it connects to an address and sends something; empty when the connection ends before. */
function call(host: string, port: number, text: string): Promise<string> {
	return new Promise((resolve) => {
		const socket = connect({ host, port, localAddress: pod });
		let heard = "";
		const done = (): void => {
			socket.destroy();
			resolve(heard);
		};
		socket.setTimeout(20_000, done);
		socket.on("connect", () => socket.write(text));
		socket.on("data", (data) => {
			heard += data.toString("latin1");
		});
		for (const event of ["end", "error", "close"]) socket.on(event, done);
	});
}

async function get(
	host: string,
	name: string,
	port = httpPort!,
): Promise<{ status: number; body: string; reason: string | undefined }> {
	const heard = await call(host, port, `GET / HTTP/1.1\r\nhost: ${name}\r\nconnection: close\r\n\r\n`);
	const [head = "", ...rest] = heard.split("\r\n\r\n");
	const body = rest.join("\r\n\r\n");
	// A body in chunks has their lengths in it.
	const reason = /^x-amime-reason: (.*)$/im.exec(head)?.[1];
	return { status: Number(head.split(" ")[1] ?? 0), body, reason };
}

/** The answer over TLS, by a server name or without one. */
function getSecurely(host: string, serverName: string | undefined): Promise<string> {
	return new Promise((resolve) => {
		const socket = connect({ host, port: tlsPort!, localAddress: pod });
		let heard = "";
		const done = (): void => {
			socket.destroy();
			resolve(heard.slice(heard.indexOf("\r\n\r\n") + 4));
		};
		socket.setTimeout(20_000, done);
		const options = { socket, rejectUnauthorized: false, ...(serverName !== undefined && { servername: serverName }) };
		const secure = connectTls(options, () => {
			secure.write("GET / HTTP/1.1\r\nhost: secure.example\r\n\r\n");
		});
		secure.on("data", (data) => {
			heard += data.toString("latin1");
		});
		for (const event of ["end", "error", "close"]) secure.on(event, done);
		socket.on("error", done);
	});
}

if (isInNamespace) {
	addAddresses([pod, partner!, stranger!, ledger!, otherLedger!]);
	redirect(pod, "ip daddr 10.8.0.0/24 tcp dport 1-65535", 15_001);
	for (const kind of ["amime", "envoy"] as const)
		test(`a Pod reaches what is described, whatever it says of it, on ${kind}`, async (t) => {
			await startOutside(t, createTestPki());
			const control = await startControlPlane(t, describeMesh("REGISTRY_ONLY"));
			const bootstrap = await captureBootstrap(t, control, pod);
			const sidecar = await startProxyProcess(
				t,
				kind,
				makeTemporaryFolder(t),
				bootstrap,
				// Access logs are waited for.
				{ args: ["--file-flush-interval-msec", "100"] },
			);
			const told = (verdict: string, captured: string, destination: string | null) =>
				eventually(() => {
					const lines = readEgressLog(sidecar.output());
					assert.ok(
						lines.some(
							(line) =>
								line.verdict === verdict && line.captured_address === captured && line.destination === destination,
						),
						`${verdict} ${captured} ${destination} is not in ${JSON.stringify(lines)}`,
					);
					for (const { source } of lines) assert.equal(source, "spiffe://cluster.local/ns/shop/sa/client");
				}, patient);

			await t.test("a described host is reached at its endpoints, and told", async () => {
				await eventually(async () => {
					const answer = await get(partner!, "api.partner.example");
					assert.deepEqual([answer.status, answer.body.includes("10.8.0.1 as api.partner.example")], [200, true]);
				}, patient);
				await told("allowed", `${partner}:80`, "api.partner.example");
			});

			await t.test(
				"a name that nobody described is refused, also where it has the address of one that is",
				async () => {
					for (const name of [
						"denied.example",
						"DENIED.example:80",
						"api.partner.example.evil.example",
						`${partner}`,
					]) {
						const answer = await get(partner!, name);
						assert.equal(answer.status, 502, name);
						assert.match(answer.body, /no service of the mesh/, name);
						assert.match(answer.reason ?? "", /^block_all: outboundTrafficPolicy REGISTRY_ONLY/, name);
					}
					await told("refused", `${partner}:80`, "denied.example");
					assert.equal(await getSecurely(partner!, "denied.example"), "");
					await told("refused", `${partner}:443`, "denied.example");
					assert.equal(await getSecurely(partner!, undefined), "");
					await told("refused", `${partner}:443`, null);
				},
			);

			await t.test("a described name leads to its own endpoints, whatever address it is said to have", async () => {
				assert.match((await get(stranger!, "api.partner.example")).body, /10\.8\.0\.1 as api\.partner\.example/);
				assert.equal(await getSecurely(stranger!, "secure.example"), "10.8.0.1 as secure.example");
			});

			await t.test("without names the address decides, and the port", async () => {
				assert.equal(await call(ledger!, tcpPort!, "x"), "10.8.0.3 over tcp");
				await told("allowed", `${ledger}:5000`, "ledger.example");
				assert.equal(await call(otherLedger!, tcpPort!, "x"), "");
				await told("refused", `${otherLedger}:5000`, null);
				assert.equal((await get(partner!, "api.partner.example", otherPort!)).status, 0);
				await told("refused", `${partner}:8081`, null);
			});

			await t.test("where everything may leave, everything is told all the same", async () => {
				control.writeConfig(describeMesh("ALLOW_ANY"));
				await eventually(async () => {
					const answer = await get(stranger!, "denied.example");
					assert.deepEqual([answer.status, answer.body.includes("10.8.0.2 as denied.example")], [200, true]);
				}, patient);
				await told("allowed", `${stranger}:80`, "denied.example");
				await eventually(
					async () => assert.equal(await call(otherLedger!, tcpPort!, "x"), "10.8.0.4 over tcp"),
					patient,
				);
				await told("allowed", `${otherLedger}:5000`, null);
			});
		});
} else testInNamespace("what leaves a Pod with captured connections, in a network namespace", import.meta.filename);
