import type { Metadata } from "../../engine/matcher/index.ts";
import type { AddressConfig } from "../runtime-config/index.ts";

/** What connections that are on their way to listeners of this thread bring along, by listener: the system accepts them in the order in
 *  which they were made. Envoy hands the same over by `IoHandle::passthroughState`. */
const underWay = new Map<string, Passthrough[]>();

interface Passthrough {
	readonly metadata: Metadata;
}

const withdrawNothing = (): void => undefined;

/** To be called before each connection to an internal listener.
 *  @returns what is to be called when the connection is closed: it may not have come about */
export function sendPassthrough(address: AddressConfig, metadata: Metadata = {}): () => void {
	if (address.kind !== "internal") return withdrawNothing;
	const queue = underWay.get(address.listener) ?? [];
	const sent = { metadata };
	queue.push(sent);
	underWay.set(address.listener, queue);
	return () => {
		const index = queue.indexOf(sent);
		if (index >= 0) queue.splice(index, 1);
	};
}

/** To be called for each connection that an internal listener accepts. */
export function takePassthrough(listener: string): Metadata {
	return underWay.get(listener)?.shift()?.metadata ?? {};
}
