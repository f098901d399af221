import type { HandleRequest, StreamHandle, StreamHandles } from "../os/index.ts";
import { alerts, faultOfAlert, TlsFault } from "./alert.ts";
import { encodeMessage, messageHeaderBytes, messageType } from "./messages.ts";
import { contentType, headerBytes, maxPlainBytes, maxSealedBytes, RecordProtection, sealedLength } from "./record.ts";
import type { ServerHandshake } from "./server-handshake.ts";

/** Who is told how the stream goes on. */
export interface StreamOwner {
	/** The handshake is done; nothing is read until {@link ServerStream.readStart}. */
	onDone(): void;
	/** The peer did what it must not, or said that we did; nothing follows. An alert is on its way where one is due. */
	onFault(fault: TlsFault): void;
	/** The connection ended before the handshake was done. */
	onGone(): void;
}

/** Node's number for the end of a stream. */
const endOfStream = -4095;
/** A client's whole flight: with a chain as long as the library takes. */
const maxHandshakeBytes = 110 * 1024;
/** Behind it there are KeyUpdates only. */
const maxLateBytes = 1024;
/** Records that carry nothing, and KeyUpdates, one after the other. */
const maxIdleRecords = 32;

/** What all streams of a thread read into: it is used up before the next read. */
const cipherText = Buffer.allocUnsafeSlow(256 * 1024);
/** What a record is sealed from. */
const plainText = Buffer.allocUnsafeSlow(maxPlainBytes + 1);
/** Sealed records are put here; it is left to the library when that has not sent them at once. */
let outgoing = Buffer.allocUnsafeSlow(sealedLength(maxPlainBytes));

type Owned = StreamHandle & { [streamKey]?: ServerStream | undefined };
const streamKey = Symbol("stream");

/** The server's records on a stream below (RFC 8446, section 5): first the rest of a handshake, then, as a stream of its own, the data. */
export class ServerStream implements StreamHandle {
	onread: (() => void) | undefined;
	bytesRead = 0;
	bytesWritten = 0;
	readonly #handles: StreamHandles;
	readonly #below: Owned;
	readonly #handshake: ServerHandshake;
	readonly #owner: StreamOwner;
	#reader: RecordProtection;
	#writer: RecordProtection;
	#isOpen = false;
	#isReading = false;
	#isWaiting = false;
	#isClosed = false;
	#hasEnded = false;
	/** Whether a protected record has come: before that the peer cannot but speak in the clear. */
	#isProtected = false;
	#idleRecords = 0;
	/** Records that wait, the last of them in parts. */
	#pending: Buffer | undefined;
	/** Handshake messages that wait, the last of them in parts. */
	#messages: Buffer | undefined;
	#user: Uint8Array = cipherText;
	#userLength = 0;

	constructor(handles: StreamHandles, below: StreamHandle, handshake: ServerHandshake, owner: StreamOwner) {
		this.#handles = handles;
		this.#below = below;
		this.#handshake = handshake;
		this.#owner = owner;
		this.#reader = new RecordProtection(handshake.suite, handshake.handshakeSecrets.client);
		this.#writer = new RecordProtection(handshake.suite, handshake.handshakeSecrets.server);
	}

	get fd(): number {
		return this.#below.fd;
	}

	/** Takes the stream below over and sends our first messages. */
	start(sessionId: Buffer): void {
		const { hello, flight, suite, dataSecrets } = this.#handshake;
		this.#below[streamKey] = this;
		this.#below.onread = onReadBelow;
		this.#below.useUserBuffer(cipherText);
		// Whoever names a session expects what TLS 1.2 would say (RFC 8446, section D.4).
		const compatible = sessionId.length > 0 ? Buffer.of(contentType.changeCipherSpec, 3, 3, 0, 1, 1) : Buffer.alloc(0);
		const head = Buffer.of(contentType.handshake, 3, 3, hello.length >> 8, hello.length & 0xff);
		this.#send(Buffer.concat([head, hello, compatible, this.#seal(flight, contentType.handshake)]));
		this.#writer = new RecordProtection(suite, dataSecrets.server);
		this.#below.readStart();
	}

	/** The connection is gone: nobody is told anything any more. */
	close(): void {
		this.#isClosed = true;
		this.#below[streamKey] = undefined;
		this.#pending = this.#messages = undefined;
	}

