/** Ways around policies that others have fallen for: none reaches the application behind an amime proxy or a stock Envoy. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { parseObjects } from "../support/control-mesh.ts";
import { eventually } from "../support/eventually.ts";
import { block, frame } from "../support/http2-recorder.ts";
import { startOrdersProxy } from "../support/orders-workload.ts";
import { findEnvoy, skipWithout } from "../support/peers.ts";
import { createTestPki, type TestCertificate, type TestPki } from "../support/pki.ts";
import type { ProxyKind } from "../support/proxy-process.ts";
import { openRawHttp2 } from "../support/raw-http2.ts";

const documents = `
apiVersion: amime.dev/v1alpha1
kind: Workload
metadata: {name: orders, namespace: shop}
spec: {command: ["true"], ports: [{name: http, port: 8080}]}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec: {mtls: {mode: STRICT}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: closed, namespace: shop}
spec:
  action: DENY
  rules:
    - to: [{operation: {paths: [/admin, /admin/*, "/users/{*}/keys"]}}]
    - to: [{operation: {hosts: [internal.shop]}}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: callers, namespace: shop}
spec:
  rules:
    - from: [{source: {principals: [cluster.local/ns/shop/sa/web]}}]
      to: [{operation: {methods: [GET, POST]}}]
    - from: [{source: {namespaces: [shop]}}]
      to: [{operation: {paths: [/of-shop]}}]
    - from: [{source: {principals: ["*/sa/reader"]}}]
      to: [{operation: {paths: [/readers]}}]
