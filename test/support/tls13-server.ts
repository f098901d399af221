import { once } from "node:events";
import { createServer } from "node:net";
import type { TestContext } from "node:test";
import { createSecureContext, type SecureContextOptions } from "node:tls";
import { systemClock } from "../../src/core/index.ts";
import { acceptHandles, findStreamHandles, HandleSocket } from "../../src/os/index.ts";
import { acceptTls, createServerMaterial, type ServerFacts } from "../../src/tls/index.ts";

/** A server of our own TLS on the loopback, and what it saw. */
export interface Tls13Server {
	readonly port: number;
	/** Of each finished handshake, in their order. */
	readonly facts: SeenFacts[];
	/** Codes of handshakes and connections that broke; "gone" for those that ended early. */
	readonly faults: string[];
}

/** What a handshake told. */
export type SeenFacts = ReturnType<typeof readFacts>;

/** Read at once: of the library's handshakes nothing may be asked later. */
function readFacts(facts: ServerFacts) {
	return {
		version: facts.getProtocol(),
		suite: facts.getCipher()?.name,
		serverName: facts.servername,
		protocol: facts.alpnProtocol,
		isResumed: facts.isSessionReused(),
		fault: facts.ssl.verifyError()?.code,
		peer: facts.getPeerX509Certificate(),
		own: facts.getX509Certificate()?.toString(),
	};
}

/** How it behaves: by default it sends back what it reads and ends with its client. */
export interface Tls13ServerOptions {
	readonly cert: string;
	readonly key: string;
	readonly ca?: string;
	readonly crl?: string;
	readonly requestsCertificate?: boolean;
	readonly refusesUnauthorized?: boolean;
	readonly protocols?: readonly string[];
	readonly suites?: readonly string[];
	readonly usesTickets?: boolean;
	readonly onSocket?: (socket: HandleSocket) => void;
}

/** Suites in the order of the proxy's servers. */
const allSuites = ["TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"];

/** Starts one; it ends with the test. */
export async function startTls13Server(t: TestContext, options: Tls13ServerOptions): Promise<Tls13Server> {
	const library: SecureContextOptions = {
		cert: options.cert,
		key: options.key,
		...(options.ca === undefined ? {} : { ca: options.ca }),
		...(options.crl === undefined ? {} : { crl: options.crl }),
		allowPartialTrustChain: true,
	};
	const context = createSecureContext(library);
	const material = createServerMaterial({
		cert: Buffer.from(options.cert),
		key: Buffer.from(options.key),
		passphrase: undefined,
		library,
		authorities: options.ca === undefined ? undefined : Buffer.from(options.ca),
		suites: options.suites ?? allSuites,
		prefersServer: true,
		sessionSeconds: 300,
		clock: systemClock,
	})!;
	const { protocols } = options;
	const facts: SeenFacts[] = [];
	const faults: string[] = [];
	const handles = findStreamHandles()!;
	const server = createServer();
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	const below = new Set<HandleSocket>();
	acceptHandles(
		server,
		true,
		(handle) => {
			const socket = new HandleSocket(handles, handle, { allowHalfOpen: true, highWaterMark: 64 * 1024 });
			below.add(socket);
			socket.on("error", () => undefined);
			socket.once("close", () => below.delete(socket));
			const serverOptions = {
				context,
				requestsCertificate: options.requestsCertificate ?? false,
				refusesUnauthorized: options.refusesUnauthorized ?? false,
				chooseProtocol:
					protocols === undefined
						? undefined
						: (offered: readonly string[]) => protocols.find((protocol) => offered.includes(protocol)),
				chooseContext: undefined,
			};
			acceptTls(handles, socket, serverOptions, material, options.usesTickets ?? true, {
				onSecure(secured, found) {
					facts.push(readFacts(found));
					secured.on("error", (error) => faults.push((error as NodeJS.ErrnoException).code ?? error.message));
					(options.onSocket ?? echo)(secured);
				},
				onFault: (error) => faults.push(error.code ?? error.message),
				onGone: () => faults.push("gone"),
			});
		},
		(error) => {
			throw error;
		},
	);
	t.after(() => {
		for (const socket of below) socket.destroy();
		server.close();
	});
	return { port: (server.address() as { readonly port: number }).port, facts, faults };
}

function echo(socket: HandleSocket): void {
	socket.on("data", (bytes) => {
		if (!socket.write(Buffer.from(bytes))) socket.pause();
	});
	socket.on("drain", () => socket.resume());
	socket.on("end", () => socket.end());
	socket.resume();
}
