/** TLS of listeners and clusters: which certificate a client gets, what clients must show, and how that is told. */
import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, createServer, connect as openTcp } from "node:net";
import {
	type ConnectionOptions,
	connect,
	createServer as createTlsServer,
	type SecureVersion,
	type TLSSocket,
} from "node:tls";
import { managerFilter, socketAddress, staticCluster, typed } from "../support/bootstraps.ts";
import { type Case, compareWithEnvoy, type Side } from "../support/differential.ts";
import { sendRequest } from "../support/http-call.ts";
import { createTestPki, type TestCertificate } from "../support/pki.ts";
import type { ProxyProcess } from "../support/proxy-process.ts";
import { startGreeter, talk } from "../support/tcp-talk.ts";

const pki = createTestPki();
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const server = (...dnsNames: readonly string[]): TestCertificate => pki.issue("", { uris: [], dnsNames });
const certificates = {
	a: server("a.test", "*.wild.test"),
	b: server("b.test"),
	rsa: {
		...pki.issue("", { uris: [], dnsNames: ["a.test", "r.test"], publicKey: rsa.publicKey }),
		privateKeyPem: rsa.privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
	},
};
const elsewhere = createTestPki({ trustDomain: "elsewhere.example" });
const lasting = pki.issue(pki.idOf("lasting"), { notAfter: Date.now() + 7_200_000 });
const client = pki.issue(pki.idOf("client"), { commonName: "client" });
const other = pki.issue(pki.idOf("other"), { commonName: "other" });

type Name = keyof typeof certificates;

interface World {
	readonly proxy: ProxyProcess;
}

const inline = (text: string): object => ({ inline_string: text });

function socket(names: readonly Name[], more: { readonly validation?: object; readonly common?: object } = {}): object {
	const { validation, common = {}, ...rest } = more;
	return {
		name: "tls",
		typed_config: typed("transport_sockets.tls.v3.DownstreamTlsContext", {
			...rest,
			common_tls_context: {
				tls_certificates: names.map((name) => ({
					certificate_chain: inline(certificates[name].certificateChainPem),
					private_key: inline(certificates[name].privateKeyPem),
				})),
				...(validation === undefined ? {} : { validation_context: validation }),
				...common,
			},
		}),
	};
}

const trusted = { trusted_ca: inline(pki.bundlePem) };

