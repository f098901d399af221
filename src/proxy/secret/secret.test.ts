/** Secrets: read, refused, rotated, joined with defaults; peers checked beyond their chain. */
import assert from "node:assert/strict";
import { createHash, X509Certificate } from "node:crypto";
import { renameSync, symlinkSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { connect, createServer } from "node:tls";
import { eventually } from "../../../test/support/eventually.ts";
import { createTestPki, type TestCertificate } from "../../../test/support/pki.ts";
import { makeTemporaryFolder } from "../../../test/support/temporary-folder.ts";
import { silentLog, systemClock } from "../../core/index.ts";
import { createFileWatcher } from "../file-watcher/index.ts";
import type {
	DataSourceConfig,
	SecretConfig,
	SubjectAltNameMatcher,
	TlsCertificateConfig,
	ValidationContextConfig,
} from "../runtime-config/index.ts";
import type { ValidationSecret } from "./secret.ts";
import { createSecretStore, type SecretStore } from "./secret-store.ts";
import { readSubjectAltNames } from "./subject-alt-names.ts";
import { forgivesChainError, verifyPeer } from "./verify-peer.ts";

const pki = createTestPki();
const web = pki.idOf("web");

test("a key pair comes, rotates and tells; what was handed out stays as it was", (t) => {
	const { store } = openStore(t);
	const changes: string[] = [];
	store.onChange((name) => changes.push(name));
	const source = { kind: "secret", name: "default", source: undefined } as const;
	assert.equal(store.certificate(source), undefined);
	const first = pki.issue(web);
	assert.deepEqual(store.apply(certificateSecret("default", first)), []);
	const held = store.certificate(source);
	assert.equal(held?.cert?.toString(), first.certificateChainPem);
	assert.equal(store.certificate(source), held);
	store.apply(certificateSecret("default", first));
	assert.deepEqual(changes, ["default"]);
	const second = pki.issue(web);
	store.apply(certificateSecret("default", second));
	assert.deepEqual(changes, ["default", "default"]);
	assert.equal(held?.cert?.toString(), first.certificateChainPem);
	assert.equal(store.certificate(source)?.key?.toString(), second.privateKeyPem);
});

test("a key pair that does not fit, is empty or is no PEM is refused, and the earlier one stays", (t) => {
	const { store } = openStore(t);
	const good = pki.issue(web);
	store.apply(certificateSecret("default", good));
	const other = pki.issue(web);
	for (const [certificate, key, problem] of [
		[good.certificateChainPem, other.privateKeyPem, /private_key.*does not belong to the certificate/],
		["", good.privateKeyPem, /certificate_chain.*is empty/],
		[good.certificateChainPem, "nonsense", /cannot be used/],
	] as const) {
		const problems = store.apply({
			kind: "tls-certificate",
			name: "default",
			certificate: keyPair(inline(certificate), inline(key)),
		});
		assert.match(JSON.stringify(problems), problem);
	}
	const kept = store.get("default");
	assert.equal(kept?.kind === "certificate" && kept.cert?.toString(), good.certificateChainPem);
});

test("all faults of a secret are told at once", (t) => {
	const { store } = openStore(t);
	const missing: DataSourceConfig = { kind: "file", path: "/nonexistent/tls.crt", watchedDirectory: undefined };
	const problems = store.apply({
		kind: "tls-certificate",
		name: "default",
		certificate: keyPair(missing, { kind: "environment", variable: "NO_KEY" }),
	});
	assert.deepEqual(
		problems.map(({ path }) => path),
		["certificate_chain.filename", "private_key"],
	);
});

test("files of a secret are read again when they are replaced; a half-replaced pair waits for the other half", async (t) => {
	const { store } = openStore(t);
	const folder = makeTemporaryFolder(t);
	const replace = (name: string, text: string): void => {
		writeFileSync(join(folder, `.${name}`), text);
		renameSync(join(folder, `.${name}`), join(folder, name));
	};
	const first = pki.issue(web);
	replace("tls.crt", first.certificateChainPem);
	replace("tls.key", first.privateKeyPem);
	const file = (name: string): DataSourceConfig => ({
		kind: "file",
		path: join(folder, name),
		watchedDirectory: undefined,
	});
	store.apply({ kind: "tls-certificate", name: "default", certificate: keyPair(file("tls.crt"), file("tls.key")) });
	const before = store.get("default");
	const second = pki.issue(web);
	replace("tls.crt", second.certificateChainPem);
	await new Promise((resolve) => setImmediate(resolve));
	assert.equal(store.get("default"), before);
	replace("tls.key", second.privateKeyPem);
	await eventually(() => {
		const secret = store.get("default");
		assert.equal(secret?.kind === "certificate" && secret.key?.toString(), second.privateKeyPem);
	});
});

test("a watched folder whose link is swapped, as Kubernetes does it, is read again", async (t) => {
	const { store } = openStore(t);
	const folder = makeTemporaryFolder(t);
	const data = (name: string): string => makeFolderWith(t, name);
	const first = data(pki.bundlePem);
	symlinkSync(first, join(folder, "..data"));
	store.apply({
		kind: "validation-context",
		name: "ROOTCA",
		context: rules({
			trustedCa: { kind: "file", path: join(folder, "..data", "ca.crt"), watchedDirectory: undefined },
			watchedDirectory: folder,
		}),
	});
	const other = createTestPki();
	symlinkSync(data(other.bundlePem), join(folder, "..next"));
	renameSync(join(folder, "..next"), join(folder, "..data"));
	await eventually(() => {
		const secret = store.get("ROOTCA");
		assert.ok(secret?.kind === "validation" && secret.ca?.toString().includes(other.bundlePem.trim()));
	});
});

test("a validation secret is joined with the defaults of the context that refers to it", (t) => {
	const { store } = openStore(t);
	const source = {
		kind: "secret",
		name: "ROOTCA",
		source: undefined,
		defaults: rules({ subjectAltNames: [uri(web)] }),
	} as const;
	assert.equal(store.validation(source), undefined);
	store.apply(validationSecret("ROOTCA", pki.bundlePem));
	const joined = store.validation(source) as ValidationSecret;
	assert.equal(joined.ca?.toString().trim(), pki.bundlePem.trim());
	assert.deepEqual(joined.subjectAltNames, [uri(web)]);
	assert.equal(store.validation(source), joined);
	store.apply(validationSecret("ROOTCA", createTestPki().bundlePem));
	assert.notEqual(store.validation(source), joined);
	assert.equal(store.validation({ kind: "none" }), "none");
});

test("peers are known by name, by hash or by key", (t) => {
	const peer = pki.issue(web, { dnsNames: ["web.shop", "*.example.org"] });
	const leaf = new X509Certificate(peer.certificatePem);
	const check = (changes: Partial<ValidationContextConfig>) => verifyPeer(load(t, rules(changes)), leaf);
	assert.equal(check({}), undefined);
	assert.equal(check({ subjectAltNames: [uri(pki.idOf("orders")), uri(web)] }), undefined);
	assert.match(
		check({ subjectAltNames: [uri(pki.idOf("orders"))] }) ?? "",
		/none of its names is accepted: .*\/sa\/web/,
	);
	const dns = (value: string): SubjectAltNameMatcher => ({
		type: "dns",
		matcher: { kind: "exact", value, ignoreCase: false },
	});
	assert.equal(check({ subjectAltNames: [dns("a.example.org")] }), undefined);
	assert.notEqual(check({ subjectAltNames: [dns("a.b.example.org")] }), undefined);
	assert.notEqual(check({ subjectAltNames: [{ type: "email", matcher: uri(web).matcher }] }), undefined);
	const prefix: SubjectAltNameMatcher = {
		type: "any",
		matcher: { kind: "prefix", value: "spiffe://cluster.local/", ignoreCase: false },
	};
	assert.equal(check({ subjectAltNames: [prefix] }), undefined);

	const hash = createHash("sha256").update(leaf.raw).digest("hex");
	assert.equal(check({ certificateHashes: [hash] }), undefined);
	const spki = createHash("sha256")
		.update(leaf.publicKey.export({ type: "spki", format: "der" }))
		.digest("base64");
	assert.equal(check({ certificateHashes: ["00"], spkiHashes: [spki] }), undefined);
	assert.match(check({ spkiHashes: ["AAAA"] }) ?? "", /cert hash and spki/);
});

test("with the SPIFFE validator the chain must end in the bundle of the trust domain that the peer names", async (t) => {
	const other = createTestPki({ trustDomain: "other.example" });
	const bundle = (name: string, pem: string) => ({ name, bundle: inline(pem) });
	const trustDomains = [bundle("cluster.local", pki.bundlePem), bundle("other.example", other.bundlePem)];
	const secret = load(t, rules({ spiffeTrustDomains: trustDomains }));
	const judge = async (peer: TestCertificate): Promise<string | undefined> =>
		verifyPeer(secret, await shakeHands(t, peer, secret));
	assert.equal(await judge(pki.issue(web)), undefined);
	assert.equal(await judge(other.issue(other.idOf("web"))), undefined);
	// An authority that is trusted, for a trust domain that is not its own.
	assert.match((await judge(other.issue(web))) ?? "", /was not issued by trust domain cluster.local/);
	// The same, with a good chain shown before the one that signed it.
	const impostor = other.issue(web);
	const between = [impostor.certificatePem, pki.issuerPem, pki.bundlePem, other.issuerPem].join("");
	assert.match((await judge({ ...impostor, certificateChainPem: between })) ?? "", /was not issued by trust domain/);
	const good = pki.issue(web);
	const crowded = [good.certificatePem, good.certificatePem, other.issuerPem, pki.bundlePem, pki.issuerPem].join("");
	assert.equal(await judge({ ...good, certificateChainPem: crowded }), undefined);
	assert.match((await judge(pki.issue(web, { keyUsages: [] }))) ?? "", /has no key usage/);
	const stranger = createTestPki({ trustDomain: "third.example" });
	const foreign = await judge(stranger.issue(stranger.idOf("web")));
	assert.match(foreign ?? "", /trust domain third.example is not among those accepted/);
	assert.match((await judge(pki.withoutName())) ?? "", /carries no SPIFFE id/);
	// An authority by its own word, with the key usage of a workload.
	assert.match((await judge(pki.issue(web, { isCa: true }))) ?? "", /is a certificate authority/);
});

test("names that hold separators are read whole", () => {
	const odd = "spiffe://cluster.local/ns/a, DNS:evil.example";
	const names = readSubjectAltNames(new X509Certificate(pki.issue(odd).certificatePem));
	assert.deepEqual(names, [{ type: "uri", value: odd }]);
});

test("chain errors are forgiven only by the rule that says so", (t) => {
	const strict = load(t, rules({ trustedCa: inline(pki.bundlePem) }));
	assert.equal(forgivesChainError(strict, "CERT_HAS_EXPIRED", true), false);
	const lenient = load(t, rules({ trustedCa: inline(pki.bundlePem), allowExpired: true }));
	assert.equal(forgivesChainError(lenient, "CERT_HAS_EXPIRED", true), true);
	assert.equal(forgivesChainError(lenient, "CERT_HAS_EXPIRED", false), false);
	assert.equal(forgivesChainError(lenient, "UNABLE_TO_VERIFY_LEAF_SIGNATURE", true), false);
	assert.equal(forgivesChainError(load(t, rules({})), "UNABLE_TO_VERIFY_LEAF_SIGNATURE", false), true);
});

/** The certificate of a server, as a client sees it after the handshake. */
async function shakeHands(t: TestContext, peer: TestCertificate, secret: ValidationSecret): Promise<X509Certificate> {
	const server = createServer({ cert: peer.certificateChainPem, key: peer.privateKeyPem });
	t.after(() => server.close());
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	const { port } = server.address() as AddressInfo;
	return new Promise((resolve, reject) => {
		const ca = secret.ca === undefined ? {} : { ca: secret.ca };
		const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false, ...ca }, () => {
			const leaf = socket.getPeerX509Certificate();
			socket.destroy();
			if (leaf === undefined) reject(new Error("the peer has no certificate"));
			else resolve(leaf);
		});
		socket.on("error", reject);
	});
}

