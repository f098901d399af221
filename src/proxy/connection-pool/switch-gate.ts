import { PieceList } from "../../core/index.ts";

const nothing = Buffer.alloc(0);

/** What comes from a client behind a request that asks for another protocol (RFC 9110 section 7.8), until the upstream has agreed: an upstream that
 *  stays with HTTP/1 would read it as further requests, which nobody has checked. A body of a declared length belongs to the request and goes. */
export class SwitchGate {
	/** The client has said everything. */
	hasEnd = false;
	/** The upstream has not agreed: nothing goes any more. */
	isShut = false;
	/** What goes once the upstream has agreed. */
	readonly #held = new PieceList();
	#bodyBytes: number;

	/** @param bodyBytes the declared length of the request's own body, 0 without one */
	constructor(bodyBytes: number) {
		this.#bodyBytes = bodyBytes;
	}

	/** How much waits for the upstream's word. */
	get heldBytes(): number {
		return this.#held.bytes;
	}

	/** The upstream has agreed: what goes now. */
	open(): readonly Buffer[] {
		return this.#held.take();
	}

	/** Takes bytes; `owned`: nobody else changes the buffer.
	 *  @returns those that go at once */
	take(view: Buffer, last: boolean, owned: boolean): Buffer {
		if (last) this.hasEnd = true;
		if (this.isShut) return nothing;
		const passed = Math.min(this.#bodyBytes, view.length);
		this.#bodyBytes -= passed;
		if (passed === view.length) return view;
		this.#held.push(view.subarray(passed), owned);
		return passed === 0 ? nothing : view.subarray(0, passed);
	}

	/** Drops what is held. */
	shut(): void {
		this.isShut = true;
		this.#held.take();
	}
}