async function start(side: Side): Promise<World> {
	const port = await startGreeter(side, "one");
	const rude = createServer((connection) => connection.once("data", () => connection.end()));
	rude.listen(0, "127.0.0.1");
	await once(rude, "listening");
	side.after(() => rude.close());
	const { certificateChainPem: cert, privateKeyPem: key } = certificates.a;
	const secured = createTlsServer({ cert, key }, (socket) => {
		socket.on("error", () => socket.destroy());
		socket.write("hello");
	});
	secured.listen(0, "127.0.0.1");
	await once(secured, "listening");
	side.after(() => secured.close());
	const securedPort = (secured.address() as AddressInfo).port;
	const curveLists = [["X25519"], ["P-256"], ["P-384"], []];
	const cluster = (name: string, to: number, more: object = {}): object => ({
		...staticCluster(name, {
			load_assignment: {
				cluster_name: name,
				endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(to) } }] }],
			},
		}),
		...more,
	});
	const listener = (name: string, transport_socket: object): object => ({
		name,
		address: socketAddress(0),
		stat_prefix: name,
		filter_chains: [
			{
				transport_socket,
				filters: [
					{
						name: "tcp",
						typed_config: typed("filters.network.tcp_proxy.v3.TcpProxy", { stat_prefix: "t", cluster: "one" }),
					},
				],
			},
		],
	});
	const upstreamTls = typed("transport_sockets.tls.v3.UpstreamTlsContext", { common_tls_context: {} });
	const proxy = await side.proxy({
		static_resources: {
			secrets: [
				{
					name: "own",
					tls_certificate: {
						certificate_chain: inline(lasting.certificateChainPem),
						private_key: inline(lasting.privateKeyPem),
					},
				},
				{ name: "roots", validation_context: { trusted_ca: inline(elsewhere.bundlePem + lasting.certificatePem) } },
				{ name: "trusted.domains", validation_context: domains },
			],
			listeners: [
				listener("discovered", {
					name: "tls",
					typed_config: typed("transport_sockets.tls.v3.DownstreamTlsContext", {
						common_tls_context: discovered("roots"),
					}),
				}),
				...curveLists.map((_, index) => ({
					name: `curve${index}`,
					address: socketAddress(0),
					filter_chains: [
						{
							filters: [
								{
									name: "tcp",
									typed_config: typed("filters.network.tcp_proxy.v3.TcpProxy", {
										stat_prefix: "t",
										cluster: `curve${index}`,
									}),
								},
							],
						},
					],
				})),
				listener("names", socket(["a", "b"])),
				listener("kinds", socket(["rsa", "a", "b"])),
				listener("scanned", socket(["b", "a"], { full_scan_certs_on_sni_mismatch: true } as object)),
				listener("pinned", socket(["a"], { validation: { ...trusted, verify_certificate_hash: ["ab".repeat(32)] } })),
				listener("forgiving", socket(["a"], { validation: forgiving })),
				listener("nobody", socket(["a"], { require_client_certificate: true } as object)),
				listener("domains", socket(["a"], { validation: domains })),
				listener("members", socket(["a"], { validation: { ...domains, match_typed_subject_alt_names: members } })),
				listener("shallow", socket(["a"], { validation: { ...trusted, max_verify_depth: 1 } })),
				listener("deep", socket(["a"], { validation: { ...trusted, max_verify_depth: 2 } })),
				listener("grouped", socket(["a"], { common: { tls_params: { cipher_suites: [cipherGroup] } } })),
				...Object.entries(protocolLists).map(([name, alpn_protocols]) =>
					listener(name, socket(["a"], { common: { alpn_protocols } })),
				),
				listener("resumed", socket(["a"], { session_ticket_keys: { keys: [{ inline_bytes: ticketKey }] } } as object)),
				listener("ticketless", socket(["a"], { disable_stateless_session_resumption: true } as object)),
				listener("forgetful", socket(["a"], { disable_stateful_session_resumption: true } as object)),
				{
					name: "http",
					address: socketAddress(0),
					filter_chains: [
						{
							filters: [managerFilter({ route_config: routesTo("rude") })],
						},
					],
				},
			],
			clusters: [
				cluster("one", port),
				...curveLists.map((ecdh_curves, index) =>
					cluster(`curve${index}`, securedPort, {
						transport_socket: {
							name: "tls",
							typed_config: typed("transport_sockets.tls.v3.UpstreamTlsContext", {
								common_tls_context: { tls_params: { ecdh_curves, tls_maximum_protocol_version: "TLSv1_3" } },
							}),
						},
					}),
				),
				cluster("secret", port, {
					transport_socket: {
						name: "tls",
						typed_config: typed("transport_sockets.tls.v3.UpstreamTlsContext", {
							common_tls_context: discovered("trusted.domains"),
						}),
					},
				}),
				cluster("rude", (rude.address() as AddressInfo).port, {
					connect_timeout: "8s",
					transport_socket: { name: "tls", typed_config: upstreamTls },
				}),
			],
		},
	});
	return { proxy };
}

const discovered = (validation: string): object => ({
	tls_certificate_sds_secret_configs: [{ name: "own" }],
	validation_context_sds_secret_config: { name: validation },
});
const protocolLists = {
	noprotocol: [""],
	onecomma: ["h2,http/1.1"],
	emptylast: ["h2", ""],
	emptyfirst: ["", "h2"],
};
const cipherGroup = "[ECDHE-ECDSA-AES128-GCM-SHA256|ECDHE-ECDSA-CHACHA20-POLY1305]";
const ticketKey = Buffer.alloc(80, 7).toString("base64");
const forgiving = {
	...trusted,
	trust_chain_verification: "ACCEPT_UNTRUSTED",
	match_typed_subject_alt_names: [{ san_type: "URI", matcher: { exact: pki.idOf("client") } }],
};

