import type { HandleRequest } from "./stream-handles.ts";

/** Whether a request that nobody listened to is over. */
export function isOver({ writeStatus }: HandleRequest): boolean {
	return writeStatus !== undefined && writeStatus !== null;
}

/** Calls back once when `request` is over. */
export function listenOnce(request: HandleRequest, onComplete: (status: number) => void): void {
	request.onComplete = onComplete;
	request.oncomplete = complete;
}

/** The library keeps what it calls until the next full collection, long after it called: that must not be a closure, which would keep its
 *  connection. */
function complete(this: HandleRequest, status: number): void {
	const { onComplete } = this;
	this.onComplete = undefined;
	this.data = undefined;
	onComplete?.(status);
}
