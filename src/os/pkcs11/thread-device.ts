import { type MessagePort, Worker } from "node:worker_threads";
import { describeError, MeshError } from "../../core/index.ts";
import type { Ffi } from "../native.ts";
import { TokenError } from "./module.ts";
import { openToken, type Token, type TokenOptions } from "./token.ts";

/** A token behind a thread, so that a slow device holds nobody up. A session that was lost is opened again; a PIN that was refused is
 *  never tried again, for a few tries lock a token. Calls reject with MeshError `PKCS11_UNAVAILABLE` or `PKCS11_REFUSED`. */
export interface TokenDevice {
	/** What it is, for people. */
	place(): Promise<string>;
	list(): Promise<string[]>;
	/** The public point of a new P-256 key, uncompressed. */
	create(name: string): Promise<Uint8Array>;
	publicPoint(name: string): Promise<Uint8Array | undefined>;
	/** ECDSA of a digest as two numbers of 32 bytes. */
	sign(name: string, digest: Uint8Array): Promise<Uint8Array | undefined>;
	remove(name: string): Promise<void>;
	close(): Promise<void>;
}

interface TokenCall {
	readonly id: number;
	readonly method: "place" | "list" | "create" | "publicPoint" | "sign" | "remove";
	readonly name: string;
	readonly digest?: Uint8Array;
}

type TokenAnswer =
	| { readonly id: number; readonly value: unknown }
	| { readonly id: number; readonly kind: TokenError["kind"]; readonly message: string };

/** Opens a token of a PKCS #11 module; it is logged in to when it is first asked for something. */
export function openTokenDevice(options: TokenOptions): TokenDevice {
	const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
	const thread = new Worker(new URL("./pkcs11-thread.ts", import.meta.url), {
		workerData: options,
		// Nobody wants to read that the interface is experimental.
		execArgv: ["--experimental-ffi", "--disable-warning=ExperimentalWarning"],
	});
	let calls = 0;
	let ended: string | undefined;
	const endAll = (reason: string): void => {
		ended ??= reason;
		for (const { reject } of waiting.values()) reject(unavailable(reason));
		waiting.clear();
	};
	thread.on("message", (answer: TokenAnswer) => {
		const call = waiting.get(answer.id);
		waiting.delete(answer.id);
		if (waiting.size === 0) thread.unref();
		if ("value" in answer) call?.resolve(answer.value);
		else if (answer.kind === "refused") call?.reject(new MeshError("PKCS11_REFUSED", answer.message));
		else call?.reject(unavailable(answer.message));
	});
	thread.on("error", (error) => endAll(describeError(error)));
	thread.on("exit", () => endAll("the thread of the module has ended"));
	// Only calls that wait for an answer keep the process going.
	thread.unref();
	const ask = (method: TokenCall["method"], name = "", digest?: Uint8Array): Promise<unknown> => {
		const { promise, resolve, reject } = Promise.withResolvers<unknown>();
		if (ended !== undefined) return Promise.reject(unavailable(ended));
		const id = ++calls;
		if (waiting.size === 0) thread.ref();
		waiting.set(id, { resolve, reject });
		thread.postMessage({ id, method, name, ...(digest !== undefined && { digest }) } satisfies TokenCall);
		return promise;
	};
	return {
		place: () => ask("place") as Promise<string>,
		list: () => ask("list") as Promise<string[]>,
		create: (name) => ask("create", name) as Promise<Uint8Array>,
		publicPoint: (name) => ask("publicPoint", name) as Promise<Uint8Array | undefined>,
		sign: (name, digest) => ask("sign", name, digest) as Promise<Uint8Array | undefined>,
		async remove(name) {
			await ask("remove", name);
		},
		async close() {
			await thread.terminate();
		},
	};
}

/** The thread's side. */
export function answerTokenCalls(port: MessagePort, options: TokenOptions, ffi: Ffi | undefined): void {
	let token: Token | undefined;
	let refusal: TokenError | undefined;

	function work({ method, name, digest }: TokenCall): unknown {
		if (refusal !== undefined) throw refusal;
		if (ffi === undefined)
			throw new TokenError("refused", "this Node has no foreign function interface (it needs Node 26)");
		token ??= openToken(ffi, options);
		switch (method) {
			case "place":
				return token.place;
			case "sign":
				return token.sign(name, digest!);
			default:
				return token[method](name);
		}
	}

	function answer(call: TokenCall): TokenAnswer {
		for (let attempt = 1; ; attempt++) {
			const wasOpen = token !== undefined;
			try {
				return { id: call.id, value: work(call) };
			} catch (error) {
				const fault = error instanceof TokenError ? error : new TokenError("failed", describeError(error));
				if (fault.kind === "refused") refusal = fault;
				if (fault.kind === "lost") token = undefined;
				// A new key that was made and not told of would stay behind.
				if (fault.kind === "lost" && wasOpen && attempt === 1 && call.method !== "create") continue;
				return { id: call.id, kind: fault.kind, message: fault.message };
			}
		}
	}

	port.on("message", (call: TokenCall) => port.postMessage(answer(call)));
}

function unavailable(reason: string): MeshError {
	return new MeshError("PKCS11_UNAVAILABLE", reason);
}
