import { computeBackoff, type Millis, type Random } from "../../core/index.ts";
import { isFullSetType, sendRank } from "../resource/type-urls.ts";
import type {
	ClientEffect,
	ClientRequest,
	ClientResponse,
	ClientState,
	ClientType,
	ReceivedResource,
	RefusedResource,
} from "./client-state.ts";

/** How long a server has to send a resource asked for by name before it is taken not to exist. */
export const resourceTimeoutMs = 15_000;

/** So many answers may wait for a server that does not read them; more than any that reads at all leaves unread. */
const maxOwed = 10_000;

/** Envoy's: half a second, doubled up to half a minute, with jitter. */
const reconnectBackoff = { baseMs: 500, maxMs: 30_000 };

/** Sets what is wanted of a type, in place of what was: names, or all. */
export function onSubscribe(
	state: ClientState,
	typeUrl: string,
	wanted: ReadonlySet<string> | "*",
	now: Millis,
): ClientEffect[] {
	let type = state.types.get(typeUrl);
	if (type === undefined) {
		if (wanted !== "*" && wanted.size === 0) return [];
		type = createClientType(typeUrl);
		state.types.set(typeUrl, type);
	}
	const names = wanted === "*" ? new Set<string>() : wanted;
	type.wildcard = wanted === "*";
	for (const name of type.names) {
		if (names.has(name)) continue;
		type.names.delete(name);
		if (!type.asked.has(name)) forgetName(type, name);
	}
	for (const name of names) type.names.add(name);
	return connectOrFlush(state, type, now);
}

/** Asks for one resource beside what is subscribed to, again when it was asked for before: the server then says anew what it knows.
 *  Only delta can carry it. */
export function onAsk(state: ClientState, typeUrl: string, name: string, now: Millis): ClientEffect[] {
	const type = state.types.get(typeUrl) ?? createClientType(typeUrl);
	state.types.set(typeUrl, type);
	type.asked.add(name);
	type.told?.delete(name);
	return connectOrFlush(state, type, now);
}

/** A resource that was asked for is no longer wanted. */
export function onForget(state: ClientState, typeUrl: string, name: string, now: Millis): ClientEffect[] {
	const type = state.types.get(typeUrl);
	if (type?.asked.delete(name) !== true) return [];
	if (!type.names.has(name)) forgetName(type, name);
	return flush(state, type, now);
}

function forgetName(type: ClientType, name: string): void {
	type.versions.delete(name);
	type.deadlines.delete(name);
}

function connectOrFlush(state: ClientState, type: ClientType, now: Millis): ClientEffect[] {
	if (state.connection !== "idle") return flush(state, type, now);
	state.connection = "waiting";
	state.reconnectAt = now;
	return [{ kind: "connect" }];
}

/** A stream is open. */
export function onOpened(state: ClientState, now: Millis): ClientEffect[] {
	state.connection = "open";
	state.streamId++;
	state.nodeSent = false;
	state.isHeld = false;
	const types = [...state.types.values()].sort((one, other) => sendRank(one.typeUrl) - sendRank(other.typeUrl));
	return types.flatMap((type) => flush(state, type, now));
}

/** The stream ended, or could not be opened. */
export function onClosed(state: ClientState, now: Millis, random: Random): ClientEffect[] {
	if (state.connection === "closed") return [];
	for (const type of state.types.values()) {
		type.told = undefined;
		type.nonce = "";
		type.owed.length = 0;
		type.deadlines.clear();
	}
	state.connection = "waiting";
	state.reconnectAt = now + computeBackoff(reconnectBackoff, state.failures++, random);
	return [{ kind: "wake", at: state.reconnectAt }];
}

/** The client is no longer wanted. */
export function onShutdown(state: ClientState): void {
	state.connection = "closed";
}

