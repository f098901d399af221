import type { AddressInfo, Server as NetServer } from "node:net";
import { createServer as createTlsServer, type TLSSocket } from "node:tls";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { type Clock, describeError, type Log, MeshError } from "../core/index.ts";
import { createGrpcServer } from "../grpc/index.ts";
import { formatAddress, type ListenAddress } from "./listen-address.ts";
import type { ServerCertificate } from "./server-certificate.ts";

/** The ports where proxies fetch their configuration. */
export interface DiscoveryListener {
	/** In plain text. */
	readonly port: number | undefined;
	/** Over mutual TLS. */
	readonly tlsPort: number | undefined;
	close(): Promise<void>;
}

/** Where discovery is served; at least one. */
export interface DiscoveryAddresses {
	/** On loopback, in plain text. */
	readonly plain?: ListenAddress;
	/** Over TLS 1.2 or 1.3, to whom shows a certificate of the authority. */
	readonly tls?: { readonly address: ListenAddress; readonly certificate: ServerCertificate };
	/** Filled with the address that each peer over TLS came to, by its own as gRPC says it. */
	readonly arrivals: Map<string, ListenAddress>;
}

/** What proxies call there. */
export interface DiscoveryService {
	addTo(server: Pick<Server, "addService">): void;
}

/** Streams were ended before; a peer that does not go is left. */
const drainMs = 500;

/** Serves discovery.
 *  @throws MeshError `XDS_PORT_TAKEN`, `XDS_ADDRESS_UNUSABLE` */
export async function listenForDiscovery(
	services: readonly DiscoveryService[],
	{ plain, tls, arrivals }: DiscoveryAddresses,
	{ clock, log }: { readonly clock: Clock; readonly log: Log },
): Promise<DiscoveryListener> {
	const secure =
		tls === undefined ? undefined : await listenSecurely(services, { ...tls, arrivals }, clock, log.child("xds"));
	try {
		const open = plain === undefined ? undefined : await listenPlainly(services, plain, clock);
		return {
			port: open?.port,
			tlsPort: secure?.port,
			async close() {
				await Promise.all([secure?.close(), open?.close()]);
			},
		};
	} catch (error) {
		await secure?.close();
		throw error;
	}
}

interface Listening {
	readonly port: number;
	close(): Promise<void>;
}

async function listenPlainly(
	services: readonly DiscoveryService[],
	address: ListenAddress,
	clock: Clock,
): Promise<Listening> {
	const server = createGrpcServer({ clock });
	for (const service of services) service.addTo(server);
	try {
		const port = await server.listen(address.host, address.port);
		return { port, close: () => server.close(drainMs) };
	} catch (cause) {
		throw cannotListen(address, cause as NodeJS.ErrnoException);
	}
}

const handshakeTimeout = 10_000;
// Envoy offers TLS 1.2 to servers unless it is told otherwise.
const protocol = { minVersion: "TLSv1.2" } as const;

/** Takes connections whose handshake showed a certificate of the authority, and hands them to a gRPC server that tells whose it is. */
async function listenSecurely(
	services: readonly DiscoveryService[],
	{ address, certificate, arrivals }: NonNullable<DiscoveryAddresses["tls"]> & Pick<DiscoveryAddresses, "arrivals">,
	clock: Clock,
	log: Log,
): Promise<Listening> {
	const grpc = new Server({
		"grpc.keepalive_time_ms": 30_000,
		"grpc.keepalive_timeout_ms": 10_000,
		"grpc.max_receive_message_length": 16 * 1024 * 1024,
	});
	for (const service of services) service.addTo(grpc);
	const injector = grpc.createConnectionInjector(ServerCredentials.createInsecure());
	const open = new Set<TLSSocket>();
	const server = createTlsServer({
		...certificate.context(),
		...protocol,
		ALPNProtocols: ["h2"],
		requestCert: true,
		rejectUnauthorized: true,
		handshakeTimeout,
	});
	server.on("tlsClientError", (error, socket) => {
		log.warn("audit: refused", { what: "xds", peer: socket.remoteAddress, reason: describeError(error) });
	});
	server.on("secureConnection", (socket) => {
		socket.on("error", () => socket.destroy());
		// Whoever comes without a certificate here would count as a peer on loopback.
		if (!socket.authorized || socket.getPeerX509Certificate() === undefined) {
			socket.destroy();
			return;
		}
		open.add(socket);
		const peer = `${socket.remoteAddress}:${socket.remotePort}`;
		const { localAddress: host, localPort: arrivedAt } = socket;
		if (host !== undefined && arrivedAt !== undefined) arrivals.set(peer, { host: unmap(host), port: arrivedAt });
		socket.on("close", () => {
			open.delete(socket);
			arrivals.delete(peer);
		});
		injector.injectConnection(socket);
	});
	const port = await listen(server, address);
	const stop = certificate.onChange((context) => server.setSecureContext({ ...context, ...protocol }));
	return {
		port,
		async close() {
			stop();
			const closed = Promise.withResolvers<void>();
			server.close(() => closed.resolve());
			injector.drain(drainMs);
			const timer = clock.setTimer(drainMs, () => {
				for (const socket of open) socket.destroy();
			});
			await closed.promise;
			timer.cancel();
			grpc.forceShutdown();
		},
	};
}

/** An IPv4 address as such, which a socket for both families shows mapped into IPv6. */
function unmap(host: string): string {
	return host.startsWith("::ffff:") && host.includes(".") ? host.slice("::ffff:".length) : host;
}

function listen(server: NetServer, address: ListenAddress): Promise<number> {
	const { promise, resolve, reject } = Promise.withResolvers<number>();
	server.on("error", (cause: NodeJS.ErrnoException) => reject(cannotListen(address, cause)));
	server.listen(address.port, address.host, () => resolve((server.address() as AddressInfo).port));
	return promise;
}

function cannotListen(address: ListenAddress, cause: NodeJS.ErrnoException): MeshError {
	const text = formatAddress(address);
	if (cause.code === "EADDRINUSE")
		return new MeshError("XDS_PORT_TAKEN", `the xDS server cannot listen on ${text}: the port is taken, give another`);
	return new MeshError("XDS_ADDRESS_UNUSABLE", `the xDS server cannot listen on ${text}`, { cause });
}
