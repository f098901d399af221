import { Agent } from "node:http";
import { type HttpAnswer, type HttpCall, sendRequest } from "./http-call.ts";

/** What a steady load has seen so far. */
export interface SteadyLoad {
	readonly sent: number;
	readonly answered: number;
	/** Every request that did not end as expected, in words. */
	readonly failures: readonly string[];
	/** Ends the load and waits for what is under way. */
	stop(): Promise<void>;
}

/** Sends `call` at a constant rate, open loop, until stopped; bounded to `maxRequests` in all. */
export function startSteadyLoad(
	call: HttpCall,
	options: {
		readonly perSecond: number;
		readonly maxRequests?: number;
		readonly isExpected?: (answer: HttpAnswer) => boolean;
	},
): SteadyLoad {
	const agent = new Agent({ keepAlive: true, maxSockets: 64 });
	const isExpected = options.isExpected ?? ((answer) => answer.status === 200);
	const limit = options.maxRequests ?? 20_000;
	const failures: string[] = [];
	const pending = new Set<Promise<void>>();
	const startedAt = performance.now();
	let sent = 0;
	let answered = 0;
	const sendOne = async (): Promise<void> => {
		const number = ++sent;
		try {
			const answer = await sendRequest({ ...call, agent });
			answered++;
			if (!isExpected(answer)) failures.push(`request ${number}: ${answer.status} ${answer.body.slice(0, 200)}`);
		} catch (error) {
			failures.push(`request ${number}: ${error instanceof Error ? error.message : error}`);
		}
	};
	const timer = setInterval(() => {
		const due = Math.min(limit, ((performance.now() - startedAt) / 1000) * options.perSecond);
		while (sent < due) {
			const one = sendOne().finally(() => pending.delete(one));
			pending.add(one);
		}
	}, 5);
	return {
		get sent() {
			return sent;
		},
		get answered() {
			return answered;
		},
		failures,
		async stop() {
			clearInterval(timer);
			await Promise.all(pending);
			agent.destroy();
		},
	};
}
