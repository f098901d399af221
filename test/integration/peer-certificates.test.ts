/** Certificates that must not get through, shown to listeners by clients and to clusters by servers: on amime, and on Envoy beside it. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createPrivateKey } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { connect } from "node:tls";
import {
	createCertificate,
	encodeName,
	encodePublicKey,
	formatCertificates,
	oid,
	readCertificates,
	subjectOf,
} from "../../src/identity/x509/index.ts";
import { sendRequest } from "../support/http-call.ts";
import { findEnvoy, findProgram, skipWithout } from "../support/peers.ts";
import { createTestPki, type TestCertificate } from "../support/pki.ts";
import { type ProxyKind, startProxyProcess } from "../support/proxy-process.ts";
import { address, route } from "../support/running-proxy.ts";
import { makeTemporaryFolder } from "../support/temporary-folder.ts";

const extensions = "type.googleapis.com/envoy.extensions.";
const pki = createTestPki();
const web = pki.idOf("web");
const own = pki.issue(pki.idOf("proxy"));
const inline = (text: string): object => ({ inline_string: text });

type Pair = Pick<TestCertificate, "certificateChainPem" | "privateKeyPem">;

interface Attack {
	readonly name: string;
	readonly pair: Pair;
	/** What Envoy does, where it is laxer than the specification of SVIDs. */
	readonly envoyTakes?: readonly ("roots" | "spiffe")[];
	/** Only as a client, or as a server. */
	readonly only?: "client" | "server";
}

const long = Date.now() - 7_200_000;
const ended = { notBefore: long, notAfter: long + 3_600_000 };

/** Certificates that have ended, and would not be good if they had not. */
const endedAttacks: readonly Attack[] = [
	{ name: "ended, self-signed", pair: pki.issue(web, { ...ended, selfSigned: true }) },
	{ name: "ended, of a foreign root with the same names", pair: createTestPki().issue(web, ended) },
	{ name: "ended, signed by a leaf", pair: signBy(pki.issue(web, ended), web) },
	{ name: "ended, for encipherment only", pair: pki.issue(web, { ...ended, keyUsages: ["keyEncipherment"] }) },
	{ name: "ended, another's name", pair: pki.issue("spiffe://other.example/ns/shop/sa/web", ended) },
];

/** A leaf that another certificate signs, whatever that one may do. */
function signBy(signer: Pair, spiffeId: string): Pair {
	const chain = readCertificates(signer.certificateChainPem);
	const privateKey = createPrivateKey(own.privateKeyPem);
	const fields = {
		...{ serial: Buffer.of(5), subject: encodeName({}), publicKey: encodePublicKey(privateKey) },
		...{ notBefore: Date.now() - 60_000, notAfter: Date.now() + 3_600_000 },
		extensions: {
			keyUsages: ["digitalSignature"] as const,
			extendedKeyUsages: [oid.serverAuth, oid.clientAuth],
			names: [{ kind: "uri" as const, value: spiffeId }],
			namesCritical: true,
		},
	};
	const der = createCertificate(fields, {
		name: subjectOf(chain[0]!),
		privateKey: createPrivateKey(signer.privateKeyPem),
	});
	const certificateChainPem = formatCertificates([der, ...chain.map((certificate) => certificate.der)]);
	return { certificateChainPem, privateKeyPem: own.privateKeyPem };
}

const authority = pki.issue(web, { isCa: true, keyUsages: ["digitalSignature", "keyCertSign"] });