`;

/** Request lines for `/admin` in disguise. */
const paths = [
	"/admin",
	"/admin/",
	"/admin/x",
	"/admin?x=/orders",
	"/admin#/orders",
	"//admin",
	"///admin/x",
	"/./admin",
	"/orders/../admin",
	"/orders/..//admin",
	"/orders/%2e%2e/admin",
	"/orders/%2E./admin",
	"/orders/.%2e/admin",
	"/%2e/admin",
	"/%61dmin",
	"/%61%64%6d%69%6e",
	"/admin%2fx",
	"/admin%2Fx",
	"/%2fadmin",
	"/%2Fadmin",
	"/orders%2f..%2fadmin",
	"/orders%2F%2E%2E%2Fadmin",
	"/admin;x=1",
	"/admin;x=1/y",
	"/orders/..;/admin",
	"/admin%5cx",
	"/admin%00",
	"/admin%00/x",
	"/%00/../admin",
	"/orders/%2e%2e%2fadmin",
	"/orders/..%5cadmin",
	"/orders/%252e%252e/../../admin",
	"/admin/../admin",
	"/admin/%2e",
	"/;/admin",
	"/orders/..;x=1/admin",
	"*/../admin",
	"/orders\\..\\admin",
	"\\admin",
	"http://orders/admin",
	"http://orders//admin",
	"http://orders/orders/../admin",
	"/users/1/keys",
	"/users;x/1/keys",
	"/users/1;x/keys",
	"/users/1/keys;x=1",
	"/users/1/%6beys",
	"/users%2f1/keys",
	"//users///1//keys",
	"/orders/../users/1/keys",
];

/** Whole heads, beside those of a method of its own. */
const heads: readonly (readonly [name: string, head: string])[] = [
	["a host in capitals", "GET / HTTP/1.1\r\nhost: INTERNAL.shop\r\n"],
	["a host with a dot", "GET / HTTP/1.1\r\nhost: internal.shop.\r\n"],
	["a host with a dot and a port", "GET / HTTP/1.1\r\nhost: Internal.shop.:443\r\n"],
	["a host with a port that is empty", "GET / HTTP/1.1\r\nhost: internal.shop:\r\n"],
	["a host with a name before it", "GET / HTTP/1.1\r\nhost: orders@internal.shop\r\n"],
	["an absolute target with a name before its host", "GET http://orders@internal.shop/ HTTP/1.1\r\nhost: orders\r\n"],
	["an absolute target with an escaped host", "GET http://internal%2eshop/ HTTP/1.1\r\nhost: orders\r\n"],
	["an absolute target with two hosts", "GET http://orders,internal.shop/ HTTP/1.1\r\nhost: orders\r\n"],
	["an absolute target with an empty port", "GET http://orders:/ HTTP/1.1\r\nhost: orders\r\n"],
	["an absolute target with a port that is none", "GET http://orders:65536/ HTTP/1.1\r\nhost: orders\r\n"],
	["white space before the colon", "GET /admin HTTP/1.1\r\nhost : orders\r\n"],
	["a path over two lines", "GET /orders\r\n /admin HTTP/1.1\r\nhost: orders\r\n"],
	["a tab in the request line", "GET\t/admin\tHTTP/1.1\r\nhost: orders\r\n"],
	["a version to come", "GET /admin HTTP/9.9\r\nhost: orders\r\n"],
	["no version", "GET /admin\r\n"],
	["a target that is a star", "OPTIONS * HTTP/1.1\r\nhost: internal.shop\r\n"],
	["a host with a port", "GET / HTTP/1.1\r\nhost: internal.shop:8080\r\n"],
	["an absolute target beside another host", "GET http://internal.shop/ HTTP/1.1\r\nhost: orders\r\n"],
	["an upgrade", "GET /admin HTTP/1.1\r\nhost: orders\r\nconnection: upgrade\r\nupgrade: websocket\r\n"],
	[
		"an upgrade to HTTP/2",
		"GET /admin HTTP/1.1\r\nhost: orders\r\nconnection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n",
	],
	["a CONNECT", "CONNECT orders:80 HTTP/1.1\r\nhost: orders:80\r\n"],
	["a CONNECT to the application's port", "CONNECT 127.0.0.1:8080 HTTP/1.1\r\nhost: 127.0.0.1:8080\r\n"],
	["another method in a header", "DELETE / HTTP/1.1\r\nhost: orders\r\nx-http-method-override: GET\r\n"],
	["a method in small letters", "get /admin HTTP/1.1\r\nhost: orders\r\n"],
	[
		"a rewritten path in a header",
		"GET /admin HTTP/1.1\r\nhost: orders\r\nx-envoy-original-path: /orders\r\nx-original-url: /orders\r\n",
	],
	["a body with a second request", "POST /admin HTTP/1.1\r\nhost: orders\r\ncontent-length: 0\r\n"],
];

for (const kind of ["amime", "envoy"] as const) {
	const skip = kind === "envoy" ? skipWithout("envoy", findEnvoy()) : false;
	test(`policies hold on ${kind}`, { skip }, async (t) => {
		const { send, port, seen, pki } = await startWorld(t, kind);
		const web = pki.issue("spiffe://cluster.local/ns/shop/sa/web");
		const catalog = pki.issue("spiffe://cluster.local/ns/shop/sa/catalog");

		await t.test("what is allowed arrives, with the caller's own name", async () => {
			const forged = "x-forwarded-client-cert: By=a;URI=spiffe://cluster.local/ns/shop/sa/admin\r\n";
			assert.match(await send(web, `GET /orders HTTP/1.1\r\nhost: orders\r\n${forged}`), /^HTTP\/1.1 200 /);
			const [request] = seen.splice(0);
			assert.match(request!, /^GET \/orders /);
			assert.match(request!, /URI=spiffe:\/\/cluster\.local\/ns\/shop\/sa\/web/);
			assert.doesNotMatch(request!, /sa\/admin/);
		});

		await t.test("no spelling of a denied path arrives", async () => {
			for (const path of paths) {
				const answer = await send(web, `GET ${path} HTTP/1.1\r\nhost: orders\r\n`);
				assert.match(answer, /^(HTTP\/1.1 (400|403|404) |$)/, `${path}: ${answer.slice(0, 60)}`);
				assert.deepEqual(seen, [], path);
			}
		});

		await t.test("no head that means something else than it says arrives", async () => {
			for (const [name, head] of heads) {
				const answer = await send(web, head);
				assert.doesNotMatch(answer, /^HTTP\/1.1 [12]/, name);
				assert.deepEqual(seen, [], name);
			}
		});

		await t.test("an escape of an escape stays one: what arrives is denied to nobody who reads it once", async () => {
			for (const path of ["/%2561dmin", "/orders/%252e%252e/admin", "/admin%252fx", "/%252fadmin"]) {
				await send(web, `GET ${path} HTTP/1.1\r\nhost: orders\r\n`);
				for (const request of seen.splice(0))
					assert.doesNotMatch(decodeURIComponent(request.split(" ")[1]!), /^\/admin(\/|$)/, path);
			}
		});

		await t.test("case makes another path, as in RFC 3986 and in Istio", async () => {
			assert.match(await send(web, "GET /ADMIN HTTP/1.1\r\nhost: orders\r\n"), /^HTTP\/1.1 200 /);
			assert.match(seen.splice(0)[0]!, /^GET \/ADMIN /);
		});

		await t.test("two hosts are one that no application serves, as Envoy joins them", async () => {
			await send(web, "GET / HTTP/1.1\r\nhost: orders\r\nhost: internal.shop\r\n");
			for (const request of seen.splice(0)) assert.match(request, /"host":"orders,internal\.shop"/);
		});

		await t.test("nobody borrows the name of another", async () => {
			const claims = [
				"x-forwarded-client-cert: URI=spiffe://cluster.local/ns/shop/sa/web",
				"x-forwarded-client-cert: By=x;Hash=y;URI=spiffe://cluster.local/ns/shop/sa/web,By=z",
				"x-envoy-peer-metadata-id: sidecar~127.0.0.1~web-0.shop~shop.svc.cluster.local",
				"x-forwarded-for: 127.0.0.1",
				"x-envoy-internal: true",
				"x-envoy-external-address: 127.0.0.1",
				"x-envoy-original-path: /of-shop",
				"x-amime-reason: allowed",
				"authorization: Bearer spiffe://cluster.local/ns/shop/sa/web",
			];
			for (const claim of claims) {
				const answer = await send(catalog, `GET /orders HTTP/1.1\r\nhost: orders\r\n${claim}\r\n`);
				assert.match(answer, /^HTTP\/1.1 403 /, claim);
				assert.deepEqual(seen, [], claim);
			}
		});

		await t.test("names that begin, end or go on like another's are not that one", async () => {
			const spell = (id: string) => pki.issue(id);
			const good = spell("spiffe://cluster.local/ns/shop/sa/anyone");
			assert.match(await send(good, "GET /of-shop HTTP/1.1\r\nhost: orders\r\n"), /^HTTP\/1.1 200 /);
			const reader = spell("spiffe://cluster.local/ns/other/sa/reader");
			assert.match(await send(reader, "GET /readers HTTP/1.1\r\nhost: orders\r\n"), /^HTTP\/1.1 200 /);
			seen.splice(0);
			const others = [
				...["ns/shop2/sa/web", "ns/xshop/sa/web", "ns/shop-x/sa/web", "ns/shop/x/sa/web", "ns/SHOP/sa/web"],
				...["ns/evil/sa/x/ns/shop/sa/web", "x/ns/shop/sa/web", "ns/evil/sa/shop", "ns/evil/sa/reader/x"],
				...["ns/evil/sa/xreader", "ns/evil/sa/reader2"],
			];
			for (const id of others) {
				const caller = spell(`spiffe://cluster.local/${id}`);
				for (const path of ["/of-shop", "/readers", "/orders"]) {
					const answer = await send(caller, `GET ${path} HTTP/1.1\r\nhost: orders\r\n`);
					assert.match(answer, /^(HTTP\/1.1 403 |$)/, `${id} ${path}`);
				}
			}
			assert.deepEqual(seen, []);
		});

		await t.test("a client cannot name itself by an underscore either, nor forge what a proxy says", async () => {
			const claims =
				"x_forwarded_client_cert: URI=spiffe://cluster.local/ns/shop/sa/admin\r\nx-envoy-peer-metadata: forged\r\n";
			assert.match(await send(web, `GET /orders HTTP/1.1\r\nhost: orders\r\n${claims}`), /^HTTP\/1.1 200 /);
			assert.doesNotMatch(seen.splice(0).join(), /sa\/admin|forged/);
		});

		await t.test("inside the mesh nothing but TLS 1.3 is spoken", async () => {
			const version = (maxVersion: "TLSv1.2" | "TLSv1.3") =>
				new Promise<string | null>((resolve) => {
					const options = { port, host: "127.0.0.1", ...tlsOptions(web), minVersion: "TLSv1.2", maxVersion } as const;
					const socket = connectTls(options, () => {
						resolve(socket.getProtocol());
						socket.destroy();
					});
					socket.on("error", () => resolve(null));
				});
			assert.equal(await version("TLSv1.2"), null);
			assert.equal(await version("TLSv1.3"), "TLSv1.3");
		});

		await t.test("neither does HTTP/2: a host beside :authority, an extended CONNECT, a path in disguise", async () => {
			const session = connectHttp2(`https://127.0.0.1:${port}`, tlsOptions(web));
			// The proxy may give up a connection with attacks on it; what counts is what arrives.
			session.on("error", () => undefined);
			const ask = (headers: Record<string, string>): Promise<number> =>
				new Promise((resolve) => {
					const stream = session.request(headers, { endStream: headers[":method"] !== "CONNECT" });
					stream.on("response", (answer) => {
						resolve(Number(answer[":status"]));
						stream.close();
					});
					stream.on("error", () => resolve(0));
					stream.on("close", () => resolve(0));
				});
			assert.equal(await ask({ ":method": "GET", ":path": "/orders", ":authority": "orders" }), 200);
			seen.splice(0);
			const attacks: Record<string, string>[] = [
				{ ":method": "GET", ":path": "/", ":authority": "internal.shop" },
				{ ":method": "GET", ":path": "/", ":authority": "INTERNAL.SHOP:80" },
				{ ":method": "GET", ":path": "/", ":authority": "internal.shop", host: "orders" },
				{ ":method": "GET", ":path": "/", ":authority": "orders@internal.shop" },
				{ ":method": "GET", ":path": "/", ":authority": "orders", host: "a@internal.shop" },
				{ ":method": "CONNECT", ":authority": "orders:80" },
				{
					":method": "CONNECT",
					":protocol": "websocket",
					":path": "/admin",
					":scheme": "https",
					":authority": "orders",
				},
				...["/admin", "//admin", "/orders/%2e%2e/admin", "/admin%2fx", "/admin;x"].map((path) => ({
					":method": "GET",
					":path": path,
					":authority": "orders",
				})),
			];
			for (const attack of attacks) {
				const status = await ask(attack);
				assert.ok(status === 0 || status >= 400, `${JSON.stringify(attack)}: ${status}`);
				assert.deepEqual(seen, [], JSON.stringify(attack));
			}
			session.destroy();
		});

		await t.test("no frames of HTTP/2 say something else than they mean", async (context) => {
			const { certificateChainPem: cert, privateKeyPem: key } = web;
			const send = async ([name, fields]: readonly [string, Fields]): Promise<void> => {
				const client = await openRawHttp2(context, port, { cert, key, servername: "orders" });
				client.send(frame(1, 5, 1, block(...fields)));
				await eventually(() => {
					const { streams, closed, goAways } = client.see();
					const isAnswered = streams["1"]?.some((event) => /END|RST/.test(event)) === true;
					assert.ok(isAnswered || closed || goAways.length > 0, name);
				});
				client.socket.destroy();
			};
			await Promise.all(Object.entries(frames).map(send));
			for (const request of seen.splice(0)) {
				assert.match(request, /^GET \/orders /);
				assert.match(request, /"host":"orders"/);
				assert.doesNotMatch(request, /sa\/admin|"x-forwarded-client-cert":"URI=spiffe:\/\/x/);
			}
		});
	});
}

