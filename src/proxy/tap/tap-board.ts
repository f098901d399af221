import type { TraceWrapper } from "../../api/gen/envoy/data/tap/v3/wrapper_pb.js";
import type { TapConfig } from "../runtime-config/index.ts";
import { attachPacked } from "./tap-request.ts";

/** A filter that records when it is told to. */
export interface TapReceiver {
	/** From now on, or no longer. */
	configure(config: TapConfig | undefined, submit: (trace: TraceWrapper) => void): void;
}

/** What the admin port needs of all threads. */
export interface TapControl {
	/** The ids under which filters are there. */
	ids(): ReadonlySet<string>;
	/** Filters of that id record, also those that come later. @returns what ends it */
	attach(request: Uint8Array, submit: (trace: TraceWrapper) => void): () => void;
}

/** The filters of one thread. At most one request records at a time. */
export interface TapBoard {
	ids(): ReadonlySet<string>;
	/** @returns what takes the filter off again */
	register(configId: string, receiver: TapReceiver): () => void;
	attach(configId: string, config: TapConfig, submit: (trace: TraceWrapper) => void): () => void;
	/** Called when ids come or go. */
	onChange(listener: (ids: ReadonlySet<string>) => void): void;
}

/** Creates the board of a thread. */
export function createTapBoard(): TapBoard {
	const receivers = new Map<string, Set<TapReceiver>>();
	let attached: { readonly configId: string; readonly tell: (receiver: TapReceiver) => void } | undefined;
	let listener: (ids: ReadonlySet<string>) => void = () => undefined;
	const ids = (): ReadonlySet<string> => new Set(receivers.keys());
	const idle = (): void => undefined;
	return {
		ids,
		register(configId, receiver) {
			const others = receivers.get(configId);
			if (others === undefined) receivers.set(configId, new Set([receiver]));
			else others.add(receiver);
			if (attached?.configId === configId) attached.tell(receiver);
			if (others === undefined) listener(ids());
			return () => {
				const left = receivers.get(configId);
				left?.delete(receiver);
				if (left?.size !== 0) return;
				receivers.delete(configId);
				listener(ids());
			};
		},
		attach(configId, config, submit) {
			const own = { configId, tell: (receiver: TapReceiver) => receiver.configure(config, submit) };
			attached = own;
			for (const receiver of receivers.get(configId) ?? []) own.tell(receiver);
			return () => {
				if (attached !== own) return;
				attached = undefined;
				for (const receiver of receivers.get(configId) ?? []) receiver.configure(undefined, idle);
			};
		},
		onChange(changed) {
			listener = changed;
		},
	};
}

/** The control of a proxy with one thread. */
export function createTapControl(board: TapBoard): TapControl {
	return { ids: () => board.ids(), attach: (packed, submit) => attachPacked(board, packed, submit) };
}
