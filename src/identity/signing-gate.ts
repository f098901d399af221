import { MeshError } from "../core/index.ts";

/** Lets only so many signatures be under way at once. */
export interface SigningGate {
	/** Runs the work when there is room, in the order of asking.
	 *  @throws MeshError `SIGNING_BUSY` when too many wait; whoever asked comes back after a random time */
	run<T>(work: () => Promise<T>): Promise<T>;
	/** How many are under way. */
	readonly busy: number;
}

export interface SigningGateOptions {
	/** How many at once; 16 by default. */
	readonly concurrent?: number;
	/** How many may wait; 1,024 by default. */
	readonly waiting?: number;
}

/** After an outage everybody wants a signature: the gate keeps an authority, and a machine's connection to it, from drowning. */
export function createSigningGate({ concurrent = 16, waiting = 1024 }: SigningGateOptions = {}): SigningGate {
	const queue: (() => void)[] = [];
	let busy = 0;
	return {
		async run(work) {
			if (busy >= concurrent) {
				if (queue.length >= waiting) {
					throw new MeshError("SIGNING_BUSY", `${queue.length} signatures wait already: try again later`);
				}
				// Whoever leaves hands its place on.
				await new Promise<void>((resolve) => void queue.push(resolve));
			} else busy++;
			try {
				return await work();
			} finally {
				const next = queue.shift();
				if (next === undefined) busy--;
				else next();
			}
		},
		get busy() {
			return busy;
		},
	};
}
