import assert from "node:assert/strict";
import { once } from "node:events";
import {
	chmodSync,
	chownSync,
	existsSync,
	lstatSync,
	mkdirSync,
	renameSync,
	statSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Client, type ClientDuplexStream, credentials } from "@grpc/grpc-js";
import { eventually } from "../../../test/support/eventually.ts";
import { createTestPki } from "../../../test/support/pki.ts";
import { openSvidSource } from "../../../test/support/svid-source.ts";
import { makeTemporaryFolder } from "../../../test/support/temporary-folder.ts";
import { type Secret, SecretSchema } from "../../api/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import {
	type DeltaDiscoveryRequest,
	DeltaDiscoveryRequestSchema,
	type DeltaDiscoveryResponse,
	DeltaDiscoveryResponseSchema,
	type DiscoveryRequest,
	DiscoveryRequestSchema,
	type DiscoveryResponse,
	DiscoveryResponseSchema,
} from "../../api/gen/envoy/service/discovery/v3/discovery_pb.js";
import { createLog } from "../../core/index.ts";
import { createSecretServer } from "./index.ts";
import { prepareSocketPath } from "./socket-file.ts";

const node = { id: "sidecar~127.0.0.1~web-0.shop~shop.svc.cluster.local" };

async function setUp(t: TestContext) {
	const folder = makeTemporaryFolder(t);
	const pki = createTestPki();
	const web = pki.idOf("web");
	const source = openSvidSource(t, pki, web);
	const lines: string[] = [];
	const log = createLog({ level: "trace", write: (line) => lines.push(line) });
	const server = createSecretServer({ socketPath: join(folder, "run", "sds.sock"), svid: source, log });
	await server.start();
	const client = new Client(`unix:${server.socketPath}`, credentials.createInsecure());
	t.after(async () => {
		client.close();
		await server.close();
	});
	return { pki, web, source, server, client, folder, lines };
}

function openStateOfTheWorld(client: Client): ClientDuplexStream<DiscoveryRequest, DiscoveryResponse> {
	return expectCancel(
		client.makeBidiStreamRequest(
			"/envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets",
			(request: DiscoveryRequest) => Buffer.from(toBinary(DiscoveryRequestSchema, request)),
			(bytes) => fromBinary(DiscoveryResponseSchema, bytes),
		),
	);
}

function openDelta(client: Client): ClientDuplexStream<DeltaDiscoveryRequest, DeltaDiscoveryResponse> {
	return expectCancel(
		client.makeBidiStreamRequest(
			"/envoy.service.secret.v3.SecretDiscoveryService/DeltaSecrets",
			(request: DeltaDiscoveryRequest) => Buffer.from(toBinary(DeltaDiscoveryRequestSchema, request)),
			(bytes) => fromBinary(DeltaDiscoveryResponseSchema, bytes),
		),
	);
}

/** The test's own cancel arrives as an error event. */
function expectCancel<S extends { on(event: "error", listener: () => void): S }>(stream: S): S {
	return stream.on("error", () => undefined);
}

async function next<T>(stream: { once(event: "data", listener: (value: T) => void): unknown }): Promise<T> {
	return new Promise((resolve) => stream.once("data", resolve));
}

function readSecrets(response: DiscoveryResponse): Secret[] {
	return response.resources.map((any) => fromBinary(SecretSchema, any.value));
}

/** The PEM texts in a secret, by field. */
function textsOf(secret: Secret): Record<string, string> {
	const text = (source: { specifier: { value?: unknown } } | undefined): string =>
		Buffer.from(source?.specifier.value as Uint8Array).toString();
	if (secret.type.case === "tlsCertificate") {
		return { chain: text(secret.type.value.certificateChain), key: text(secret.type.value.privateKey) };
	}
	return secret.type.case === "validationContext" ? { bundle: text(secret.type.value.trustedCa) } : {};
}

test("the socket is private", async (t) => {
	const { server } = await setUp(t);
	assert.equal((statSync(server.socketPath).mode & 0o777).toString(8), "600");
	assert.equal((statSync(join(server.socketPath, "..")).mode & 0o777).toString(8), "700");
});