const attacks: readonly Attack[] = [
	{ name: "of another trust domain", pair: pki.issue("spiffe://other.example/ns/shop/sa/web") },
	{ name: "expired", pair: pki.expired(web) },
	{ name: "not yet valid", pair: pki.notYetValid(web) },
	{ name: "for encipherment only", pair: pki.withWrongKeyUsage(web) },
	{ name: "for servers only", pair: pki.forServersOnly(web), only: "client", envoyTakes: ["spiffe"] },
	{
		name: "for clients only",
		pair: pki.issue(web, { extendedKeyUsages: [oid.clientAuth] }),
		only: "server",
		envoyTakes: ["spiffe"],
	},
	{ name: "self-signed", pair: pki.selfSigned(web) },
	{ name: "of a foreign root with the same names", pair: pki.foreign(web) },
	{ name: "the issuer itself", pair: pki.issuerAsLeaf() },
	{ name: "an authority with a workload's name", pair: authority, envoyTakes: ["roots"] },
	{ name: "signed by a leaf", pair: signBy(pki.issue(web), web) },
	{ name: "signed by an authority below one that may have none", pair: signBy(authority, web) },
	{ name: "with two ids", pair: pki.withTwoIds(web, pki.idOf("orders")), envoyTakes: ["roots", "spiffe"] },
	{ name: "without a name", pair: pki.withoutName() },
	...[
		...[
			"web?a=1",
			"web#a",
			"web%2fadmin",
			"web/",
			"/web",
			"../web",
			"a/./web",
			"web:80",
			"web;x",
			"w eb",
			"w\0eb",
			"w\neb",
		],
		`web,URI=${pki.idOf("admin")}`,
		"a".repeat(2048),
	].map((account) => ({
		name: `with the id of ${JSON.stringify(account.slice(0, 20))}`,
		pair: pki.issue(pki.idOf(account)),
		envoyTakes: ["roots", "spiffe"] as const,
	})),
	{ name: "with a trust domain's id", pair: pki.issue("spiffe://cluster.local/"), envoyTakes: ["roots", "spiffe"] },
	{ name: "with a port in its id", pair: pki.issue("spiffe://cluster.local:443/ns/shop/sa/web") },
	{ name: "with an upper-case trust domain", pair: pki.issue("spiffe://CLUSTER.LOCAL/ns/shop/sa/web") },
	{ name: "with its id as a DNS name", pair: pki.issue(web, { uris: ["https://web.example/"], dnsNames: [web] }) },
	{
		name: "that may sign certificates without being an authority",
		pair: pki.issue(web, { keyUsages: ["digitalSignature", "keyCertSign"] }),
		envoyTakes: ["roots"],
	},
];

/** What peers must satisfy: names under plain roots, the same where it may have ended, or the SPIFFE validator. */
function validations(roots: string) {
	const names = {
		match_typed_subject_alt_names: [{ san_type: "URI", matcher: { prefix: "spiffe://cluster.local/" } }],
	};
	return {
		roots: { trusted_ca: inline(roots), ...names },
		lenient: { trusted_ca: inline(roots), ...names, allow_expired_certificate: true },
		spiffe: {
			...names,
			custom_validator_config: {
				name: "envoy.tls.cert_validator.spiffe",
				typed_config: {
					"@type": `${extensions}transport_sockets.tls.v3.SPIFFECertValidatorConfig`,
					trust_domains: [{ name: "cluster.local", trust_bundle: inline(roots) }],
				},
			},
		},
	};
}

const commonTls = (validation: object): object => ({
	tls_certificates: [{ certificate_chain: inline(own.certificateChainPem), private_key: inline(own.privateKeyPem) }],
	validation_context: validation,
});

function manager(routes: readonly object[]): object {
	return {
		name: "http",
		typed_config: {
			"@type": `${extensions}filters.network.http_connection_manager.v3.HttpConnectionManager`,
			stat_prefix: "in",
			route_config: { name: "r", virtual_hosts: [{ name: "v", domains: ["*"], routes }] },
			http_filters: [{ name: "router", typed_config: { "@type": `${extensions}filters.http.router.v3.Router` } }],
		},
	};
}

const answered = { match: { prefix: "/" }, direct_response: { status: 200 } };