/** A response came. */
export function onResponse(state: ClientState, response: ClientResponse): ClientEffect[] {
	const type = state.types.get(response.typeUrl);
	// Not asked for: there is nobody to judge it, hence no answer.
	if (type === undefined || state.connection !== "open") return [];
	state.failures = 0;
	const { unique, broken } = splitDuplicates(response);
	const added = unique.filter((resource) => isWanted(type, resource.name));
	for (const resource of added) type.deadlines.delete(resource.name);
	for (const name of response.removed) type.deadlines.delete(name);
	return [
		{
			kind: "update",
			update: {
				typeUrl: type.typeUrl,
				version: response.version,
				added,
				removed: computeRemoved(state, type, response),
				...(broken.length > 0 ? { broken } : {}),
			},
			nonce: response.nonce,
			streamId: state.streamId,
			broken,
		},
	];
}

/** An update was put to use, but for `refused`. */
export function onApplied(
	state: ClientState,
	effect: Extract<ClientEffect, { kind: "update" }>,
	refused: readonly RefusedResource[],
	now: Millis,
): ClientEffect[] {
	const { update } = effect;
	const type = state.types.get(update.typeUrl);
	if (type === undefined) return [];
	const problems = [...effect.broken, ...refused];
	const refusedNames = new Set(problems.map((problem) => problem.name));
	for (const { name, version } of update.added) {
		if (!refusedNames.has(name) && isWanted(type, name)) type.versions.set(name, version);
	}
	for (const name of update.removed) if (!refusedNames.has(name)) type.versions.delete(name);
	if (problems.length === 0) type.version = update.version;
	if (state.streamId !== effect.streamId || state.connection !== "open") return [];
	// Not before: a subscription that changes meanwhile goes out with the nonce of the last response that was judged.
	type.nonce = effect.nonce;
	// In state of the world a newer answer says all that an earlier one would.
	if (state.variant === "state-of-the-world") type.owed.length = 0;
	type.owed.push({ nonce: effect.nonce, error: problems.length === 0 ? undefined : describeProblems(problems) });
	return type.owed.length > maxOwed ? [{ kind: "abandon" }] : flush(state, type, now);
}

/** The stream takes no more for now: what is not sent yet waits here, where a newer request stands for an older one. */
export function onFull(state: ClientState): void {
	state.isHeld = true;
}

/** The stream has room again. */
export function onDrained(state: ClientState, now: Millis): ClientEffect[] {
	state.isHeld = false;
	return [...state.types.values()].flatMap((type) => flush(state, type, now));
}

/** Holds requests of a type (acknowledgements too) until as many calls of `onResume`. Subscribers, as Envoy does, hold clusters
 *  while they warm: the acknowledgement then says that routes to them may follow. */
export function onPause(state: ClientState, typeUrl: string): void {
	const type = state.types.get(typeUrl);
	if (type !== undefined) type.pauses++;
}

export function onResume(state: ClientState, typeUrl: string, now: Millis): ClientEffect[] {
	const type = state.types.get(typeUrl);
	if (type === undefined) return [];
	type.pauses = Math.max(0, type.pauses - 1);
	return flush(state, type, now);
}

/** The time of a `wake` has come. */
export function onTime(state: ClientState, now: Millis): ClientEffect[] {
	if (state.connection === "waiting") {
		return now >= state.reconnectAt ? [{ kind: "connect" }] : [{ kind: "wake", at: state.reconnectAt }];
	}
	const effects: ClientEffect[] = [];
	for (const type of state.types.values()) {
		const names = [...type.deadlines].filter(([, deadline]) => deadline <= now).map(([name]) => name);
		for (const name of names) type.deadlines.delete(name);
		if (names.length > 0) effects.push({ kind: "missing", typeUrl: type.typeUrl, names });
	}
	return [...effects, ...wakeForDeadlines(state)];
}

function createClientType(typeUrl: string): ClientType {
	return {
		typeUrl,
		wildcard: false,
		names: new Set(),
		asked: new Set(),
		versions: new Map(),
		version: "",
		told: undefined,
		nonce: "",
		owed: [],
		pauses: 0,
		deadlines: new Map(),
	};
}