	/** Breaks the connection off, with an alert. */
	refuse(fault: TlsFault): void {
		if (this.#isClosed) return;
		if (fault.alert !== undefined) this.#send(this.#seal(Buffer.of(2, fault.alert), contentType.alert));
		this.close();
		this.#below.readStop();
		this.#owner.onFault(fault);
	}

	// --- a stream's own calls

	useUserBuffer(buffer: Uint8Array): void {
		this.#user = buffer;
	}

	readStart(): number {
		this.#isReading = true;
		if (this.#pending !== undefined || this.#hasEnded) process.nextTick(() => this.#goOn());
		return this.#isClosed ? endOfStream : this.#below.readStart();
	}

	readStop(): number {
		this.#isReading = false;
		return this.#isClosed ? 0 : this.#below.readStop();
	}

	writeLatin1String(_request: null, text: string): number | HandleRequest {
		const { length } = text;
		if (length > maxPlainBytes) return this.#write(Buffer.from(text, "latin1"));
		this.bytesWritten += length;
		this.#renewWorn();
		plainText.write(text, "latin1");
		plainText[length] = contentType.data;
		return this.#send(outgoing.subarray(0, this.#writer.seal(plainText.subarray(0, length + 1), outgoing, 0)));
	}

	writeBuffer(_request: null, bytes: Uint8Array): number | HandleRequest {
		return this.#write(bytes);
	}

	writev(_request: null, chunks: readonly (Uint8Array | string)[], isBytesOnly: boolean): number | HandleRequest {
		if (isBytesOnly) return this.#write(Buffer.concat(chunks as readonly Uint8Array[]));
		const parts: Uint8Array[] = [];
		for (let at = 0; at < chunks.length; at += 2) {
			const chunk = chunks[at]!;
			parts.push(typeof chunk === "string" ? Buffer.from(chunk, "latin1") : chunk);
		}
		return this.#write(Buffer.concat(parts));
	}

	shutdown(request: HandleRequest): number {
		if (!this.#isClosed) this.#send(this.#seal(Buffer.of(1, alerts.closeNotify), contentType.alert));
		return this.#below.shutdown(request);
	}

	// --- writing

	#write(bytes: Uint8Array): number | HandleRequest {
		this.bytesWritten += bytes.length;
		return this.#send(this.#seal(bytes, contentType.data));
	}

	#send(out: Buffer): number | HandleRequest {
		const result = this.#below.writeBuffer(null, out);
		// The library writes from it until the request is over.
		if (typeof result !== "number") {
			result.kept = out;
			if (out.buffer === outgoing.buffer) outgoing = Buffer.allocUnsafeSlow(outgoing.length);
		}
		return result;
	}

	/** To be sent before anything else is sealed. */
	#seal(bytes: Uint8Array, type: number): Buffer {
		this.#renewWorn();
		const sealed = sealedLength(bytes.length);
		const out = sealed <= outgoing.length ? outgoing : Buffer.allocUnsafeSlow(sealed);
		let end = 0;
		let from = 0;
		do {
			const length = Math.min(bytes.length - from, maxPlainBytes);
			plainText.set(length === bytes.length ? bytes : bytes.subarray(from, from + length));
			plainText[length] = type;
			end = this.#writer.seal(plainText.subarray(0, length + 1), out, end);
			from += length;
		} while (from < bytes.length);
		return out.subarray(0, end);
	}

	#renewWorn(): void {
		if (this.#writer.isWorn) this.#sendKeyUpdate();
	}

