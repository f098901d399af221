import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { createTestPki } from "../../../test/support/pki.ts";
import { createSeededRandom, silentLog, systemClock } from "../../core/index.ts";
import { emptyRuntime } from "../../engine/runtime/index.ts";
import type { StreamSocket } from "../../os/index.ts";
import { createMetricsRegistry } from "../../telemetry/index.ts";
import type { DownstreamConnection, NetworkGate, TerminalFilter } from "../filter/network/network-filter.ts";
import type { FilterChainParts } from "../filter-chain/index.ts";
import { createScaledTimeouts } from "../overload/index.ts";
import type { FilterChainConfig, FilterChainMatch, ListenerConfig } from "../runtime-config/index.ts";
import type { ValidationSecret } from "../secret/index.ts";
import { createTlsStats } from "../stats/index.ts";
import { createDownstreamTls } from "../transport/index.ts";
import { createListenerManager, type ListenerManager } from "./index.ts";

const anything: FilterChainMatch = {
	destinationPort: undefined,
	destinationRanges: [],
	serverNames: [],
	transportProtocol: "",
	applicationProtocols: [],
	directSourceRanges: [],
	sourceType: "any",
	sourceRanges: [],
	sourcePorts: [],
};

function createChain(name: string, match: Partial<FilterChainMatch> = {}): FilterChainConfig {
	return {
		fingerprint: () => JSON.stringify({ name, match }),
		name,
		match: { ...anything, ...match },
		transportSocket: { kind: "raw-buffer" },
		transportConnectTimeoutMs: 0,
		filters: [],
		peerBounds: undefined,
		metadata: {},
	};
}

function createConfig(chains: readonly FilterChainConfig[], more: Partial<ListenerConfig> = {}): ListenerConfig {
	return {
		name: "test",
		addresses: [{ kind: "socket", address: "127.0.0.1", port: 0, ipv4Compatible: true }],
		statPrefix: "",
		filterChains: chains,
		defaultFilterChain: undefined,
		listenerFilters: [],
		listenerFiltersTimeoutMs: 15_000,
		continueOnListenerFiltersTimeout: false,
		ignoreGlobalConnectionLimit: false,
		bufferLimitBytes: 1 << 20,
		trafficDirection: "unspecified",
		bindToPort: true,
		useOriginalDst: false,
		tcpBacklog: 0,
		transparent: false,
		freebind: false,
		enableReusePort: false,
		drainOnModifyOnly: false,
		accessLogs: [],
		tcpKeepalive: undefined,
		chainMatcher: undefined,
		socketOptions: [],
		additionalSocketOptions: [],
		metadata: {},
		fingerprint: () => "",
		...more,
	};
}

/** Answers everything it reads with its chain's name and the client's identity. */
class NamingFilter implements TerminalFilter {
	readonly #name: string;
	readonly sockets = new Set<StreamSocket>();

	constructor(name: string) {
		this.#name = name;
	}

	get activeConnections(): number {
		return this.sockets.size;
	}

	accept({ socket, facts }: DownstreamConnection): void {
		this.sockets.add(socket);
		socket.on("close", () => this.sockets.delete(socket));
		socket.on("error", () => socket.destroy());
		const peer = facts.tls?.peer?.uriSans[0] ?? "nobody";
		socket.on("data", (bytes) => socket.write(`${this.#name} ${peer} ${facts.serverName} ${bytes.length}`, "latin1"));
	}

	onRefused(): void {
		return;
	}

	drain(): void {
		return;
	}

	close(): void {
		for (const socket of this.sockets) socket.destroy();
	}
}

async function startListeners(
	t: TestContext,
	config: ListenerConfig,
	parts: (chain: FilterChainConfig) => Partial<FilterChainParts> = () => ({}),
): Promise<{ manager: ListenerManager; port: () => number }> {
	let connections = 0;
	const manager = createListenerManager({
		clock: systemClock,
		log: silentLog,
		stats: createMetricsRegistry().root,
		runtime: emptyRuntime,
		nextConnectionId: () => ++connections,
		createChain: (chain) => ({
			tls: undefined,
			gates: [],
			terminal: new NamingFilter(chain.name),
			timeouts: createScaledTimeouts([], systemClock),
			...parts(chain),
		}),
		drainTimeMs: 10_000,
		drainStrategy: "immediate",
		random: createSeededRandom(1),
	});
	t.after(() => manager.close());
	assert.deepEqual(await manager.applyListeners([config], []), []);
	return {
		manager,
		port: () => {
			const address = manager.listeners()[0]?.boundAddresses[0];
			assert.ok(address?.kind === "socket");
			return address.port;
		},
	};
}

