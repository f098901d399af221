import { Server, ServerCredentials } from "@grpc/grpc-js";
import { MeshError } from "../core/index.ts";
import type { XdsServer } from "../xds/server/index.ts";
import { formatAddress, type ListenAddress } from "./listen-address.ts";

/** The port where proxies fetch their configuration. */
export interface DiscoveryListener {
	readonly port: number;
	close(): Promise<void>;
}

const drainMs = 500;

/** Serves discovery in plain text on loopback.
 *  @throws MeshError `XDS_PORT_TAKEN`, `XDS_ADDRESS_UNUSABLE` */
export async function listenForDiscovery(xds: XdsServer, address: ListenAddress): Promise<DiscoveryListener> {
	const server = new Server({
		"grpc.so_reuseport": 0,
		"grpc.keepalive_time_ms": 30_000,
		"grpc.keepalive_timeout_ms": 10_000,
		"grpc.max_receive_message_length": 16 * 1024 * 1024,
	});
	xds.addTo(server, { ads: true });
	const port = await bind(server, address);
	return { port, close: () => shutDown(server) };
}

function bind(server: Server, address: ListenAddress): Promise<number> {
	const { promise, resolve, reject } = Promise.withResolvers<number>();
	const text = formatAddress(address);
	server.bindAsync(text, ServerCredentials.createInsecure(), (cause, port) => {
		if (cause === null) return resolve(port);
		server.forceShutdown();
		const isTaken = cause.message.includes("EADDRINUSE");
		reject(
			isTaken
				? new MeshError("XDS_PORT_TAKEN", `the xDS server cannot listen on ${text}: the port is taken, give another`)
				: new MeshError("XDS_ADDRESS_UNUSABLE", `the xDS server cannot listen on ${text}`, { cause }),
		);
	});
	return promise;
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
