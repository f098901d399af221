import { listenOnce } from "./handle-request.ts";
import { HandleSocket } from "./handle-socket.ts";
import { createStreamError } from "./stream-error.ts";
import type { HandleRequest, SocketHandle, StreamHandles } from "./stream-handles.ts";

/** Where a connection goes, and how its socket behaves. */
export interface HandleConnectOptions {
	readonly target: { readonly path: string } | { readonly ip: string; readonly port: number };
	readonly bindIp: string | undefined;
	readonly keepAliveSeconds: number | undefined;
	readonly allowHalfOpen: boolean;
	readonly onBytes: (bytes: number) => void;
}

/** As Node has it for sockets of its own. */
const highWaterMark = 64 * 1024;

/** Opens a connection on a handle; it reads at once. "connect" follows, or "error" and "close". */
export function connectHandle(handles: StreamHandles, options: HandleConnectOptions): HandleSocket {
	const { target, allowHalfOpen, onBytes } = options;
	const isPipe = "path" in target;
	const handle = isPipe ? handles.createPipe() : handles.createTcp();
	const behaviour = { allowHalfOpen, highWaterMark, onBytes, isConnecting: true, hearsOut: true };
	const socket = new HandleSocket(handles, handle, behaviour);
	const name = isPipe ? target.path : `${target.ip}:${target.port}`;
	const request = isPipe ? handles.createPipeConnect() : handles.createTcpConnect();
	listenOnce(request, (status) => socket.onConnected(status, name));
	const status = isPipe ? handle.connect(request, target.path) : connectTcp(handle, request, target, options);
	if (status < 0) socket.destroy(createStreamError(status, "connect", name));
	else socket.resume();
	return socket;
}

function connectTcp(
	handle: SocketHandle,
	request: HandleRequest,
	{ ip, port }: { readonly ip: string; readonly port: number },
	{ bindIp, keepAliveSeconds }: HandleConnectOptions,
): number {
	if (bindIp !== undefined) {
		const status = isVersion6(bindIp) ? handle.bind6!(bindIp, 0, 0) : handle.bind!(bindIp, 0, 0);
		if (status < 0) return status;
	}
	// Kept by the library until there is a descriptor; the other option needs one.
	handle.setNoDelay!(true);
	const status = isVersion6(ip) ? handle.connect6!(request, ip, port) : handle.connect(request, ip, port);
	if (status === 0 && keepAliveSeconds !== undefined)
		handle.setKeepAlive!(true, keepAliveSeconds, undefined, undefined);
	return status;
}

/** Node's own look at an address takes an expression that costs a start six milliseconds. */
function isVersion6(ip: string): boolean {
	return ip.includes(":");
}