/** What the other side says to `bytes`; empty when it closes instead. */
function say(socket: Socket, bytes: string): Promise<string> {
	return new Promise((resolve) => {
		socket.on("error", () => undefined);
		socket.once("data", (answer: Buffer) => resolve(answer.toString()));
		socket.once("close", () => resolve(""));
		socket.write(bytes);
	});
}

test("a connection reaches its chain, and a replaced chain takes only new connections", async (t) => {
	const { manager, port } = await startListeners(t, createConfig([createChain("one")]));
	const old = connect(port(), "127.0.0.1");
	assert.equal(await say(old, "x"), "one nobody  1");
	const before = port();
	assert.deepEqual(await manager.applyListeners([createConfig([createChain("two")])], []), []);
	assert.equal(port(), before, "the address stays bound");
	assert.equal(await say(old, "xy"), "one nobody  2");
	const fresh = connect(port(), "127.0.0.1");
	assert.equal(await say(fresh, "x"), "two nobody  1");
	old.destroy();
	fresh.destroy();
});

test("an address in use is a problem that names listener and address, and the others go on", async (t) => {
	const { manager, port } = await startListeners(t, createConfig([createChain("one")]));
	const taken = createConfig([createChain("two")], {
		name: "second",
		addresses: [{ kind: "socket", address: "127.0.0.1", port: port(), ipv4Compatible: true }],
	});
	const problems = await manager.applyListeners([taken], []);
	assert.equal(problems.length, 1);
	assert.match(problems[0]!.problem, /^cannot bind 127\.0\.0\.1:\d+: the address is in use/);
	const client = connect(port(), "127.0.0.1");
	assert.equal(await say(client, "x"), "one nobody  1");
	client.destroy();
});

test("first bytes choose between TLS and plain text, and nothing of them is lost", async (t) => {
	const pki = createTestPki();
	const server = pki.issue(pki.idOf("server"));
	const config = createConfig(
		[createChain("secure", { transportProtocol: "tls" }), createChain("plain", { transportProtocol: "raw_buffer" })],
		{
			listenerFilters: [
				{ kind: "tls-inspector", maxClientHelloBytes: 16_384, closeOnParsingErrors: false, ja3: false, ja4: false },
			],
		},
	);
	const { port } = await startListeners(t, config, (chain) =>
		chain.name === "secure" ? { tls: createTls(server, pki.bundlePem, false) } : {},
	);
	const plain = connect(port(), "127.0.0.1");
	assert.equal(await say(plain, "hello"), "plain nobody  5");
	const secure = connectTls({ port: port(), host: "127.0.0.1", rejectUnauthorized: false, servername: "reviews.shop" });
	assert.equal(await say(secure, "hello"), "secure nobody reviews.shop 5");
	plain.destroy();
	secure.destroy();
});

test("a client certificate is demanded, checked and named", async (t) => {
	const pki = createTestPki();
	const web = pki.idOf("web");
	const { port } = await startListeners(t, createConfig([createChain("secure")]), () => ({
		tls: createTls(pki.issue(pki.idOf("server")), pki.bundlePem, true),
	}));
	const knock = async (certificate?: { certificateChainPem: string; privateKeyPem: string }): Promise<string> => {
		const socket = connectTls({
			port: port(),
			host: "127.0.0.1",
			rejectUnauthorized: false,
			...(certificate === undefined ? {} : { cert: certificate.certificateChainPem, key: certificate.privateKeyPem }),
		});
		const answer = await say(socket, "x");
		socket.destroy();
		return answer;
	};
	assert.equal(await knock(pki.issue(web)), `secure ${web}  1`);
	for (const [kind, certificate] of [
		["absent", undefined],
		["expired", pki.expired(web)],
		["not yet valid", pki.notYetValid(web)],
		["foreign", pki.foreign(web)],
		["self-signed", pki.selfSigned(web)],
		["another trust domain's", pki.issue("spiffe://other.example/ns/shop/sa/web")],
		["nameless", pki.withoutName()],
	] as const) {
		assert.equal(await knock(certificate), "", `a client with a certificate that is ${kind} got an answer`);
	}
});

