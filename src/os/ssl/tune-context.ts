import { createSecureContext, type SecureContext } from "node:tls";
import { inspect } from "node:util";
import { ChainVerdicts } from "./chain-verdicts.ts";
import { findSslLibrary, type SslLibrary } from "./ssl-library.ts";

/** SSL_CTRL_MODE, SSL_MODE_NO_AUTO_CHAIN: what is sent is what was given, as Envoy has it; Node has an issuer looked for in each handshake. */
const setMode = 33;
const noAutoChain = 0x8n;

/** SSL_CTRL_SET_SESS_CACHE_SIZE, SSL_CTRL_SET_SESS_CACHE_MODE, SSL_SESS_CACHE_SERVER. */
const setCacheSize = 42;
const setCacheMode = 44;
const cacheOfServer = 0x2n;

/** How the clients of a context may come back. */
export interface SessionRules {
	/** Given behind a full handshake of TLS 1.3. */
	readonly tickets: number;
	/** Sessions that the library keeps, the newest; 0 leaves the keeping to the clients. Tickets name one only where SSL_OP_NO_TICKET is set. */
	readonly kept: number;
}

/** What a thread's contexts share. */
class Tuning {
	readonly #library: SslLibrary;
	readonly #verdicts: ChainVerdicts;
	readonly #verify: bigint;
	/** The good chains of each context, by a number of our own that the library hands back. */
	readonly #good = new Map<bigint, Map<string, number>>();
	readonly #gone = new FinalizationRegistry<bigint>((number) => this.#good.delete(number));
	#last = 0n;

	constructor(library: SslLibrary) {
		this.#library = library;
		this.#verdicts = new ChainVerdicts(library);
		this.#verify = library.register(["pointer", "pointer"], 0, (store, number) => {
			this.#verdicts.judge(store, this.#good.get(number) ?? new Map(), Date.now());
			// Whoever judges the whole handshake reads the verdict.
			return 1;
		});
	}

	tune(address: bigint, owner: object, sessions: SessionRules | undefined): void {
		const { SSL_CTX_ctrl, SSL_CTX_set_cert_verify_callback, SSL_CTX_set_num_tickets } = this.#library.functions;
		SSL_CTX_ctrl(address, setMode, noAutoChain, 0n);
		if (sessions !== undefined) {
			SSL_CTX_set_num_tickets(address, BigInt(sessions.tickets));
			if (sessions.kept > 0) {
				SSL_CTX_ctrl(address, setCacheMode, cacheOfServer, 0n);
				SSL_CTX_ctrl(address, setCacheSize, BigInt(sessions.kept), 0n);
			}
		}
		const number = ++this.#last;
		this.#good.set(number, new Map());
		this.#gone.register(owner, number);
		SSL_CTX_set_cert_verify_callback(address, this.#verify, number);
	}
}

let tuning: Tuning | undefined | "not looked for" = "not looked for";

function findTuning(): Tuning | undefined {
	if (tuning === "not looked for") {
		const library = findSslLibrary();
		const isFound = library !== undefined && findAddress(createSecureContext().context) !== undefined;
		tuning = isFound ? new Tuning(library) : undefined;
	}
	return tuning;
}

/** Whether {@link tuneContext} does anything here: Node's foreign function interface may be off. */
export function canTuneContexts(): boolean {
	return findTuning() !== undefined;
}

/** Sets what Node has no option for, on a context whose handshakes have not begun, where that can be done: chains are judged by
 *  {@link ChainVerdicts}, and an issuer is not looked for.
 *  @param sessions of a server's context; undefined leaves Node's two tickets, which the client keeps whole */
export function tuneContext({ context }: SecureContext, sessions?: SessionRules): void {
	const address = findAddress(context);
	if (address !== undefined) findTuning()?.tune(address, context, sessions);
}

/** Node shows its library's context as an opaque value, whose address is what it is printed as. */
function findAddress(native: object): bigint | undefined {
	const text = /^\[External: ([0-9a-f]+)\]$/.exec(inspect((native as { readonly _external?: unknown })._external))?.[1];
	return text === undefined ? undefined : BigInt(`0x${text}`);
}
