import type { SecureContext } from "node:tls";

/** A system error by Node's internal streams: the negative number of libuv. */
type Status = number;

/** A request that is under way in the library; `writeStatus` is set where it was over before anybody could listen. */
export interface HandleRequest {
	oncomplete: ((this: HandleRequest, status: Status) => void) | undefined;
	/** Ours: who is told. */
	onComplete?: ((status: Status) => void) | undefined;
	writeStatus?: Status | null;
	/** Keeps what is being written alive. */
	data?: unknown;
}

/** What every stream of Node's library can do: TCP, pipes, and TLS above one of them. */
export interface StreamHandle {
	/** Called with {@link StreamHandles.state}`[readCount]` set: bytes in the user's buffer, or the error that ended reading. */
	onread: (() => void) | undefined;
	readonly fd: number;
	readonly bytesRead: number;
	readonly bytesWritten: number;
	/** Bytes that wait in the library for the system to take them; TLS handles lack it. */
	readonly writeQueueSize?: number;
	readStart(): Status;
	readStop(): Status;
	/** Every read goes into this buffer. */
	useUserBuffer(buffer: Uint8Array): void;
	/** 0 when all was written, an error below 0, or the request of what is left; one at a time. */
	writeLatin1String(request: null, text: string): Status | HandleRequest;
	writeBuffer(request: null, bytes: Uint8Array): Status | HandleRequest;
	/** `isBytesOnly`: bytes; else each chunk is followed by its encoding. */
	writev(request: null, chunks: readonly (Uint8Array | string)[], isBytesOnly: boolean): Status | HandleRequest;
	/** 1 when it is done already. */
	shutdown(request: HandleRequest): Status;
	close(onClosed: () => void): void;
}

/** An address as the library fills it in. */
export interface HandleAddress {
	address?: string;
	port?: number;
}

/** A TCP stream; pipes lack the optional ones. */
export interface SocketHandle extends StreamHandle {
	getpeername?(into: HandleAddress): Status;
	getsockname?(into: HandleAddress): Status;
	setNoDelay?(on: boolean): Status;
	setKeepAlive?(on: boolean, idleSeconds: number, intervalSeconds: undefined, probes: undefined): Status;
	/** Closes with a reset. */
	reset?(onClosed: () => void): Status;
	bind?(address: string, port: number, flags: number): Status;
	bind6?(address: string, port: number, flags: number): Status;
	connect(request: HandleRequest, address: string, port?: number): Status;
	connect6?(request: HandleRequest, address: string, port: number): Status;
}

/** TLS above another stream; what it reads and writes itself goes through that one. */
export interface TlsHandle extends StreamHandle {
	/** The stream below, which closing closes. */
	_parent: StreamHandle;
	onhandshakedone: (() => void) | undefined;
	onerror: ((error: NodeJS.ErrnoException) => void) | undefined;
	/** Asked for a certificate by the client's server name; {@link certCbDone} goes on. */
	oncertcb: ((info: { readonly servername?: string | false }) => void) | undefined;
	/** Asked for one of the client's protocols, each behind its length: answers with the position of the chosen one. */
	ALPNCallback: ((protocols: Buffer) => number | undefined) | undefined;
	/** The context that {@link oncertcb} chose. */
	sni_context: unknown;
	enableCertCb(): void;
	enableALPNCb(): void;
	certCbDone(): void;
	setVerifyMode(requestsCertificate: boolean, refusesUnauthorized: boolean): void;
	/** Bytes that were read from the stream below already. */
	receive(bytes: Uint8Array): void;
	/** Client: begins the handshake. */
	start(): void;
	setSession(session: Buffer): void;
	setServername(name: string): void;
	/** Each behind its length. */
	setALPNProtocols(protocols: Buffer): void;
	/** Sessions are told by {@link onnewsession}. */
	enableSessionCallbacks(): void;
	onnewsession: ((id: Buffer, session: Buffer) => void) | undefined;
	verifyError(): (Error & { readonly code?: string }) | null;
	getProtocol(): string | null;
	getCipher(): { readonly name: string } | undefined;
	/** Of a client's handshake alone; null of a server's. */
	getEphemeralKeyInfo(): { readonly name?: string } | null;
	getServername(): string | false;
	getALPNNegotiatedProtocol(): string | false;
	isSessionReused(): boolean;
	/** Frees the library's session; nothing else may be called afterwards. */
	destroySSL(): void;
}

