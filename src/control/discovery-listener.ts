import { createServer } from "node:net";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { MeshError } from "../core/index.ts";
import { formatAddress, type ListenAddress } from "./listen-address.ts";

/** The port where proxies fetch their configuration. */
export interface DiscoveryListener {
	readonly port: number;
	close(): Promise<void>;
}

/** What proxies call there. */
export interface DiscoveryService {
	addTo(server: Server): void;
}

const drainMs = 500;

/** Serves discovery in plain text on loopback.
 *  @throws MeshError `XDS_PORT_TAKEN`, `XDS_ADDRESS_UNUSABLE` */
export async function listenForDiscovery(
	services: readonly DiscoveryService[],
	address: ListenAddress,
): Promise<DiscoveryListener> {
	const server = new Server({
		"grpc.so_reuseport": 0,
		"grpc.keepalive_time_ms": 30_000,
		"grpc.keepalive_timeout_ms": 10_000,
		"grpc.max_receive_message_length": 16 * 1024 * 1024,
	});
	for (const service of services) service.addTo(server);
	await probe(address);
	const port = await bind(server, address);
	return { port, close: () => shutDown(server) };
}

/** Finds out in one error what the gRPC library would also write to the terminal in words of its own. */
function probe({ host, port }: ListenAddress): Promise<void> {
	const { promise, resolve, reject } = Promise.withResolvers<void>();
	const server = createServer();
	server.on("error", (cause: NodeJS.ErrnoException) => reject(cannotListen({ host, port }, cause)));
	server.listen(port, host, () => server.close(() => resolve()));
	return promise;
}

function bind(server: Server, address: ListenAddress): Promise<number> {
	const { promise, resolve, reject } = Promise.withResolvers<number>();
	server.bindAsync(formatAddress(address), ServerCredentials.createInsecure(), (cause, port) => {
		if (cause === null) return resolve(port);
		server.forceShutdown();
		reject(cannotListen(address, cause));
	});
	return promise;
}

function cannotListen(address: ListenAddress, cause: Error & { readonly code?: string }): MeshError {
	const text = formatAddress(address);
	if (cause.code === "EADDRINUSE" || cause.message.includes("EADDRINUSE"))
		return new MeshError("XDS_PORT_TAKEN", `the xDS server cannot listen on ${text}: the port is taken, give another`);
	return new MeshError("XDS_ADDRESS_UNUSABLE", `the xDS server cannot listen on ${text}`, { cause });
}

/** Streams were ended before; a peer that does not go is left. */
async function shutDown(server: Server): Promise<void> {
	const { promise, resolve } = Promise.withResolvers<void>();
	const timer = setTimeout(() => {
		server.forceShutdown();
		resolve();
	}, drainMs);
	server.tryShutdown(() => {
		clearTimeout(timer);
		resolve();
	});
	await promise;
}
