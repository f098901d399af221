import { isIPv4, type Server } from "node:net";
import { createStreamError } from "./stream-error.ts";
import { findStreamHandles, type SocketHandle } from "./stream-handles.ts";

/** Where a server listens. */
export interface ListenOptions {
	readonly ip: string;
	/** 0 lets the system choose. */
	readonly port: number;
	/** Of an IPv6 address: IPv4 connections are not taken. */
	readonly ipv6Only?: boolean;
	/** Several sockets, of several processes too, share the port and its connections. */
	readonly reusePort?: boolean;
	/** Connections that wait to be accepted; Node's own number by default. */
	readonly backlog?: number;
}

/** `UV_TCP_IPV6ONLY` and `UV_TCP_REUSEPORT` of libuv. */
const ipv6OnlyFlag = 1;
const reusePortFlag = 2;

/** Has a server listen at an address; "listening" or "error" follows. Node by itself looks every address up as if it were a name, which takes
 *  a millisecond, and six more for an expression that tells IPv6 addresses: much of a start. */
export function listenAtAddress(server: Server, options: ListenOptions): void {
	const { ip, port, ipv6Only = false, reusePort = false, backlog } = options;
	const handles = findStreamHandles();
	const isVersion4 = isIPv4(ip);
	if (handles === undefined || !(isVersion4 || ip.includes(":"))) {
		server.listen({ host: ip, port, ipv6Only, reusePort, ...(backlog === undefined ? {} : { backlog }) });
		return;
	}
	const handle = handles.createTcpServer();
	const flags = (reusePort ? reusePortFlag : 0) | (ipv6Only && !isVersion4 ? ipv6OnlyFlag : 0);
	const status = isVersion4 ? handle.bind!(ip, port, flags) : handle.bind6!(ip, port, flags);
	if (status === 0) {
		listenOnHandle(server, handle, backlog);
		return;
	}
	handle.close(() => undefined);
	process.nextTick(() => server.emit("error", createStreamError(status, "listen", `${ip}:${port}`)));
}

/** What `server.listen` does below, without its question whether this process is one of a cluster: for that Node would load the modules of
 *  clusters, child processes and datagrams, six of a hundred parts of a start. */
function listenOnHandle(server: Server, handle: SocketHandle, backlog: number | undefined): void {
	const inner = server as unknown as InnerServer;
	if (typeof inner._listen2 !== "function") {
		server.listen(handle, backlog);
		return;
	}
	inner._handle = handle;
	inner._listen2(null, -1, -1, backlog, undefined);
}

interface InnerServer {
	_handle: SocketHandle;
	_listen2?(address: null, port: -1, addressType: -1, backlog: number | undefined, descriptor: undefined): void;
}