const members = [{ san_type: "URI", matcher: { exact: pki.idOf("client") } }];
const domains = {
	custom_validator_config: {
		name: "envoy.tls.cert_validator.spiffe",
		typed_config: typed("transport_sockets.tls.v3.SPIFFECertValidatorConfig", {
			trust_domains: [
				{ name: pki.trustDomain, trust_bundle: inline(pki.bundlePem) },
				{ name: "third.example", trust_bundle: inline(elsewhere.bundlePem) },
			],
		}),
	},
};

function routesTo(cluster: string): object {
	return {
		name: "r",
		virtual_hosts: [{ name: "v", domains: ["*"], routes: [{ match: { prefix: "/" }, route: { cluster } }] }],
	};
}

interface Handshake {
	/** What the server's certificate is for, and its kind of key; `refused` without one. */
	readonly certificate: string;
	readonly heard: string;
}

/** Shakes hands and listens for the upstream's greeting. */
async function shake(world: World, listener: string, options: ConnectionOptions = {}): Promise<Handshake> {
	const port = await world.proxy.port(listener);
	const { promise, resolve } = Promise.withResolvers<Handshake>();
	let heard = "";
	let certificate = "refused";
	const secured: TLSSocket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false, ...options }, () => {
		const peer = secured.getPeerX509Certificate();
		certificate = `${peer?.subjectAltName} ${peer?.publicKey.asymmetricKeyType}`;
	});
	secured.on("data", (bytes) => {
		heard += bytes.toString();
		if (heard.endsWith("\n")) secured.destroy();
	});
	secured.on("error", () => secured.destroy());
	secured.on("close", () => resolve({ certificate, heard }));
	return await promise;
}

/** Whether a second connection resumes the session that the first got. */
async function comesBack({ proxy }: World, listener: string, version: SecureVersion): Promise<boolean> {
	const port = await proxy.port(listener);
	const options = { port, host: "127.0.0.1", rejectUnauthorized: false, minVersion: version, maxVersion: version };
	const first = connect(options);
	let session: Buffer | undefined;
	first.on("session", (offered) => {
		session ??= offered;
	});
	await once(first, "data");
	first.end();
	await once(first, "close");
	const second = connect({ ...options, ...(session !== undefined && { session }) });
	await once(second, "secureConnect");
	const isReused = second.isSessionReused();
	second.destroy();
	return isReused;
}

const present = ({ certificateChainPem, privateKeyPem }: TestCertificate): ConnectionOptions => ({
	cert: certificateChainPem,
	key: privateKeyPem,
});
const rsaOnly: ConnectionOptions = { maxVersion: "TLSv1.2", ciphers: "ECDHE-RSA-AES128-GCM-SHA256" };
const served = { heard: "hello one\n" };

/** Towards the server of the cluster with Envoy's defaults, and by clients of a listener with them: what is agreed on. */
const hybridCases: Readonly<Record<string, Case<World>>> = {
	"key exchanges that are the default": {
		want: {
			upstream: { "cluster.curve3.ssl.curves.X25519MLKEM768": 1 },
			clients: ["X25519MLKEM768", "X25519", "X25519MLKEM768", "prime256v1"],
		},
		async see(world) {
			await talk({ port: await world.proxy.port("curve3"), until: "hello" });
			const upstream = await world.proxy.stats("^cluster\\.curve3\\.ssl\\.curves\\.");
			const clients: unknown[] = [];
			for (const ecdhCurve of ["*X25519MLKEM768:*X25519", "X25519:P-256", "*X25519:X25519MLKEM768", "P-256"]) {
				const port = await world.proxy.port("names");
				const secured = connect({ port, host: "127.0.0.1", rejectUnauthorized: false, ecdhCurve });
				await once(secured, "secureConnect");
				clients.push((secured.getEphemeralKeyInfo() as { readonly name?: string }).name);
				secured.destroy();
			}
			return { upstream, clients };
		},
	},
};
const [major = 0, minor = 0] = process.versions.openssl.split(".").map(Number);
const hasHybrids = major > 3 || (major === 3 && minor >= 5);