/** Node's stream library below `net.Socket`. */
export interface StreamHandles {
	/** Shared words of the library; see the two indexes. */
	readonly state: Int32Array;
	/** Where `state` has the result of a read. */
	readonly readCount: number;
	/** Where `state` has the error of a write that made a request. */
	readonly writeError: number;
	createTcp(): SocketHandle;
	/** To bind and give to a server. */
	createTcpServer(): SocketHandle;
	createPipe(): SocketHandle;
	createTcpConnect(): HandleRequest;
	createPipeConnect(): HandleRequest;
	createShutdown(): HandleRequest;
	/** One side of TLS on a stream. */
	wrapTls(below: StreamHandle, context: SecureContext, isServer: boolean): TlsHandle;
}

interface StreamBinding {
	readonly ShutdownWrap: new () => HandleRequest;
	readonly streamBaseState: Int32Array;
	readonly kReadBytesOrError: number;
	readonly kLastWriteErr?: number;
}

interface TlsBinding {
	readonly wrap: (below: StreamHandle, context: unknown, isServer: boolean, hasWrites: boolean) => TlsHandle;
}

interface SocketBinding<Name extends "TCP" | "Pipe"> {
	readonly constants: { readonly SOCKET: number; readonly SERVER: number };
	readonly handle: new (type: number) => SocketHandle;
	readonly connect: new () => HandleRequest;
	readonly name: Name;
}

let found: StreamHandles | undefined | "not looked for" = "not looked for";

/** Node's stream library; undefined where this Node has another one than the one that this was written for, or keeps it to itself. */
export function findStreamHandles(): StreamHandles | undefined {
	if (found === "not looked for") found = open();
	return found;
}

/** The library has no promise of stability: it is used on the major version that it was tested with only, and with the write calls that
 *  answer with a number or a request. */
const testedMajor = "26";

function open(): StreamHandles | undefined {
	if (process.versions.node.split(".")[0] !== testedMajor) return undefined;
	const { binding } = process as unknown as { binding?(name: string): Record<string, unknown> };
	if (binding === undefined) return undefined;
	try {
		const stream = binding("stream_wrap") as unknown as StreamBinding;
		const tcp = readSocketBinding(binding("tcp_wrap"), "TCP");
		const pipe = readSocketBinding(binding("pipe_wrap"), "Pipe");
		// Looked up by those that encrypt only: it cannot be in a snapshot of V8.
		let tls: TlsBinding | undefined;
		if (stream.kLastWriteErr === undefined || !(stream.streamBaseState instanceof Int32Array)) return undefined;
		return {
			state: stream.streamBaseState,
			readCount: stream.kReadBytesOrError,
			writeError: stream.kLastWriteErr,
			createTcp: () => new tcp.handle(tcp.constants.SOCKET),
			createTcpServer: () => new tcp.handle(tcp.constants.SERVER),
			createPipe: () => new pipe.handle(pipe.constants.SOCKET),
			createTcpConnect: () => new tcp.connect(),
			createPipeConnect: () => new pipe.connect(),
			createShutdown: () => new stream.ShutdownWrap(),
			wrapTls(below, { context }, isServer) {
				tls ??= binding("tls_wrap") as unknown as TlsBinding;
				const handle = tls.wrap(below, context, isServer, false);
				handle._parent = below;
				return handle;
			},
		};
	} catch {
		// The permission model, or a Node without it.
		return undefined;
	}
}

function readSocketBinding<Name extends "TCP" | "Pipe">(
	binding: Record<string, unknown>,
	name: Name,
): SocketBinding<Name> {
	const { constants, [name]: handle, [`${name}ConnectWrap`]: connect } = binding;
	if (typeof handle !== "function" || typeof connect !== "function") throw new Error(`no ${name}`);
	return { constants, handle, connect, name } as SocketBinding<Name>;
}