	#sendKeyUpdate(): void {
		const message = encodeMessage(messageType.keyUpdate, Buffer.of(0));
		const inner = Buffer.concat([message, Buffer.of(contentType.handshake)]);
		const end = this.#writer.seal(inner, outgoing, 0);
		this.#writer.renew();
		this.#send(outgoing.subarray(0, end));
	}

	// --- reading

	/** From the library: bytes of the stream below, or its end. */
	onReadBelow(): void {
		const count = this.#handles.state[this.#handles.readCount]!;
		if (count === 0 || this.#isClosed) return;
		if (count < 0) {
			this.#endWith(count);
			return;
		}
		const bytes = cipherText.subarray(0, count);
		const pending = this.#pending;
		this.#pending = undefined;
		this.#read(pending === undefined ? bytes : Buffer.concat([pending, bytes]), pending === undefined);
	}

	/** What waited for somebody to read. */
	#goOn(): void {
		if (this.#isClosed || this.#isWaiting || (this.#isOpen && !this.#isReading)) return;
		const pending = this.#pending;
		if (pending !== undefined) {
			this.#pending = undefined;
			this.#read(pending, false);
		} else if (this.#hasEnded) this.#tell(endOfStream);
	}

	/** @param isShared the bytes will be overwritten by the next read */
	#read(bytes: Buffer, isShared: boolean): void {
		let at = 0;
		const wasOpen = this.#isOpen;
		try {
			while (!this.#isClosed && !this.#isWaiting && !this.#hasEnded && this.#isOpen === wasOpen) {
				if (bytes.length - at < headerBytes) break;
				const length = bytes.readUInt16BE(at + 3);
				if (length > maxSealedBytes) throw new TlsFault("PACKET_LENGTH_TOO_LONG", alerts.recordOverflow);
				const end = at + headerBytes + length;
				if (bytes.length < end) break;
				this.#onRecord(bytes.subarray(at, end));
				at = end;
			}
		} catch (error) {
			this.#fail(error);
			return;
		}
		if (this.#isClosed) return;
		if (at < bytes.length) {
			const rest = bytes.subarray(at);
			this.#pending = isShared ? Buffer.from(rest) : rest;
		}
		if (this.#isOpen !== wasOpen) {
			// Whoever reads already asked for it before it was kept.
			if (this.#isReading) process.nextTick(() => this.#goOn());
			return;
		}
		this.#deliver();
		if (this.#hasEnded && !this.#isClosed) this.#tell(endOfStream);
	}

	#deliver(): void {
		const length = this.#userLength;
		if (length === 0) return;
		this.#userLength = 0;
		this.#tell(length);
	}

	#tell(count: number): void {
		if (!this.#isOpen) {
			this.close();
			this.#owner.onGone();
			return;
		}
		this.#handles.state[this.#handles.readCount] = count;
		this.onread?.();
	}

	/** The stream below ended or broke. */
	#endWith(count: number): void {
		if (count !== endOfStream || this.#isOpen) this.#tell(count);
		else {
			this.close();
			this.#owner.onGone();
		}
	}

	#fail(error: unknown): void {
		if (!(error instanceof TlsFault)) throw error;
		this.#userLength = 0;
		this.refuse(error);
	}

	#onRecord(record: Buffer): void {
		const type = record[0];
		if (type === contentType.changeCipherSpec && !this.#isOpen) {
			if (record.length !== headerBytes + 1 || record[headerBytes] !== 1)
				throw new TlsFault("UNEXPECTED_MESSAGE", alerts.unexpectedMessage);
			this.#countIdle();
			return;
		}
		if (type === contentType.alert && !this.#isProtected) {
			this.#onAlert(record.subarray(headerBytes));
			return;
		}
		if (type !== contentType.data) throw new TlsFault("UNEXPECTED_RECORD", alerts.unexpectedMessage);
		const inner = this.#reader.open(record);
		if (inner === undefined) throw new TlsFault("DECRYPTION_FAILED_OR_BAD_RECORD_MAC", alerts.badRecordMac);
		this.#isProtected = true;
		let end = inner.length - 1;
		while (end >= 0 && inner[end] === 0) end--;
		if (end < 0) throw new TlsFault("BAD_RECORD_TYPE", alerts.unexpectedMessage);
		if (end > maxPlainBytes) throw new TlsFault("DATA_LENGTH_TOO_LONG", alerts.recordOverflow);
		this.#onContent(inner[end]!, inner.subarray(0, end));
	}

	#onContent(type: number, content: Buffer): void {
		if (type === contentType.data && this.#isOpen) {
			if (content.length === 0) this.#countIdle();
			else this.#take(content);
		} else if (type === contentType.handshake && content.length > 0) this.#onMessages(content);
		else if (type === contentType.alert) this.#onAlert(content);
		else throw new TlsFault("UNEXPECTED_RECORD", alerts.unexpectedMessage);
	}

	#countIdle(): void {
		if (++this.#idleRecords > maxIdleRecords) throw new TlsFault("TOO_MANY_EMPTY_FRAGMENTS", alerts.unexpectedMessage);
	}

	/** Data for whoever reads. */
	#take(content: Buffer): void {
		this.#idleRecords = 0;
		this.bytesRead += content.length;
		if (this.#userLength + content.length > this.#user.length) this.#deliver();
		this.#user.set(content, this.#userLength);
		this.#userLength += content.length;
	}

	#onAlert(content: Buffer): void {
		if (content.length !== 2) throw new TlsFault("BAD_ALERT", alerts.decodeError);
		const description = content[1]!;
		if (description === alerts.closeNotify) this.#hasEnded = true;
		else if (description === alerts.userCanceled) this.#countIdle();
		else throw faultOfAlert(description);
	}

	// --- handshake messages

	#onMessages(content: Buffer): void {
		const all = this.#messages === undefined ? content : Buffer.concat([this.#messages, content]);
		if (all.length > (this.#isOpen ? maxLateBytes : maxHandshakeBytes))
			throw new TlsFault("EXCESSIVE_MESSAGE_SIZE", alerts.illegalParameter);
		this.#messages = Buffer.from(all);
		this.#readMessages();
	}

	#readMessages(): void {
		while (this.#messages !== undefined && !this.#isWaiting && !this.#isClosed) {
			const messages: Buffer = this.#messages;
			if (messages.length < messageHeaderBytes) return;
			const end = messageHeaderBytes + messages.readUIntBE(1, 3);
			if (end > maxHandshakeBytes) throw new TlsFault("EXCESSIVE_MESSAGE_SIZE", alerts.illegalParameter);
			if (messages.length < end) return;
			this.#messages = messages.length === end ? undefined : messages.subarray(end);
			if (this.#isOpen) this.#onKeyUpdate(messages.subarray(0, end));
			else this.#onHandshake(messages.subarray(0, end));
		}
	}

	#onHandshake(message: Buffer): void {
		const isJudged = this.#handshake.onMessage(message, (fault) => this.#onJudged(fault));
		if (isJudged) this.#onTaken();
		else {
			this.#isWaiting = true;
			this.#below.readStop();
		}
	}

	/** The library has judged the chain, some time after the message. */
	#onJudged(fault: TlsFault | undefined): void {
		if (this.#isClosed) return;
		this.#isWaiting = false;
		try {
			if (fault !== undefined) throw fault;
			this.#onTaken();
			if (!this.#isOpen) this.#readMessages();
		} catch (error) {
			this.#fail(error);
			return;
		}
		if (this.#isOpen || this.#isClosed || this.#isWaiting) return;
		this.#below.readStart();
		this.#goOn();
	}

	#onTaken(): void {
		if (!this.#handshake.isDone) return;
		this.#requireNoRest();
		const { suite, dataSecrets } = this.#handshake;
		this.#reader = new RecordProtection(suite, dataSecrets.client);
		this.#isOpen = true;
		this.#idleRecords = 0;
		const tickets = this.#handshake.createTickets();
		if (tickets !== undefined) this.#send(this.#seal(tickets, contentType.handshake));
		this.#below.readStop();
		this.#owner.onDone();
	}

	/** Keys change between records only (RFC 8446, section 5.1). */
	#requireNoRest(): void {
		if (this.#messages !== undefined) throw new TlsFault("NOT_ON_RECORD_BOUNDARY", alerts.unexpectedMessage);
	}

	#onKeyUpdate(message: Buffer): void {
		if (message[0] !== messageType.keyUpdate) throw new TlsFault("UNEXPECTED_MESSAGE", alerts.unexpectedMessage);
		const asks = message[messageHeaderBytes];
		if (message.length !== messageHeaderBytes + 1) throw new TlsFault("BAD_KEY_UPDATE", alerts.decodeError);
		if (asks !== 0 && asks !== 1) throw new TlsFault("BAD_KEY_UPDATE", alerts.illegalParameter);
		this.#requireNoRest();
		this.#countIdle();
		this.#reader.renew();
		if (asks === 1) this.#sendKeyUpdate();
	}
}

function onReadBelow(this: Owned): void {
	this[streamKey]?.onReadBelow();
}
