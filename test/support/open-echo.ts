import { once } from "node:events";
import type { Socket } from "node:net";
import type { TestContext } from "node:test";

/** A connection to something that sends back what it is sent, closed with the test. */
export interface OpenEcho {
	/** Sends a byte and waits for it. */
	echo(): Promise<void>;
	/** Resolves when the connection is over. */
	readonly closed: Promise<void>;
}

/** Waits until the first byte has come back through. */
export async function openEcho(t: Pick<TestContext, "after">, socket: Socket): Promise<OpenEcho> {
	t.after(() => socket.destroy());
	const closed = new Promise<void>((resolve) => void socket.once("close", () => resolve()));
	socket.on("error", () => socket.destroy());
	const echo = async (): Promise<void> => {
		const over = new AbortController();
		const answer = once(socket, "data", { signal: over.signal });
		socket.write("x");
		void closed.then(() => over.abort(new Error("the connection is over")));
		await answer;
	};
	await echo();
	return { closed, echo };
}
