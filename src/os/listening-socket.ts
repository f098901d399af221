import { isIPv6 } from "node:net";
import { encodeSocketAddress } from "./socket-address.ts";
import type { SocketOption, SystemCalls } from "./system-calls.ts";

/** What a listening socket is made with. */
export interface ListeningSocketOptions {
	readonly ip: string;
	readonly port: number;
	/** An IPv6 socket that takes IPv4 connections as well. */
	readonly ipv4Compatible: boolean;
	/** Several sockets, of several processes too, share the port and its connections. */
	readonly reusePort: boolean;
	/** Set before the address is bound. */
	readonly options: readonly SocketOption[];
}

/** How making a socket ended. */
export type ListeningSocketResult =
	| { readonly ok: true; readonly descriptor: number }
	| { readonly ok: false; readonly reason: "socket" | "option" | "bind"; readonly option?: SocketOption };

const one = Uint8Array.of(1, 0, 0, 0);
const zero = Uint8Array.of(0, 0, 0, 0);
const socketLevel = 1;
const reuseAddress: SocketOption = { level: socketLevel, name: 2, value: one };
const reusePort: SocketOption = { level: socketLevel, name: 15, value: one };
const ipv6Only = (value: Uint8Array): SocketOption => ({ level: 41, name: 26, value });

/** Makes and binds a socket with options that count before binding; whoever gets the descriptor listens on it and closes it. */
export function createListeningSocket(calls: SystemCalls, options: ListeningSocketOptions): ListeningSocketResult {
	const isVersion6 = isIPv6(options.ip);
	const descriptor = calls.createSocket(isVersion6 ? "ipv6" : "ipv4");
	if (descriptor === undefined) return { ok: false, reason: "socket" };
	const wanted = [
		reuseAddress,
		...(options.reusePort ? [reusePort] : []),
		...(isVersion6 ? [ipv6Only(options.ipv4Compatible ? zero : one)] : []),
		...options.options,
	];
	for (const option of wanted) {
		if (calls.setOption(descriptor, option)) continue;
		calls.close(descriptor);
		return { ok: false, reason: "option", option };
	}
	if (calls.bind(descriptor, encodeSocketAddress(options.ip, options.port))) return { ok: true, descriptor };
	calls.close(descriptor);
	return { ok: false, reason: "bind" };
}
