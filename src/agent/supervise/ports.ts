import { createServer, isIP } from "node:net";
import { MeshError, type Random } from "../../core/index.ts";

/** Gives out loopback ports, each to one key, for as long as the key is held. */
export interface PortAllocator {
	/** The port of `key`: the same one every time, a free one the first time. */
	take(key: string): Promise<number>;
	/** `wanted` for `key` when it is free, else another; 0 wants any. */
	takePreferred(key: string, wanted: number): Promise<number>;
	/** Gives up every port whose key starts with `prefix`. */
	release(prefix: string): void;
}

/** Below the range that Linux takes for outgoing connections (from 32768), so that none of them is in the way when a port is bound later. */
const firstPort = 20_000;
const lastPort = 32_000;

/** Creates an allocator; `isFree` is asked before a port is given out. */
export function createPortAllocator(
	random: Random,
	isFree: (port: number) => Promise<boolean> = isPortFree,
): PortAllocator {
	const held = new Map<string, number>();
	const taken = new Set<number>();
	const span = lastPort - firstPort + 1;
	let next = Math.floor(random.next() * span);

	function hold(key: string, port: number): number {
		held.set(key, port);
		taken.add(port);
		return port;
	}

	async function find(key: string): Promise<number> {
		for (let tried = 0; tried < span; tried++) {
			const port = firstPort + (next++ % span);
			if (taken.has(port)) continue;
			// Held while it is asked for: two callers must not find the same one.
			taken.add(port);
			if (await isFree(port)) return hold(key, port);
			taken.delete(port);
		}
		throw new MeshError("PORTS_EXHAUSTED", `no free port between ${firstPort} and ${lastPort}`);
	}

	return {
		take: async (key) => held.get(key) ?? find(key),
		async takePreferred(key, wanted) {
			const port = held.get(key);
			if (port !== undefined) return port;
			if (wanted !== 0 && !taken.has(wanted) && (await isFree(wanted))) return hold(key, wanted);
			return find(key);
		},
		release(prefix) {
			for (const [key, port] of held) {
				if (!key.startsWith(prefix)) continue;
				held.delete(key);
				taken.delete(port);
			}
		},
	};
}

/** Whether a port can be bound on loopback. */
export function isPortFree(port: number): Promise<boolean> {
	return canBind("127.0.0.1", port);
}

/** The first of some addresses that this machine has. Those that stand for all of its addresses do not count. */
export async function findOwnAddress(addresses: readonly string[]): Promise<string | undefined> {
	for (const address of addresses)
		if (isIP(address) !== 0 && !/^[0:.]+$/.test(address) && (await canBind(address, 0))) return address;
	return undefined;
}

function canBind(host: string, port: number): Promise<boolean> {
	const { promise, resolve } = Promise.withResolvers<boolean>();
	const server = createServer();
	server.once("error", () => resolve(false));
	server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
	return promise;
}