/** What a real Istio was seen to do with a DENY rule for `/admin` and `/admin/*` by its default normalisation. */
const observed: Readonly<Record<string, number>> = {
	"/admin": 403,
	"/ADMIN": 200,
	"//admin": 200,
	"/x/../admin": 403,
	"/./admin": 403,
	"/admin/": 403,
	"/%61dmin": 403,
	"/admin%2fx": 200,
	"/admin%2Fx": 200,
	"/admin%5Cx": 200,
	"\\admin": 400,
	"/admin;x": 200,
	"/x/%2e%2e/admin": 403,
	"/admin?x": 403,
	"/admin/..;/x": 200,
	"/%2561dmin": 200,
};

for (const kind of ["amime", "envoy"] as const)
	test(`with Istio's own normalisation paths are what Istio takes them for, on ${kind}`, {
		skip: kind === "envoy" && skipWithout("envoy", findEnvoy()),
	}, async (t) => {
		const base = `
apiVersion: amime.dev/v1alpha1
kind: MeshConfig
metadata: {name: test}
spec: {pathNormalization: {normalization: BASE}}
---${documents.replace(', "/users/{*}/keys"', "")}`;
		const { send, pki } = await startWorld(t, kind, base);
		const web = pki.issue("spiffe://cluster.local/ns/shop/sa/web");
		for (const [path, status] of Object.entries(observed))
			assert.match(
				await send(web, `GET ${path} HTTP/1.1\r\nhost: orders\r\n`),
				new RegExp(`^HTTP/1.1 ${status} `),
				path,
			);
		// Hosts are exact as well then.
		const withPort = await send(web, "GET / HTTP/1.1\r\nhost: internal.shop:8080\r\n");
		assert.match(withPort, /^HTTP\/1.1 200 /);
	});

