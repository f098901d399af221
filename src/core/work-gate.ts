/** Lets only so much work be under way at once. */
export interface WorkGate {
	/** Runs the work when there is room: askers take turns, each one's in the order of asking.
	 *  @param asker whose turn it takes; all that name none share one
	 *  @throws what `refusal` makes, when too many wait; whoever asked comes back after a random time */
	run<T>(work: () => Promise<T>, asker?: string): Promise<T>;
	/** How many are under way. */
	readonly busy: number;
}

export interface WorkGateOptions {
	/** How many at once; 16 by default. */
	readonly concurrent?: number;
	/** How many may wait; 1,024 by default. When they do, one more takes the place of the newest of whoever has the most waiting. */
	readonly waiting?: number;
	/** How many of these may be one asker's, when it is named; 128 by default. */
	readonly waitingEach?: number;
	/** What is thrown to whoever may not wait, by how many do. */
	readonly refusal: (waiting: number) => Error;
}

interface Waiting {
	enter(): void;
	refuse(error: Error): void;
}

/** After an outage everybody comes, and somebody may want more than all others: the gate keeps whoever works from drowning, and nobody out. */
export function createWorkGate(options: WorkGateOptions): WorkGate {
	const { concurrent = 16, waiting = 1024, waitingEach = 128, refusal } = options;
	/** By asker, in the order of their turns; none is empty. */
	const queues = new Map<string, Waiting[]>();
	let busy = 0;
	let size = 0;

	function takeNext(): Waiting | undefined {
		for (const [asker, queue] of queues) {
			const next = queue.shift()!;
			size--;
			// Its next one is after everybody else's.
			queues.delete(asker);
			if (queue.length > 0) queues.set(asker, queue);
			return next;
		}
		return undefined;
	}

	/** @returns whether somebody had more waiting than this asker would */
	function makeRoom(own: number): boolean {
		let longest: Waiting[] = [];
		for (const queue of queues.values()) if (queue.length > longest.length) longest = queue;
		if (longest.length <= own + 1) return false;
		size--;
		longest.pop()!.refuse(refusal(longest.length));
		return true;
	}

	function wait(asker: string | undefined): Promise<void> {
		const name = asker ?? "";
		const own = queues.get(name) ?? [];
		if (asker !== undefined && own.length >= waitingEach) throw refusal(own.length);
		if (size >= waiting && !makeRoom(own.length)) throw refusal(size);
		return new Promise<void>((enter, refuse) => {
			own.push({ enter, refuse });
			queues.set(name, own);
			size++;
		});
	}

	return {
		async run(work, asker) {
			// Whoever leaves hands its place on.
			if (busy >= concurrent) await wait(asker);
			else busy++;
			try {
				return await work();
			} finally {
				const next = takeNext();
				if (next === undefined) busy--;
				else next.enter();
			}
		},
		get busy() {
			return busy;
		},
	};
}
