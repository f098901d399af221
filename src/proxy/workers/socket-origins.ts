import { openSystemCalls } from "../../os/index.ts";
import type { SocketOrigin, SocketSupply } from "../listener/index.ts";
import type { TravellingSockets } from "./messages.ts";

/** The supply of a worker: main has said how each address gets its socket. */
export interface SocketOrigins extends SocketSupply {
	/** For the listeners that are applied next. */
	expect(sockets: readonly TravellingSockets[]): void;
}

export function createSocketOrigins(): SocketOrigins {
	const known = new Map<string, TravellingSockets>();
	return {
		expect(sockets) {
			for (const entry of sockets) known.set(entry.listener, entry);
		},
		originOf(listener, index, address): SocketOrigin {
			const origin = known.get(listener)?.origins[index];
			if (origin === undefined) return { kind: "bind", address, reusePort: address.kind === "socket" };
			if (origin.kind === "bind") return origin;
			return { kind: "adopt", descriptors: origin.descriptors.map(duplicate) };
		},
	};
}

function duplicate(descriptor: number): number {
	const opened = openSystemCalls();
	if (!opened.ok) throw new Error(`sockets cannot be shared between threads: ${opened.reason}`);
	const copy = opened.calls.duplicate(descriptor);
	if (copy === undefined) throw new Error(`socket ${descriptor} cannot be shared between threads`);
	return copy;
}
