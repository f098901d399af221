import type {
	ByteVerdict,
	ConnectionGates,
	DownstreamConnection,
	GateQuestion,
	GateRefusal,
	NetworkGate,
} from "../filter/network/network-filter.ts";

/** Runs the gates of a chain over one connection, in their order: those before the first that asks somebody judge it at once, the others
 *  when the answer has come. */
export class ByteGates implements ConnectionGates {
	readonly #gates: readonly NetworkGate[];
	readonly #connection: DownstreamConnection;
	denial: GateRefusal | undefined;
	/** Gates before it have judged. */
	#judged = 0;
	/** Gates before it have heard of the first byte. */
	#told = 0;
	#question: GateQuestion | undefined;

	constructor(gates: readonly NetworkGate[], connection: DownstreamConnection) {
		this.#gates = gates;
		this.#connection = connection;
		this.#judge();
	}

	/** Whether bytes that come matter to any of them. */
	get isListening(): boolean {
		return this.denial !== undefined || this.#gates.some((gate) => gate.onFirstByte ?? gate.ask);
	}

	/** Whether one of them asks somebody. */
	get asks(): boolean {
		return this.#gates.some(({ ask }) => ask !== undefined);
	}

	onBytes(onSettled: () => void): ByteVerdict {
		if (this.#question !== undefined) return "wait";
		const isFirst = this.#told < this.#gates.length;
		if (isFirst) this.#tell(onSettled);
		else for (const gate of this.#gates) if (gate.watchesBytes === true) gate.onFirstByte?.(this.#connection);
		if (this.#question !== undefined) return "wait";
		if (this.denial !== undefined) return "deny";
		return this.#gates.some(({ watchesBytes }) => watchesBytes === true) ? "watch" : "pass";
	}

	close(): void {
		this.#question?.cancel();
		this.#question = undefined;
	}

	/** Tells the gates of the first byte, up to the one that denies the connection or asks somebody. */
	#tell(onSettled: () => void): void {
		while (this.#told < this.#gates.length && !(this.denial !== undefined && this.#told >= this.#judged)) {
			const gate = this.#gates[this.#told++]!;
			gate.onFirstByte?.(this.#connection);
			this.#question = gate.ask?.(this.#connection, (refusal) => {
				this.#question = undefined;
				this.denial = refusal;
				if (refusal === undefined) {
					this.#judge();
					this.#tell(onSettled);
				}
				if (this.#question === undefined) onSettled();
			});
			if (this.#question !== undefined) return;
			this.#judge();
		}
	}

	/** Hears those gates that nobody stands before who has not asked yet. */
	#judge(): void {
		while (this.denial === undefined && this.#judged < this.#gates.length) {
			const gate = this.#gates[this.#judged]!;
			if (gate.ask !== undefined && this.#told <= this.#judged) return;
			this.#judged++;
			this.denial = gate.judge?.(this.#connection);
		}
	}
}