/** Fields of a request as HTTP/2 has them on the wire, where they may be there twice, late, or what they must not be. */
type Fields = readonly (readonly [string, string])[];
const fieldsOf = (path: string, more: Fields = []): Fields => [
	[":method", "GET"],
	[":scheme", "https"],
	[":path", path],
	[":authority", "orders"],
	...more,
];
const frames: Readonly<Record<string, Fields>> = {
	"two paths": fieldsOf("/orders", [[":path", "/admin"]]),
	"two paths, the denied one first": [[":path", "/admin"], ...fieldsOf("/orders")],
	"two methods": fieldsOf("/orders", [[":method", "DELETE"]]),
	"two authorities": fieldsOf("/", [[":authority", "internal.shop"]]),
	"a path behind the fields": fieldsOf("/orders", [
		["x-a", "b"],
		[":path", "/admin"],
	]),
	"a field in capitals": fieldsOf("/orders", [
		["X-Forwarded-Client-Cert", "URI=spiffe://cluster.local/ns/shop/sa/admin"],
	]),
	"a pseudo field of answers": fieldsOf("/orders", [[":status", "200"]]),
	"a pseudo field that nobody knows": fieldsOf("/orders", [[":admin", "yes"]]),
	"a line end in a field": fieldsOf("/orders", [["x-a", "b\r\nx-forwarded-client-cert: URI=spiffe://x"]]),
	"a line end in the path": fieldsOf("/orders HTTP/1.1\r\nhost: internal.shop\r\n\r\nGET /admin"),
	"a line end in the method": [[":method", "GET /admin HTTP/1.1\r\nx: "], ...fieldsOf("/orders").slice(1)],
	"a space in the path": fieldsOf("/orders /admin"),
	"no path": [...fieldsOf("").slice(0, 2), [":authority", "orders"]],
	"an empty path": fieldsOf(""),
	"a path that is no path": fieldsOf("admin"),
	"a whole address for a path": fieldsOf("http://orders/admin"),
	"fields of a connection": fieldsOf("/orders", [
		["connection", "upgrade"],
		["upgrade", "h2c"],
	]),
	"another transfer": fieldsOf("/orders", [["transfer-encoding", "chunked"]]),
	"a denied authority behind a host that is allowed": [
		...fieldsOf("/").slice(0, 3),
		[":authority", "internal.shop."],
		["host", "orders"],
	],
	"a host in place of the authority": [...fieldsOf("/").slice(0, 3), ["host", "internal.shop"]],
};