test("a gate turns a connection away before anything is said", async (t) => {
	const gate: NetworkGate = { judge: () => ({ terminationDetails: "no", delayMs: 0 }) };
	const { port } = await startListeners(t, createConfig([createChain("one")]), () => ({ gates: [gate] }));
	assert.equal(await say(connect(port(), "127.0.0.1"), "x"), "");
});

function createTls(
	server: { certificateChainPem: string; privateKeyPem: string },
	ca: string,
	requireClientCertificate: boolean,
) {
	const validation: ValidationSecret = {
		kind: "validation",
		name: "ROOTCA",
		version: "1",
		ca: Buffer.from(ca),
		systemRoots: false,
		crl: undefined,
		subjectAltNames: [
			{ type: "uri", matcher: { kind: "prefix", value: "spiffe://cluster.local/", ignoreCase: false } },
		],
		spkiHashes: [],
		certificateHashes: [],
		allowExpired: false,
		acceptUntrusted: false,
		trustDomains: undefined,
		chainRules: undefined,
	};
	const certificate = {
		kind: "certificate" as const,
		name: "default",
		version: "1",
		cert: Buffer.from(server.certificateChainPem),
		key: Buffer.from(server.privateKeyPem),
		pfx: undefined,
		passphrase: undefined,
	};
	const secretOf = { kind: "secret" as const, name: "default", source: undefined };
	return createDownstreamTls(
		{
			minimumVersion: undefined,
			maximumVersion: undefined,
			cipherSuites: [],
			ecdhCurves: [],
			signatureAlgorithms: [],
			ticketKeys: { kind: "none" },
			certificates: [secretOf],
			validation: requireClientCertificate
				? { kind: "secret", name: "ROOTCA", source: undefined, defaults: undefined }
				: { kind: "none" },
			alpnProtocols: [],
			requireClientCertificate,
			requireSni: false,
			disableStatelessResumption: false,
			disableStatefulResumption: false,
			sessionTimeoutMs: undefined,
			preferClientCiphers: false,
			fullScanOnSniMismatch: false,
		},
		{
			get: () => undefined,
			certificate: () => certificate,
			validation: (source) => (source.kind === "none" ? "none" : validation),
			ticketKeys: () => "none",
			onChange: () => () => undefined,
		},
		createTlsStats(createMetricsRegistry().root, "server"),
	);
}

test("a chain that did not change keeps its connections and stays open to new ones", async (t) => {
	const made: string[] = [];
	const chains = (name: string) => [
		createChain("stays", { sourceType: "same-ip-or-loopback" }),
		createChain(name, { sourceType: "external" }),
	];
	const { manager, port } = await startListeners(t, createConfig(chains("one")), (chain) => {
		made.push(chain.name);
		return {};
	});
	const open = connect(port(), "127.0.0.1");
	assert.equal(await say(open, "x"), "stays nobody  1");
	assert.deepEqual(await manager.applyListeners([createConfig(chains("two"))], []), []);
	assert.deepEqual(made, ["stays", "one", "two"], "only the chain that changed is made anew");
	assert.equal(await say(open, "xy"), "stays nobody  2");
	const changed = createConfig(chains("two"), { fingerprint: () => "other", bufferLimitBytes: 1000 });
	assert.deepEqual(await manager.applyListeners([changed], []), []);
	assert.deepEqual(made, ["stays", "one", "two", "stays", "two"], "a listener that changed makes all of them anew");
	open.destroy();
});

test("a PROXY header names the client and is taken off", async (t) => {
	const config = createConfig([createChain("plain")], {
		listenerFilters: [
			{
				kind: "proxy-protocol",
				config: {
					rules: [],
					allowAbsent: false,
					disallowedVersions: [],
					statPrefix: "",
					passThrough: [],
					keepsTlvsInFilterState: false,
				},
			},
			{ kind: "tls-inspector", maxClientHelloBytes: 16_384, closeOnParsingErrors: false, ja3: false, ja4: false },
		],
	});
	let client = "";
	const { port } = await startListeners(t, config, (chain) => {
		const terminal = new NamingFilter(chain.name);
		const accept = terminal.accept.bind(terminal);
		terminal.accept = (connection) => {
			client = `${connection.facts.remote.text} for ${connection.facts.local.text}`;
			accept(connection);
		};
		return { terminal };
	});
	const socket = connect(port(), "127.0.0.1");
	assert.equal(await say(socket, "PROXY TCP4 1.2.3.4 5.6.7.8 11 22\r\nhello"), "plain nobody  5");
	assert.equal(client, "1.2.3.4:11 for 5.6.7.8:22");
	socket.destroy();
});
