import type { Server } from "@grpc/grpc-js";
import { type Clock, MeshError } from "../core/index.ts";
import { createGrpcServer } from "../grpc/index.ts";
import { formatAddress, type ListenAddress } from "./listen-address.ts";

/** The port where proxies fetch their configuration. */
export interface DiscoveryListener {
	readonly port: number;
	close(): Promise<void>;
}

/** What proxies call there. */
export interface DiscoveryService {
	addTo(server: Pick<Server, "addService">): void;
}

/** Streams were ended before; a peer that does not go is left. */
const drainMs = 500;

/** Serves discovery in plain text on loopback.
 *  @throws MeshError `XDS_PORT_TAKEN`, `XDS_ADDRESS_UNUSABLE` */
export async function listenForDiscovery(
	services: readonly DiscoveryService[],
	address: ListenAddress,
	clock: Clock,
): Promise<DiscoveryListener> {
	const server = createGrpcServer({ clock });
	for (const service of services) service.addTo(server);
	try {
		const port = await server.listen(address.host, address.port);
		return { port, close: () => server.close(drainMs) };
	} catch (cause) {
		throw cannotListen(address, cause as NodeJS.ErrnoException);
	}
}

function cannotListen(address: ListenAddress, cause: NodeJS.ErrnoException): MeshError {
	const text = formatAddress(address);
	if (cause.code === "EADDRINUSE")
		return new MeshError("XDS_PORT_TAKEN", `the xDS server cannot listen on ${text}: the port is taken, give another`);
	return new MeshError("XDS_ADDRESS_UNUSABLE", `the xDS server cannot listen on ${text}`, { cause });
}
