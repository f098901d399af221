import {
	createPublicKey,
	diffieHellman,
	generateKeyPairSync,
	hash,
	type KeyObject,
	randomBytes,
	sign,
} from "node:crypto";
import { connect, type Socket } from "node:net";
import { finishedOf, KeySchedule } from "../../src/tls/key-schedule.ts";
import { encodeCertificate, encodeMessage, messageType } from "../../src/tls/messages.ts";
import { contentType, headerBytes, RecordProtection } from "../../src/tls/record.ts";
import { type Suite, suites } from "../../src/tls/suite.ts";

/** What the server said, in its order. */
export type ServerEvent =
	| { readonly kind: "alert"; readonly description: number }
	| { readonly kind: "data"; readonly text: string }
	| { readonly kind: "message"; readonly type: number }
	| { readonly kind: "closed" };

/** How a client behaves; by default well, without a certificate. */
export interface Tls13ClientOptions {
	readonly suite?: number;
	/** DER, leaf first; an empty list sends an empty Certificate. */
	readonly chain?: readonly Buffer[];
	readonly key?: KeyObject;
	/** What is signed in place of the transcript. */
	readonly signedInstead?: Buffer;
	/** Its Certificate, CertificateVerify and Finished, as they are to be sent. */
	readonly bend?: (messages: Buffer[]) => Buffer[];
	/** Changes the hello before it is sent. */
	readonly bendHello?: (hello: Buffer) => Buffer;
}

/** A client of TLS 1.3 that can misbehave: every record and message is the test's to send. */
export class Tls13Client {
	readonly events: ServerEvent[] = [];
	readonly #socket: Socket;
	readonly #suite: Suite;
	readonly #waiting: (() => void)[] = [];
	#received: Buffer = Buffer.alloc(0);
	#transcript: Buffer = Buffer.alloc(0);
	#messages: Buffer = Buffer.alloc(0);
	#reader: RecordProtection | undefined;
	#writer: RecordProtection | undefined;
	readonly #schedule: KeySchedule;
	readonly #own = generateKeyPairSync("x25519");
	#secrets: ReturnType<KeySchedule["onSharedSecret"]> | undefined;
	#asksForCertificate = false;
	readonly #options: Tls13ClientOptions;