/** A proxy with a listener a validation, and a listener a validation and server that leads to it. */
function startProxy(t: TestContext, kind: ProxyKind, roots: string, servers: readonly number[]) {
	const clusters: object[] = [];
	const listeners: object[] = [];
	for (const [mode, validation] of Object.entries(validations(roots))) {
		const tls = { require_client_certificate: true, common_tls_context: commonTls(validation) };
		const typed = { "@type": `${extensions}transport_sockets.tls.v3.DownstreamTlsContext`, ...tls };
		listeners.push({
			name: `in-${mode}`,
			address: address(0),
			filter_chains: [{ filters: [manager([answered])], transport_socket: { name: "tls", typed_config: typed } }],
		});
		for (const [position, port] of servers.entries()) {
			const name = `out-${mode}-${position}`;
			const context = {
				"@type": `${extensions}transport_sockets.tls.v3.UpstreamTlsContext`,
				common_tls_context: commonTls(validation),
			};
			clusters.push({
				...{ name, type: "STATIC", transport_socket: { name: "tls", typed_config: context } },
				load_assignment: {
					cluster_name: name,
					endpoints: [{ lb_endpoints: [{ endpoint: { address: address(port) } }] }],
				},
			});
			listeners.push({ name, address: address(0), filter_chains: [{ filters: [manager([route("/", name)])] }] });
		}
	}
	return startProxyProcess(t, kind, makeTemporaryFolder(t), { static_resources: { listeners, clusters } });
}

async function startServer(t: TestContext, { certificateChainPem, privateKeyPem }: Pair): Promise<number> {
	const options = { cert: certificateChainPem, key: privateKeyPem, requestCert: true, rejectUnauthorized: false };
	const server = createServer(options, (_request, response) => void response.end("in"));
	server.on("tlsClientError", () => undefined);
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	t.after(() => {
		server.closeAllConnections();
		server.close();
	});
	return (server.address() as AddressInfo).port;
}

/** Whether the listener answers a client with that certificate. */
function isTaken(port: number, { certificateChainPem, privateKeyPem }: Pair): Promise<boolean> {
	const { promise, resolve } = Promise.withResolvers<boolean>();
	const socket = connect({
		host: "127.0.0.1",
		port,
		cert: certificateChainPem,
		key: privateKeyPem,
		rejectUnauthorized: false,
	});
	let answer = "";
	socket.on("secureConnect", () => socket.write("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"));
	socket.on("data", (part) => {
		answer += String(part);
	});
	socket.on("error", () => resolve(false));
	socket.on("close", () => resolve(answer.startsWith("HTTP/1.1 200")));
	return promise;
}

