/** A control plane below another one of the same trust domain: its workloads are trusted above, for names of the trust domain only, and
 *  rotations above go through it. */
import assert from "node:assert/strict";
import { createPrivateKey, generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { connect, createServer, type TLSSocket } from "node:tls";
import { createUpstreamMesh } from "../../src/agent/upstream-mesh/index.ts";
import { silentLog, systemClock, systemRandom } from "../../src/core/index.ts";
import {
	createSigningRequest,
	formatSigningRequest,
	parseTrustBundle,
	readCertificates,
	verifySvidPem,
} from "../../src/identity/index.ts";
import {
	createCertificate,
	encodeName,
	encodePublicKey,
	formatCertificates,
	oid,
	subjectOf,
} from "../../src/identity/x509/index.ts";
import { startControlPlane, type TestControlPlane } from "../support/control-plane.ts";
import { eventually } from "../support/eventually.ts";
import { type NodeWorld, startNodeWorld } from "../support/node-agent.ts";

const patient = { deadlineMs: 30_000 };
const config = `apiVersion: amime.dev/v1alpha1
kind: Workload
metadata: {name: web, namespace: shop}
spec: {command: [none], serviceAccount: web, ports: [{name: http, protocol: http}]}
`;

async function startBelow(t: TestContext, above: NodeWorld, socketPath: string): Promise<TestControlPlane> {
	const upstream = createUpstreamMesh({
		...{ servers: [`127.0.0.1:${above.plane.agentPort}`], socketPath },
		...{ clock: systemClock, random: systemRandom, log: silentLog },
	});
	t.after(() => upstream.feed.close());
	return startControlPlane(t, config, { authority: { upstream } });
}

interface Signed {
	readonly chain: string;
	readonly bundle: string;
	readonly key: string;
}

async function sign({ admin }: TestControlPlane): Promise<Signed> {
	const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
	const csr = formatSigningRequest(createSigningRequest(privateKey, {}));
	const body = JSON.stringify({ namespace: "shop", serviceAccount: "web", csr });
	const answer = await admin("POST", "/v1/identity/sign", body);
	assert.equal(answer.status, 200, answer.body);
	const key = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
	return { ...(JSON.parse(answer.body) as { chain: string; bundle: string }), key };
}

async function bundleOf({ admin }: TestControlPlane) {
	const { bundle, jwtKeys } = JSON.parse((await admin("GET", "/v1/identity/bundle")).body) as {
		bundle: string;
		jwtKeys: { keyId: string; publicJwk: Record<string, string> }[];
	};
	return { bundle, keys: jwtKeys.map(({ keyId, publicJwk }) => ({ kid: keyId, ...publicJwk })) };
}

/** Whether OpenSSL takes the client's chain under the roots. */
async function isTaken(client: Signed, server: Signed, roots: string): Promise<boolean> {
	const { promise, resolve } = Promise.withResolvers<boolean>();
	const listener = createServer(
		{ cert: server.chain, key: server.key, ca: roots, requestCert: true, rejectUnauthorized: false },
		(socket: TLSSocket) => {
			resolve(socket.authorized);
			socket.destroy();
		},
	);
	await new Promise<void>((done) => listener.listen(0, "127.0.0.1", done));
	const { port } = listener.address() as { port: number };
	const socket = connect({ port, host: "127.0.0.1", cert: client.chain, key: client.key, rejectUnauthorized: false });
	socket.on("error", () => undefined);
	try {
		return await promise;
	} finally {
		socket.destroy();
		listener.close();
	}
}

test("workloads of a control plane below are trusted above, by certificate and by token, and the other way round", async (t) => {
	const above = await startNodeWorld(t, {});
	above.writeConfig(config);
	await above.createEntry({ id: "below", spiffeId: "/planes/below", downstream: true });
	const { socketPath } = await above.startAgent(t);
	const below = await startBelow(t, above, socketPath);
	const { bundle: roots } = await bundleOf(above);
	const signed = await sign(below);
	assert.equal(signed.bundle, roots, "one trust domain, the same roots");
	const [leaf, issuer, ...more] = readCertificates(signed.chain);
	assert.equal(more.length, 0);
	const { isCa, pathLength, nameConstraints } = issuer!.extensions;
	assert.deepEqual([isCa, pathLength], [true, 0]);
	assert.deepEqual(nameConstraints?.permitted, [{ kind: "uri", value: "cluster.local" }]);
	assert.ok(issuer!.notAfter - Date.now() <= 7 * 86_400_000);
	assert.ok(leaf!.notAfter <= issuer!.notAfter);
	const verified = verifySvidPem(signed.chain, parseTrustBundle("cluster.local", roots), Date.now());
	assert.ok(verified.ok, JSON.stringify(verified));
	const own = await eventually(() => sign(above));
	assert.ok(await isTaken(signed, own, roots), "OpenSSL understands the constraint");
	assert.ok(await isTaken(own, signed, signed.bundle));

	await eventually(async () => {
		const [up, down] = [await bundleOf(above), await bundleOf(below)];
		assert.deepEqual(up.keys.map(({ kid }) => kid).sort(), down.keys.map(({ kid }) => kid).sort());
		assert.equal(up.keys.length, 2);
	}, patient);

	// A thief of the issuer's key vouches for nobody of another trust domain.
	const folder = join(below.stateFolder, "ca");
	const name = JSON.parse(readFileSync(join(folder, "authority.json"), "utf8")).issuers[0].name as string;
	const forge = (names: readonly { kind: "uri" | "dns"; value: string }[]): Signed => {
		const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
		const fields = {
			serial: Buffer.of(1, 2, 3),
			subject: encodeName({}),
			publicKey: encodePublicKey(privateKey),
			notBefore: Date.now() - 60_000,
			notAfter: Date.now() + 3_600_000,
			extensions: {
				basicConstraints: { isCa: false },
				keyUsages: ["digitalSignature" as const],
				extendedKeyUsages: [oid.serverAuth, oid.clientAuth],
				names,
				namesCritical: true,
			},
		};
		const signer = {
			name: subjectOf(issuer!),
			privateKey: createPrivateKey(readFileSync(join(folder, `${name}.key`))),
		};
		const chain = formatCertificates([createCertificate(fields, signer), issuer!.der]);
		return { chain, bundle: roots, key: privateKey.export({ type: "pkcs8", format: "pem" }).toString() };
	};
	const good = forge([{ kind: "uri", value: "spiffe://cluster.local/x" }]);
	assert.ok(await isTaken(good, own, roots));
	const evil = forge([{ kind: "uri", value: "spiffe://bank.example/x" }]);
	assert.ok(!(await isTaken(evil, own, roots)));
	const refused = verifySvidPem(evil.chain, { ...parseTrustBundle("bank.example", roots) }, Date.now());
	assert.ok(!refused.ok && /may not vouch for/.test(refused.problems[0]!.problem), JSON.stringify(refused));
});

test("without the flag no issuer is signed, and one that loses the flag signs no more and is no longer waited for", async (t) => {
	const above = await startNodeWorld(t);
	await above.createEntry({ id: "plain", spiffeId: "/planes/plain" });
	const { socketPath } = await above.startAgent(t);
	await assert.rejects(startBelow(t, above, socketPath), (error: Error) => {
		assert.match(`${error.message} ${String(error.cause)}`, /needs the flag downstream/);
		return true;
	});
	await above.deleteEntry("plain");
	await above.createEntry({ id: "below", spiffeId: "/planes/below", downstream: true });
	const below = await eventually(() => startBelow(t, above, socketPath), patient);
	const status = async () =>
		JSON.parse((await above.admin("GET", "/v1/identity/authority")).body) as {
			missing: { name: string }[];
			live: number;
		};
	const before = (await status()).live;
	await above.deleteEntry("below");
	await eventually(async () => assert.equal((await status()).live, before - 1));
	await eventually(async () => assert.equal((await bundleOf(above)).keys.length, 1));
	const answer = await below.admin("POST", "/v1/identity/authority/rotate", JSON.stringify({ what: "issuer" }));
	assert.equal(answer.status, 409, answer.body);
});

test("a rotation of the root above goes through a control plane below", async (t) => {
	const above = await startNodeWorld(t);
	await above.createEntry({ id: "below", spiffeId: "/planes/below", downstream: true });
	const { socketPath } = await above.startAgent(t);
	const below = await startBelow(t, above, socketPath);
	const [first] = readCertificates((await bundleOf(above)).bundle);
	const rotated = await above.admin("POST", "/v1/identity/authority/rotate", JSON.stringify({ what: "root" }));
	assert.equal(rotated.status, 200, rotated.body);
	await eventually(async () => {
		const roots = readCertificates((await bundleOf(below)).bundle);
		assert.equal(roots.length, 2);
	}, patient);
	await eventually(
		async () => {
			const signed = await sign(below);
			const newest = readCertificates((await bundleOf(above)).bundle).filter(({ id }) => id !== first!.id);
			assert.ok(
				verifySvidPem(
					signed.chain,
					parseTrustBundle("cluster.local", formatCertificates(newest.map(({ der }) => der))),
					Date.now(),
				).ok,
			);
		},
		{ deadlineMs: 60_000 },
	);
});