compareWithEnvoy("TLS", {
	start,
	cases: {
		...(hasHybrids ? hybridCases : {}),
		"a certificate by its name": {
			want: ["DNS:a.test, DNS:*.wild.test ec", "DNS:b.test ec", "DNS:a.test, DNS:*.wild.test ec"],
			see: async (world) => {
				const seen: string[] = [];
				for (const servername of [
					"a.test",
					"b.test",
					"x.wild.test",
					"x.y.wild.test",
					"wild.test",
					"other",
					"B.TEST",
					"",
				]) {
					seen.push((await shake(world, "names", { servername })).certificate);
				}
				return seen;
			},
		},
		"in TLS 1.3 the cipher that sidecars, Go and browsers offer first": {
			want: "TLS_AES_128_GCM_SHA256",
			async see(world) {
				const port = await world.proxy.port("names");
				const ciphers = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
				const secured = connect({ port, host: "127.0.0.1", rejectUnauthorized: false, ciphers, minVersion: "TLSv1.3" });
				await once(secured, "secureConnect");
				const { name } = secured.getCipher();
				secured.destroy();
				return name;
			},
		},
		"of two certificates for one name the client's kind": {
			want: { both: "DNS:a.test, DNS:*.wild.test ec", rsa: "DNS:a.test, DNS:r.test rsa" },
			async see(world) {
				const both = await shake(world, "kinds", { servername: "a.test" });
				const old = await shake(world, "kinds", { servername: "a.test", ...rsaOnly });
				const nameless = await shake(world, "kinds", {});
				const namelessOld = await shake(world, "kinds", rsaOnly);
				const elsewhere = await shake(world, "kinds", { servername: "b.test", ...rsaOnly });
				return {
					both: both.certificate,
					rsa: old.certificate,
					nameless: nameless.certificate,
					namelessOld: namelessOld.certificate,
					elsewhere: elsewhere.certificate,
				};
			},
		},
		"a name that no certificate has": {
			want: "DNS:b.test ec",
			see: async (world) => (await shake(world, "scanned", { servername: "other" })).certificate,
		},
		"a certificate that is not pinned": {
			want: { heard: "", count: 1 },
			async see(world) {
				const { heard } = await shake(world, "pinned", { ...present(client) });
				return { heard, count: await world.proxy.stat("listener.pinned.ssl.fail_verify_cert_hash") };
			},
		},
		"certificates that are taken whatever they are": {
			want: { other: served, none: served },
			async see(world) {
				const result = {
					other: await shake(world, "forgiving", present(other)),
					none: await shake(world, "forgiving"),
				};
				return { ...result, ...(await world.proxy.stats("^listener\\.forgiving\\.ssl\\.fail_")) };
			},
		},
		"a certificate is not required where nobody could have signed it": {
			want: served,
			see: (world) => shake(world, "nobody"),
		},
		"peers of other trust domains, by the SPIFFE validator": {
			want: { member: served, foreign: { heard: "" } },
			async see(world) {
				const foreign = elsewhere.issue(elsewhere.idOf("client"));
				const seen = {
					member: await shake(world, "domains", present(client)),
					foreign: await shake(world, "domains", present(foreign)),
					disguised: await shake(world, "domains", present(elsewhere.issue(pki.idOf("client")))),
					stranger: await shake(world, "domains", present(pki.foreign(pki.idOf("client")))),
					nameless: await shake(world, "domains", present(pki.withoutName())),
					authority: await shake(world, "domains", present(pki.issue(pki.idOf("client"), { isCa: true }))),
					other: await shake(world, "members", present(other)),
				};
				return { ...seen, ...(await world.proxy.stats("^listener\\.(domains|members)\\.ssl\\.(fail|no)_")) };
			},
		},
		"a chain of more authorities than are allowed": {
			want: { shallow: { heard: "" }, deep: served },
			see: async (world) => ({
				shallow: await shake(world, "shallow", present(client)),
				deep: await shake(world, "deep", present(client)),
			}),
		},
		"application protocols with commas and without a name": {
			want: { noprotocol: [false, false, false], onecomma: ["h2", "http/1.1", "h2"] },
			async see(world) {
				const seen: Record<string, (string | false | null)[]> = {};
				for (const name of Object.keys(protocolLists)) {
					const port = await world.proxy.port(name);
					seen[name] = [];
					for (const ALPNProtocols of [["h2"], ["http/1.1"], ["http/1.1", "h2"]]) {
						const secured = connect({ port, host: "127.0.0.1", rejectUnauthorized: false, ALPNProtocols });
						await once(secured, "secureConnect");
						seen[name].push(secured.alpnProtocol);
						secured.destroy();
					}
				}
				return seen;
			},
		},
		"when certificates end": {
			want: {
				"listener.discovered.ssl.certificate.own.expiration_unix_time_seconds": Math.floor(
					new X509Certificate(lasting.certificatePem).validToDate.getTime() / 1000,
				),
			},
			async see({ proxy }) {
				const label = 'envoy_tls_certificate="(own|roots)"';
				const { body } = await proxy.admin("/stats/prometheus?filter=ssl.certificate.(own|roots)");
				const labelled = body.split("\n").filter((line) => new RegExp(label).test(line));
				return { ...(await proxy.stats("ssl\\.certificate\\.")), labelled: labelled.length };
			},
		},
		"the curves of connections to upstreams": {
			want: { "cluster.curve0.ssl.curves.X25519": 1, "cluster.curve1.ssl.curves.P-256": 1 },
			async see({ proxy }) {
				for (const name of ["curve0", "curve1", "curve2"]) {
					const socket = openTcp(await proxy.port(name), "127.0.0.1");
					await once(socket, "data");
					socket.destroy();
				}
				return proxy.stats("cluster\\.curve\\d\\.ssl\\.(curves|versions)\\.");
			},
		},
		"ciphers of a group": {
			want: served,
			see: (world) => shake(world, "grouped", { maxVersion: "TLSv1.2" }),
		},
		"keys of session tickets from the configuration": {
			want: { heard: "hello one\n" },
			see: (world) => shake(world, "resumed"),
		},
		"who comes back with a session": {
			want: { "names TLSv1.3": true, "ticketless TLSv1.3": false },
			async see(world) {
				const seen: Record<string, boolean> = {};
				for (const listener of ["names", "ticketless", "forgetful", "resumed"])
					for (const version of ["TLSv1.2", "TLSv1.3"] as const)
						seen[`${listener} ${version}`] = await comesBack(world, listener, version);
				return seen;
			},
		},
		"a client that asks for another handshake": {
			want: { isRenegotiated: false },
			async see({ proxy }) {
				const port = await proxy.port("names");
				const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false, maxVersion: "TLSv1.2" });
				socket.on("error", () => undefined);
				await once(socket, "data");
				const { promise, resolve } = Promise.withResolvers<boolean>();
				socket.on("close", () => resolve(false));
				socket.renegotiate({ rejectUnauthorized: false }, (error) => resolve(error === null));
				const isRenegotiated = await promise;
				socket.destroy();
				return { isRenegotiated };
			},
		},
		"an upstream that closes within the handshake": {
			want: { status: 503 },
			async see({ proxy }) {
				const { status, body } = await sendRequest({ port: await proxy.port("http"), path: "/" });
				return { status, body };
			},
		},
		"a client that never says hello keeps nobody waiting": {
			want: served,
			async see(world) {
				const silent = openTcp(await world.proxy.port("kinds"), "127.0.0.1");
				await once(silent, "connect");
				const seen = await shake(world, "kinds");
				silent.destroy();
				return seen;
			},
		},
	},
});