/** Sends what the server does not know yet: a changed subscription, an answer, or both in one request. */
function flush(state: ClientState, type: ClientType, now: Millis): ClientEffect[] {
	if (state.connection !== "open" || state.isHeld || type.pauses > 0) return [];
	const wanted = type.wildcard ? type.asked : new Set([...type.names, ...type.asked]);
	const subscribe = [...wanted].filter((name) => type.told?.has(name) !== true);
	const unsubscribe = [...(type.told ?? [])].filter((name) => !wanted.has(name));
	const first = type.told === undefined;
	if (first && !type.wildcard && wanted.size === 0) return [];
	const named = subscribe.slice();
	// All is what no name means, but for a stream whose first request names some.
	if (first && type.wildcard && named.length > 0) named.unshift("*");
	if (!first && type.owed.length === 0 && subscribe.length === 0 && unsubscribe.length === 0) return [];
	const effects: ClientEffect[] = [];
	const send = (answer: ClientType["owed"][number] | undefined, change: boolean): void => {
		const node = state.nodeSent && state.nodeOnFirstMessageOnly ? undefined : state.node;
		const base = { typeUrl: type.typeUrl, node, error: answer?.error };
		state.nodeSent = true;
		const request: ClientRequest =
			state.variant === "delta"
				? {
						...base,
						kind: "delta",
						nonce: answer?.nonce ?? "",
						subscribe: change ? named : [],
						unsubscribe: change ? unsubscribe : [],
						initialVersions: first && change ? Object.fromEntries(type.versions) : {},
					}
				: { ...base, kind: "state-of-the-world", nonce: type.nonce, version: type.version, names: [...wanted] };
		effects.push({ kind: "send", request });
	};
	send(type.owed.shift(), true);
	for (const answer of type.owed.splice(0)) send(answer, false);
	type.told = new Set(wanted);
	for (const name of subscribe) if (!type.versions.has(name)) type.deadlines.set(name, now + resourceTimeoutMs);
	return [...effects, ...wakeForDeadlines(state)];
}

function isWanted(type: ClientType, name: string): boolean {
	return type.wildcard || type.names.has(name) || type.asked.has(name);
}

function wakeForDeadlines(state: ClientState): ClientEffect[] {
	let at = Number.POSITIVE_INFINITY;
	for (const type of state.types.values()) for (const deadline of type.deadlines.values()) at = Math.min(at, deadline);
	return at === Number.POSITIVE_INFINITY ? [] : [{ kind: "wake", at }];
}

function splitDuplicates(response: ClientResponse): {
	readonly unique: readonly ReceivedResource[];
	readonly broken: readonly RefusedResource[];
} {
	const counts = new Map<string, number>();
	for (const { name } of response.resources) counts.set(name, (counts.get(name) ?? 0) + 1);
	const twice = [...counts].filter(([, count]) => count > 1).map(([name]) => name);
	if (twice.length === 0) return { unique: response.resources, broken: response.broken };
	return {
		unique: response.resources.filter(({ name }) => counts.get(name) === 1),
		broken: [...response.broken, ...twice.map((name) => ({ name, problem: "is in the response more than once" }))],
	};
}

/** In state of the world the absence of a cluster or listener deletes it; a broken resource is not absent, nobody knows its name. */
function computeRemoved(state: ClientState, type: ClientType, response: ClientResponse): readonly string[] {
	if (state.variant === "delta") return response.removed;
	if (!isFullSetType(type.typeUrl) || response.broken.some(({ name }) => name === "")) return [];
	const present = new Set([...response.resources, ...response.broken].map(({ name }) => name));
	return [...type.versions.keys()].filter((name) => !present.has(name));
}

/** Bound on the words sent back to a server. */
const maxErrorLength = 16_384;

function describeProblems(problems: readonly RefusedResource[]): string {
	const text = problems.map(({ name, problem }) => (name === "" ? problem : `${name}: ${problem}`)).join("; ");
	return text.length > maxErrorLength ? `${text.slice(0, maxErrorLength)}…` : text;
}