/** Certificates that only openssl makes, under a root of their own. */
function makeForeign(t: TestContext): { readonly attacks: readonly Attack[]; readonly root: string } {
	const folder = makeTemporaryFolder(t);
	const run = (...args: string[]) =>
		execFileSync(findProgram("openssl")!, args, { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
	const make = (name: string, lines: string, parent?: string, ...more: readonly string[]): void => {
		writeFileSync(join(folder, `${name}.cnf`), lines);
		const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", `${name}.key`];
		run("req", ...key, "-subj", `/CN=${name}`, "-out", `${name}.csr`);
		const signer =
			parent === undefined
				? ["-signkey", `${name}.key`]
				: ["-CA", `${parent}.pem`, "-CAkey", `${parent}.key`, "-CAcreateserial"];
		const files = ["-in", `${name}.csr`, "-extfile", `${name}.cnf`, "-out", `${name}.pem`];
		run("x509", "-req", ...files, ...signer, "-days", "2", ...more);
	};
	const read = (name: string): string => readFileSync(join(folder, name), "utf8");
	const authorityOf = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n";
	const workload = `keyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth,clientAuth\nsubjectAltName=URI:${web}\n`;
	make("root", authorityOf);
	const demanded = "policyConstraints=critical,requireExplicitPolicy:0\n";
	const below = (name: string, lines: string, ...more: readonly string[]): Pair => {
		make(`${name}-issuer`, authorityOf + lines, "root", ...more);
		make(name, workload, `${name}-issuer`);
		return {
			certificateChainPem: read(`${name}.pem`) + read(`${name}-issuer.pem`),
			privateKeyPem: read(`${name}.key`),
		};
	};
	const leaf = (name: string, lines: string, ...more: readonly string[]): Pair => {
		make(name, workload + lines, "root", ...more);
		return { certificateChainPem: read(`${name}.pem`), privateKeyPem: read(`${name}.key`) };
	};
	return {
		attacks: [
			{
				name: "outside its issuer's name constraints",
				pair: below("permitted", "nameConstraints=critical,permitted;URI:elsewhere.example\n"),
			},
			{
				name: "in what its issuer's name constraints exclude",
				pair: below("excluded", "nameConstraints=critical,excluded;URI:.local\n"),
			},
			{
				name: "of an issuer with an unknown critical extension",
				pair: below("strange", "1.2.3.4=critical,ASN1:NULL\n"),
			},
			{ name: "with an unknown critical extension", pair: leaf("critical", "1.2.3.4=critical,ASN1:NULL\n") },
			{ name: "without the policy that it demands", pair: leaf("policy", demanded) },
			{ name: "without the policy that its issuer demands", pair: below("policies", demanded) },
			{ name: "signed with SHA-1", pair: leaf("sha1", "", "-sha1"), envoyTakes: ["roots", "spiffe"] },
			{
				name: "of an issuer signed with SHA-1",
				pair: below("issuer-sha1", "", "-sha1"),
				envoyTakes: ["roots", "spiffe"],
			},
			{ name: "of an issuer that has ended", pair: below("ended", "", "-days", "-1") },
		],
		root: read("root.pem"),
	};
}

const kinds = ["amime", "envoy"] as const;
for (const kind of kinds) {
	test(`${kind} takes a good certificate, and none of those that must not get through`, {
		skip: (kind === "envoy" && skipWithout("envoy", findEnvoy())) || skipWithout("openssl", findProgram("openssl")),
	}, async (t) => {
		const foreign = makeForeign(t);
		const all: readonly Attack[] = [...attacks, ...foreign.attacks];
		const asServers = all.filter(({ only }) => only !== "client");
		const ports: number[] = [];
		for (const pair of [pki.issue(web), ...asServers.map((attack) => attack.pair)])
			ports.push(await startServer(t, pair));
		const proxy = await startProxy(t, kind, pki.bundlePem + foreign.root, ports);
		const wrong: string[] = [];
		for (const mode of ["roots", "spiffe"] as const) {
			const isExpected = ({ envoyTakes = [] }: Attack): boolean => kind === "envoy" && envoyTakes.includes(mode);
			const port = await proxy.port(`in-${mode}`);
			assert.equal(await isTaken(port, pki.issue(web)), true, mode);
			for (const attack of all) {
				if (attack.only === "server") continue;
				if ((await isTaken(port, attack.pair)) !== isExpected(attack)) wrong.push(`client ${attack.name} (${mode})`);
			}
			const statusOf = async (position: number) =>
				(await sendRequest({ port: await proxy.port(`out-${mode}-${position}`), path: "/" })).status;
			assert.equal(await statusOf(0), 200, mode);
			for (const [position, attack] of asServers.entries()) {
				const status = await statusOf(position + 1);
				if ((status === 200) !== isExpected(attack)) wrong.push(`server ${attack.name} (${mode}): ${status}`);
			}
		}
		assert.deepEqual(wrong, []);
	});
}

for (const kind of kinds) {
	test(`${kind} forgives that a certificate has ended, and nothing else`, {
		skip: kind === "envoy" && skipWithout("envoy", findEnvoy()),
	}, async (t) => {
		const asServers = [{ name: "ended", pair: pki.expired(web) }, ...endedAttacks];
		const ports: number[] = [];
		for (const { pair } of asServers) ports.push(await startServer(t, pair));
		const proxy = await startProxy(t, kind, pki.bundlePem, ports);
		const taken: string[] = [];
		const port = await proxy.port("in-lenient");
		for (const [position, { name, pair }] of asServers.entries()) {
			if (await isTaken(port, pair)) taken.push(`client ${name}`);
			const { status } = await sendRequest({ port: await proxy.port(`out-lenient-${position}`), path: "/" });
			if (status === 200) taken.push(`server ${name}`);
		}
		assert.deepEqual(taken, ["client ended", "server ended"]);
	});
}