function openStore(t: TestContext): { store: SecretStore } {
	const files = createFileWatcher({ clock: systemClock, log: silentLog });
	const store = createSecretStore({ files, log: silentLog, environment: {} });
	t.after(() => {
		store.close();
		files.close();
	});
	return { store };
}

function load(t: TestContext, context: ValidationContextConfig): ValidationSecret {
	const { store } = openStore(t);
	return store.validation({ kind: "inline", context }) as ValidationSecret;
}

function makeFolderWith(t: TestContext, bundle: string): string {
	const folder = makeTemporaryFolder(t);
	writeFileSync(join(folder, "ca.crt"), bundle);
	return folder;
}

function inline(text: string): DataSourceConfig {
	return { kind: "inline", bytes: Buffer.from(text) };
}

function keyPair(certificateChain: DataSourceConfig, privateKey: DataSourceConfig): TlsCertificateConfig {
	return { certificateChain, privateKey, password: undefined, pkcs12: undefined, watchedDirectory: undefined };
}

function certificateSecret(name: string, pair: TestCertificate): SecretConfig {
	return {
		kind: "tls-certificate",
		name,
		certificate: keyPair(inline(pair.certificateChainPem), inline(pair.privateKeyPem)),
	};
}

function validationSecret(name: string, bundle: string): SecretConfig {
	return { kind: "validation-context", name, context: rules({ trustedCa: inline(bundle) }) };
}

function uri(value: string): SubjectAltNameMatcher {
	return { type: "uri", matcher: { kind: "exact", value, ignoreCase: false } };
}

function rules(changes: Partial<ValidationContextConfig>): ValidationContextConfig {
	return {
		trustedCa: undefined,
		systemRoots: false,
		subjectAltNames: [],
		spkiHashes: [],
		certificateHashes: [],
		crl: undefined,
		allowExpired: false,
		acceptUntrusted: false,
		maxVerifyDepth: undefined,
		onlyVerifyLeafCrl: false,
		spiffeTrustDomains: undefined,
		watchedDirectory: undefined,
		...changes,
	};
}
