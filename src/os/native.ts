/** The C library's functions as this room calls them, by number and buffer only: what runs in a thread of its own needs no objects. */
export interface NativeCalls {
	getsockopt(descriptor: number, level: number, name: number, value: Uint8Array): number;
	setsockopt(descriptor: number, level: number, name: number, value: Uint8Array): number;
	socket(domain: number, type: number, protocol: number): number;
	bind(descriptor: number, address: Uint8Array): number;
	listen(descriptor: number, backlog: number): number;
	close(descriptor: number): number;
	dup(descriptor: number): number;
	/** Three arguments are enough for pidfd_open and pidfd_getfd. */
	syscall(number: number, first: number, second: number, third: number): number;
}

/** What `node:ffi` exports. */
export type Ffi = typeof import("node:ffi");

/** Node's foreign function interface; undefined where this Node lacks it or wants `--experimental-ffi` for it. */
export function findFfi(): Ffi | undefined {
	const { emitWarning } = process;
	// That it is experimental is told with its first load, in the log of a proxy and beside the answer of a command: nobody there can use it.
	process.emitWarning = () => undefined;
	try {
		return process.getBuiltinModule("node:ffi");
	} finally {
		process.emitWarning = emitWarning;
	}
}

/** Opens the C library. @throws Error when there is none of that name */
export function openNativeCalls(ffi: Ffi): NativeCalls {
	const int = "int32";
	const long = "int64";
	const { functions } = ffi.dlopen("libc.so.6", {
		getsockopt: { return: int, arguments: [int, int, int, "buffer", "buffer"] },
		setsockopt: { return: int, arguments: [int, int, int, "buffer", "uint32"] },
		socket: { return: int, arguments: [int, int, int] },
		bind: { return: int, arguments: [int, "buffer", "uint32"] },
		listen: { return: int, arguments: [int, int] },
		close: { return: int, arguments: [int] },
		dup: { return: int, arguments: [int] },
		syscall: { return: long, arguments: [long, long, long, long] },
	});
	const length = Buffer.alloc(4);
	return {
		getsockopt(descriptor, level, name, value) {
			length.writeInt32LE(value.length);
			const result = functions.getsockopt(descriptor, level, name, value, length);
			return result < 0 ? result : length.readInt32LE();
		},
		setsockopt: (descriptor, level, name, value) => functions.setsockopt(descriptor, level, name, value, value.length),
		socket: (domain, type, protocol) => functions.socket(domain, type, protocol),
		bind: (descriptor, address) => functions.bind(descriptor, address, address.length),
		listen: (descriptor, backlog) => functions.listen(descriptor, backlog),
		close: (descriptor) => functions.close(descriptor),
		dup: (descriptor) => functions.dup(descriptor),
		syscall: (number, first, second, third) =>
			Number(functions.syscall(BigInt(number), BigInt(first), BigInt(second), BigInt(third))),
	};
}