function tlsOptions({ certificateChainPem, privateKeyPem }: TestCertificate) {
	return { cert: certificateChainPem, key: privateKeyPem, rejectUnauthorized: false, servername: "orders" };
}

interface World {
	readonly pki: TestPki;
	readonly port: number;
	/** What the application has received. */
	readonly seen: string[];
	/** Sends a head on a connection of its own and gives the answer's, empty when there is none. */
	send(caller: TestCertificate, head: string): Promise<string>;
}

/** One workload behind the listener that the control plane makes of the policies. */
async function startWorld(t: TestContext, kind: ProxyKind, texts = documents): Promise<World> {
	const pki = createTestPki();
	const seen: string[] = [];
	const application = createServer((request, response) => {
		seen.push(`${request.method} ${request.url} ${JSON.stringify(request.headers)}`);
		response.end("here");
	});
	// A tunnel would be seen as well.
	application.on("upgrade", (request, socket) => {
		seen.push(`${request.method} ${request.url} upgrade`);
		socket.end();
	});
	application.on("connect", (request, socket) => {
		seen.push(`${request.method} ${request.url}`);
		socket.end();
	});
	await new Promise<void>((resolve) => application.listen(0, "127.0.0.1", resolve));
	t.after(() => application.close().closeAllConnections());
	const applicationPort = (application.address() as AddressInfo).port;
	const { port } = await startOrdersProxy(t, kind, parseObjects(texts), applicationPort, { pki });
	return {
		pki,
		port,
		seen,
		send: (caller, head) =>
			new Promise((resolve) => {
				let text = "";
				const socket = connectTls({ port, host: "127.0.0.1", ...tlsOptions(caller) }, () => {
					socket.write(`${head}\r\n`);
				});
				const done = (): void => {
					socket.destroy();
					resolve(text);
				};
				socket.setTimeout(5_000, done);
				socket.on("data", (data) => {
					text += data.toString("latin1");
					if (text.includes("\r\n\r\n")) done();
				});
				socket.on("error", done);
				socket.on("close", done);
			}),
	};
}
