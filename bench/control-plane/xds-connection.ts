/** One client's connection on the mesh's own HTTP/2 codec: a thousand of them must cost less than what they measure. */
import { connect, type Socket } from "node:net";
import { TurnQueue } from "../../src/core/index.ts";
import { frameMessage, MessageReader } from "../../src/wire/grpc/index.ts";
import {
	createHttp2Shared,
	defaultHttp2Config,
	Http2Connection,
	type Http2Sink,
	type Http2Stream,
} from "../../src/wire/http2/index.ts";

const shared = createHttp2Shared();
/** Bounded: a buffer for each of a thousand would be collected in the middle of what is measured. */
const turns = new TurnQueue(32);
const path = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";
const readBuffer = Buffer.allocUnsafeSlow(64 * 1024);

/** What becomes of it. */
export interface XdsConnectionListener {
	/** A response; the bytes stay valid. */
	onMessage(message: Buffer): void;
	onFailure(reason: string): void;
}

/** A delta stream. */
export class XdsConnection implements Http2Sink<unknown> {
	readonly #socket: Socket;
	readonly #codec: Http2Connection<unknown>;
	readonly #stream: Http2Stream<unknown>;
	readonly #reader: MessageReader;
	readonly #listener: XdsConnectionListener;

	constructor(port: number, listener: XdsConnectionListener) {
		this.#listener = listener;
		this.#reader = new MessageReader(64 * 1024 * 1024, (message) => listener.onMessage(message));
		this.#codec = new Http2Connection("client", defaultHttp2Config, this, shared, true);
		this.#socket = connect({
			...{ port, host: "127.0.0.1", noDelay: true },
			onread: {
				buffer: readBuffer,
				callback: (bytes) => {
					this.#codec.execute(readBuffer.subarray(0, bytes));
					return true;
				},
			},
		});
		this.#socket.on("error", (error) => listener.onFailure(error.message));
		this.#socket.on("close", () => listener.onFailure("the connection was closed"));
		this.#socket.on("drain", () => this.#codec.onSocketDrain());
		const fields = ["content-type", "application/grpc", "te", "trailers"];
		this.#stream = this.#codec.openStream(this, "POST", "http", `127.0.0.1:${port}`, path, undefined, fields, false);
	}

	send(message: Uint8Array): void {
		this.#codec.sendData(this.#stream, frameMessage(message), false);
	}

	onData(stream: Http2Stream<unknown>, view: Buffer): void {
		const problem = this.#reader.read(view);
		if (problem !== undefined) this.#listener.onFailure(problem);
		this.#codec.consume(stream, view.length);
	}

	onOutput(): void {
		turns.add(this);
	}

	onTurnEnd(): void {
		this.#codec.flush();
	}

	write(bytes: Buffer): "taken" | "full" {
		return this.#socket.write(bytes, () => this.#codec.onWritten()) ? "taken" : "full";
	}

	onTrailers(): void {
		this.#listener.onFailure("the server ended the stream");
	}

	onReset(): void {
		this.#listener.onFailure("the server reset the stream");
	}

	onStreamFault(): void {
		this.#listener.onFailure("the server's stream is malformed");
	}

	onConnectionFault(): void {
		this.#listener.onFailure("the server's connection is malformed");
	}

	readonly onHead = ignore;
	readonly onInformational = ignore;
	readonly onStreamWritable = ignore;
	readonly onStreamClosed = ignore;
	readonly onGoAway = ignore;
	readonly onSettings = ignore;
	readonly onPingAnswer = ignore;
}

/** What a client of the benchmark has no use for. */
function ignore(): void {
	return;
}
