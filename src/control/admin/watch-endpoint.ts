import { type Clock, MeshError } from "../../core/index.ts";
import type { ConfigStore, WatchedChange } from "../../registry/index.ts";
import { AdminError, type AdminRequest, type AdminResponse, type Endpoint } from "./router.ts";

const maxWaitSeconds = 30;

/** `GET /v1/watch`: without `after` every applied object and the revision they are of; with it what changed since, at once or as soon as
 *  something does (`wait` seconds at most). Whoever asks with the revision of the answer before sees every change once and in order. A
 *  revision that is too old is 410: read everything again. Objects of a folder have no revision and are not in it. */
export function createWatchEndpoint(store: Pick<ConfigStore, "read" | "watchFrom">, clock: Clock): Endpoint {
	return {
		method: "GET",
		path: "/v1/watch",
		async answer(request) {
			const after = readNumber(request, "after");
			if (after === undefined) {
				const { revision, objects } = await store.read();
				return { body: { revision, items: objects.map((object) => hideSecret({ kind: "put", object })) } };
			}
			const waitMs = Math.min(readNumber(request, "wait") ?? 0, maxWaitSeconds) * 1000;
			return waitForChanges(store, clock, after, waitMs);
		},
	};
}

function waitForChanges(
	store: Pick<ConfigStore, "watchFrom">,
	clock: Clock,
	after: number,
	waitMs: number,
): Promise<AdminResponse> {
	const { promise, resolve, reject } = Promise.withResolvers<AdminResponse>();
	const events: object[] = [];
	let revision = after;
	const watch = store.watchFrom(after + 1, {
		onChanges(changes, newest) {
			revision = newest;
			events.push(...changes.map(hideSecret));
			// What is there already comes in one go.
			timer.cancel();
			timer = clock.setTimer(settleMs, end);
		},
		onError(error) {
			finish();
			if (!(error instanceof MeshError) || error.code !== "STORE_COMPACTED") return reject(error);
			const message = `changes since revision ${after} are no longer kept: read /v1/watch without 'after' and go on from there`;
			reject(new AdminError(410, "REVISION_COMPACTED", message));
		},
	});
	const finish = (): void => {
		timer.cancel();
		watch.close();
	};
	const end = (): void => {
		finish();
		resolve({ body: { revision, events } });
	};
	let timer = clock.setTimer(Math.max(waitMs, settleMs), end);
	return promise;
}

const settleMs = 20;

function readNumber({ query }: AdminRequest, name: string): number | undefined {
	const text = query.get(name);
	if (text === null) return undefined;
	const value = Number(text);
	if (Number.isSafeInteger(value) && value >= 0 && text !== "") return value;
	throw new AdminError(400, "QUERY_INVALID", `'${name}' is a whole number from 0 on, not '${text}'`);
}

/** Of a Secret only that it changed. */
function hideSecret(change: WatchedChange): object {
	const { kind, namespace, name, revision } = change.object;
	const base = { type: change.kind, kind, namespace, name, revision };
	return change.kind === "delete" || kind === "Secret" ? base : { ...base, document: change.object.document };
}