	private constructor(socket: Socket, options: Tls13ClientOptions) {
		this.#socket = socket;
		this.#options = options;
		this.#suite = suites.get(options.suite ?? 0x1301)!;
		this.#schedule = new KeySchedule(this.#suite);
		socket.on("data", (bytes: Buffer) => this.#onBytes(bytes));
		socket.on("error", () => undefined);
		socket.on("close", () => this.#tell({ kind: "closed" }));
	}

	/** Connects to a port of the loopback and sends its hello. */
	static open(port: number, options: Tls13ClientOptions = {}): Tls13Client {
		const client = new Tls13Client(connect(port, "127.0.0.1"), options);
		const hello = client.#createHello();
		client.#transcript = hello;
		client.sendRaw(frame(contentType.handshake, hello));
		return client;
	}

	/** The next event that `wanted` takes, now or later. */
	async until(wanted: (event: ServerEvent) => boolean): Promise<ServerEvent> {
		for (;;) {
			const found = this.events.find(wanted);
			if (found !== undefined) return found;
			if (this.events.at(-1)?.kind === "closed") return this.events.at(-1)!;
			await new Promise<void>((resolve) => this.#waiting.push(resolve));
		}
	}

	/** The alert that ends the connection; undefined when it ends without. */
	async alert(): Promise<number | undefined> {
		const event = await this.until(({ kind }) => kind === "alert" || kind === "closed");
		return event.kind === "alert" ? event.description : undefined;
	}

	sendRaw(bytes: Buffer): void {
		this.#socket.write(bytes);
	}

	/** A record under the keys of the moment. */
	send(type: number, content: Buffer, padding = 0): void {
		this.sendRaw(this.seal(type, content, padding));
	}

	seal(type: number, content: Buffer, padding = 0): Buffer {
		const inner = Buffer.concat([content, Buffer.of(type), Buffer.alloc(padding)]);
		const out = Buffer.alloc(headerBytes + inner.length + 16);
		this.#writer!.seal(inner, out, 0);
		return out;
	}

	/** The client's keys are the next ones. */
	renew(): void {
		this.#writer!.renew();
	}

	/** The server's keys are the next ones. */
	renewReader(): void {
		this.#reader!.renew();
	}

	end(): void {
		this.#socket.destroy();
	}

	#createHello(): Buffer {
		const share = this.#own.publicKey.export({ format: "raw-public" } as never) as unknown as Buffer;
		const extensions = Buffer.concat([
			Buffer.from("002b0003020304", "hex"),
			Buffer.from("000a00040002001d", "hex"),
			Buffer.from("000d00080006040308040807", "hex"),
			Buffer.from("003300260024001d0020", "hex"),
			share,
		]);
		const body = Buffer.concat([
			Buffer.of(3, 3),
			randomBytes(32),
			Buffer.of(0, 0, 2, this.#suite.id >> 8, this.#suite.id & 0xff, 1, 0),
			Buffer.of(extensions.length >> 8, extensions.length & 0xff),
			extensions,
		]);
		const hello = encodeMessage(1, body);
		return this.#options.bendHello?.(hello) ?? hello;
	}

	#tell(event: ServerEvent): void {
		this.events.push(event);
		for (const resolve of this.#waiting.splice(0)) resolve();
	}

	#onBytes(bytes: Buffer): void {
		this.#received = Buffer.concat([this.#received, bytes]);
		for (;;) {
			const length = this.#received.length < headerBytes ? Number.POSITIVE_INFINITY : this.#received.readUInt16BE(3);
			if (this.#received.length < headerBytes + length) return;
			const record = this.#received.subarray(0, headerBytes + length);
			this.#received = this.#received.subarray(headerBytes + length);
			this.#onRecord(record);
		}
	}

	#onRecord(record: Buffer): void {
		if (record[0] === contentType.changeCipherSpec) return;
		if (record[0] !== contentType.data) {
			this.#onContent(record[0]!, record.subarray(headerBytes));
			return;
		}
		const inner = this.#reader!.open(record);
		if (inner === undefined) throw new Error("the server's record cannot be read");
		this.#onContent(inner.at(-1)!, inner.subarray(0, -1));
	}

	#onContent(type: number, content: Buffer): void {
		if (type === contentType.alert) this.#tell({ kind: "alert", description: content[1]! });
		else if (type === contentType.data) this.#tell({ kind: "data", text: content.toString("latin1") });
		else {
			this.#messages = Buffer.concat([this.#messages, content]);
			while (this.#messages.length >= 4) {
				const end = 4 + this.#messages.readUIntBE(1, 3);
				if (this.#messages.length < end) return;
				const message = this.#messages.subarray(0, end);
				this.#messages = this.#messages.subarray(end);
				this.#onMessage(message);
			}
		}
	}

	#onMessage(message: Buffer): void {
		const type = message[0]!;
		this.#tell({ kind: "message", type });
		if (type === messageType.newSessionTicket || type === messageType.keyUpdate) return;
		this.#transcript = Buffer.concat([this.#transcript, message]);
		if (type === messageType.serverHello) this.#onServerHello(message);
		else if (type === messageType.certificateRequest) this.#asksForCertificate = true;
		else if (type === messageType.finished) this.#finish();
	}

	#onServerHello(message: Buffer): void {
		const at = message.indexOf(Buffer.from("00330024001d0020", "hex"));
		const key = message.subarray(at + 8, at + 40);
		const publicKey = createPublicKey({ key, format: "raw-public", asymmetricKeyType: "x25519" } as never);
		const shared = diffieHellman({ privateKey: this.#own.privateKey, publicKey });
		this.#secrets = this.#schedule.onSharedSecret(shared, undefined, this.#digest());
		this.#reader = new RecordProtection(this.#suite, this.#secrets.server);
		this.#writer = new RecordProtection(this.#suite, this.#secrets.client);
	}

	#finish(): void {
		const data = this.#schedule.onServerFinished(this.#digest());
		const { chain, key, bend } = this.#options;
		const messages: Buffer[] = [];
		const add = (message: Buffer): void => {
			messages.push(message);
			this.#transcript = Buffer.concat([this.#transcript, message]);
		};
		if (this.#asksForCertificate) add(encodeCertificate(chain ?? []));
		if (chain !== undefined && chain.length > 0) add(this.#createVerify(key!));
		add(encodeMessage(messageType.finished, finishedOf(this.#suite, this.#secrets!.client, this.#digest())));
		for (const message of bend?.(messages) ?? messages) this.send(contentType.handshake, message);
		this.#reader = new RecordProtection(this.#suite, data.server);
		this.#writer = new RecordProtection(this.#suite, data.client);
	}

	#createVerify(key: KeyObject): Buffer {
		const content = Buffer.concat([
			Buffer.from(`${" ".repeat(64)}TLS 1.3, client CertificateVerify\0`, "latin1"),
			this.#options.signedInstead ?? this.#digest(),
		]);
		const signature = sign("sha256", content, key);
		const head = Buffer.of(4, 3, signature.length >> 8, signature.length & 0xff);
		return encodeMessage(messageType.certificateVerify, head, signature);
	}

	#digest(): Buffer {
		return hash(this.#suite.hash, this.#transcript, "buffer");
	}
}

/** A record in the clear. */
export function frame(type: number, content: Buffer): Buffer {
	return Buffer.concat([Buffer.of(type, 3, 3, content.length >> 8, content.length & 0xff), content]);
}