test("certificate and trust bundle are there under each of their names", async (t) => {
	const { client, source, web, pki } = await setUp(t);
	const svid = await source.ready();
	const stream = openStateOfTheWorld(client);
	const resourceNames = ["default", "ROOTCA", web, "spiffe://cluster.local", "ALL"];
	stream.write(create(DiscoveryRequestSchema, { node, resourceNames }));
	const secrets = new Map(readSecrets(await next(stream)).map((secret) => [secret.name, secret]));
	const certificate = { chain: svid.certificateChainPem, key: svid.privateKeyPem };
	assert.deepEqual(textsOf(secrets.get("default")!), certificate);
	assert.deepEqual(textsOf(secrets.get(web)!), certificate);
	assert.deepEqual(textsOf(secrets.get("ROOTCA")!), { bundle: pki.bundlePem });
	assert.deepEqual(textsOf(secrets.get("spiffe://cluster.local")!), { bundle: pki.bundlePem });
	const all = secrets.get("ALL")!.type;
	assert.equal(
		all.case === "validationContext" && all.value.customValidatorConfig?.name,
		"envoy.tls.cert_validator.spiffe",
	);
	stream.cancel();
});

test("nobody else's secret is given out", async (t) => {
	const { client, pki, source } = await setUp(t);
	await source.ready();
	const delta = openDelta(client);
	const other = pki.idOf("orders");
	delta.write(create(DeltaDiscoveryRequestSchema, { node, resourceNamesSubscribe: [other, "spiffe://other.example"] }));
	const response = await next(delta);
	assert.deepEqual(response.resources, []);
	assert.deepEqual([...response.removedResources].sort(), [other, "spiffe://other.example"]);
	delta.cancel();
});

test("a renewal sends the new certificate and not the trust bundle again", async (t) => {
	const { client, source } = await setUp(t);
	await source.ready();
	const delta = openDelta(client);
	delta.write(create(DeltaDiscoveryRequestSchema, { node, resourceNamesSubscribe: ["default", "ROOTCA"] }));
	const first = await next(delta);
	assert.equal(first.resources.length, 2);
	delta.write(create(DeltaDiscoveryRequestSchema, { responseNonce: first.nonce }));
	const [renewed, pushed] = await Promise.all([source.renewNow(), next<DeltaDiscoveryResponse>(delta)]);
	assert.deepEqual(
		pushed.resources.map((resource) => resource.name),
		["default"],
	);
	const secret = fromBinary(SecretSchema, pushed.resources[0]!.resource!.value);
	assert.equal(textsOf(secret)["chain"], renewed.certificateChainPem);
	delta.cancel();
});

test("a proxy that comes before the first SVID waits for it", async (t) => {
	const folder = makeTemporaryFolder(t);
	const pki = createTestPki();
	const signed = Promise.withResolvers<void>();
	const source = openSvidSource(t, pki, pki.idOf("web"), signed.promise);
	const server = createSecretServer({ socketPath: join(folder, "sds.sock"), svid: source });
	await server.start();
	const client = new Client(`unix:${server.socketPath}`, credentials.createInsecure());
	t.after(async () => {
		client.close();
		await server.close();
	});
	const stream = openStateOfTheWorld(client);
	stream.write(create(DiscoveryRequestSchema, { node, resourceNames: ["default"] }));
	await eventually(() => assert.equal(server.statuses().length, 1));
	signed.resolve();
	assert.equal(readSecrets(await next(stream))[0]!.name, "default");
	stream.cancel();
});

test("closing removes the socket, and a dead process's socket is replaced", async (t) => {
	const { server, source, folder } = await setUp(t);
	const second = createSecretServer({ socketPath: server.socketPath, svid: source });
	await assert.rejects(second.start(), { code: "SOCKET_PATH_TAKEN", message: /another process listens there/ });
	await second.close();
	assert.ok(existsSync(server.socketPath));
	await server.close();
	assert.ok(!existsSync(server.socketPath));

	// A listener that is killed leaves its file: here it keeps another name while its server closes.
	const stale = join(folder, "stale.sock");
	const dead = createServer().listen(stale);
	await once(dead, "listening");
	renameSync(stale, `${stale}.kept`);
	dead.close();
	await once(dead, "close");
	renameSync(`${stale}.kept`, stale);
	const third = createSecretServer({ socketPath: stale, svid: source });
	await third.start();
	await third.close();
});

test("a path that is too long, or not a socket, or in a file is refused with what to do", async (t) => {
	const { source, folder } = await setUp(t);
	const refuse = (socketPath: string, code: string, message: RegExp) =>
		assert.rejects(createSecretServer({ socketPath, svid: source }).start(), { code, message });
	await refuse(join(folder, "x".repeat(100)), "SOCKET_PATH_TOO_LONG", /at most 100 are possible; choose a shorter/);
	writeFileSync(join(folder, "file"), "mine");
	await refuse(join(folder, "file"), "SOCKET_PATH_TAKEN", /something that is no socket is there/);
	await refuse(join(folder, "file", "sds.sock"), "SOCKET_FOLDER", /cannot be made private/);
	mkdirSync(join(folder, "open"));
	chmodSync(join(folder, "open"), 0o777);
	const tightened = createSecretServer({ socketPath: join(folder, "open", "sds.sock"), svid: source });
	await tightened.start();
	assert.equal((statSync(join(folder, "open")).mode & 0o777).toString(8), "700");
	await tightened.close();
});

test("a link in the place of the socket is refused, and so is a folder that others may change", async (t) => {
	const { source, folder } = await setUp(t);
	const refuse = (path: string, code: string, message: RegExp, users: "owner" | "everyone" = "owner") =>
		assert.rejects(prepareSocketPath(join(folder, path), users), { code, message });
	const server = createSecretServer({ socketPath: join(folder, "real.sock"), svid: source });
	await server.start();
	symlinkSync(join(folder, "real.sock"), join(folder, "link.sock"));
	await refuse("link.sock", "SOCKET_PATH_TAKEN", /something that is no socket is there/);
	symlinkSync(join(folder, "nowhere.sock"), join(folder, "dangling.sock"));
	await refuse("dangling.sock", "SOCKET_PATH_TAKEN", /something that is no socket is there/);
	await server.close();
	assert.equal(lstatSync(join(folder, "link.sock")).isSymbolicLink(), true, "it is somebody's");
	mkdirSync(join(folder, "open/public"), { recursive: true });
	chmodSync(join(folder, "open"), 0o777);
	await refuse(
		"open/public/api.sock",
		"SOCKET_FOLDER",
		/every user may change the folder .*open and could put/,
		"everyone",
	);
	symlinkSync(join(folder, "open/public"), join(folder, "way"));
	await refuse("way/api.sock", "SOCKET_FOLDER", /every user may change the folder/, "everyone");
	chmodSync(join(folder, "open"), 0o1777);
	await prepareSocketPath(join(folder, "open/public/api.sock"), "everyone");
	if (process.getuid?.() !== 0) return;
	chownSync(join(folder, "open/public"), 65_533, 65_533);
	await refuse("open/public/api.sock", "SOCKET_FOLDER", /user 65533 owns the folder/, "everyone");
	await refuse("open/public/sds.sock", "SOCKET_FOLDER", /user 65533 owns the folder/);
});

test("no key is in the log", async (t) => {
	const { client, source, lines } = await setUp(t);
	const svid = await source.ready();
	const stream = openStateOfTheWorld(client);
	stream.write(create(DiscoveryRequestSchema, { node, resourceNames: ["default"] }));
	const response = await next(stream);
	stream.write(
		create(DiscoveryRequestSchema, {
			responseNonce: response.nonce,
			errorDetail: { message: "refused" },
			resourceNames: ["default"],
		}),
	);
	await eventually(() => assert.ok(lines.some((line) => line.includes("refused"))));
	assert.ok(!lines.some((line) => line.includes("PRIVATE KEY") || line.includes(svid.privateKeyPem.split("\n")[1]!)));
	stream.cancel();
});
