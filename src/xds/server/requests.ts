import type { Node } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import type { Millis } from "../../core/index.ts";
import { isFullSetType, routeType } from "../resource/type-urls.ts";
import { advance } from "./push.ts";
import {
	addName,
	addType,
	forget,
	type RefusedResource,
	removeName,
	type StreamEffect,
	type StreamState,
	type TypeState,
} from "./stream.ts";

/** What both forms of a request have in common. */
interface RequestBase {
	readonly typeUrl: string;
	/** Only the first request of a stream is sure to carry it. */
	readonly node?: Node | undefined;
	/** Empty, or the nonce of the response answered. */
	readonly nonce: string;
	/** Present in a NACK, and only there. */
	readonly error?: string | undefined;
}

/** A `DiscoveryRequest`. */
export interface StateOfTheWorldRequest extends RequestBase {
	readonly kind: "state-of-the-world";
	/** The version the client runs; of use in the first request only. */
	readonly version: string;
	readonly names: readonly string[];
}

/** A `DeltaDiscoveryRequest`. */
export interface DeltaRequest extends RequestBase {
	readonly kind: "delta";
	readonly subscribe: readonly string[];
	readonly unsubscribe: readonly string[];
	readonly initialVersions: Readonly<Record<string, string>>;
}

export type StreamRequest = StateOfTheWorldRequest | DeltaRequest;

const wildcardName = "*";

/** Bound on what one client can make the server remember, per type. */
const maxNames = 65_536;
const maxNameCharacters = 8 * 1024 * 1024;
/** A client made of every extension there is asks for some twenty. */
const maxTypes = 64;
const maxTypeCharacters = 512;

/** The client sent a request. */
export function onRequest(state: StreamState, request: StreamRequest, now: Millis): StreamEffect[] {
	const effects: StreamEffect[] = [];
	if (state.node === undefined) {
		if (request.node === undefined || request.node.id === "") {
			return [end("INVALID_ARGUMENT", "the first request of a stream must carry a node with an id")];
		}
		state.node = request.node;
		effects.push({ kind: "identified", node: request.node });
	}
	if (request.typeUrl === "") return [end("INVALID_ARGUMENT", "a request must carry a type_url")];
	let type = state.types.get(request.typeUrl);
	const first = type === undefined;
	if (first && (state.types.size >= maxTypes || request.typeUrl.length > maxTypeCharacters)) {
		return [end("RESOURCE_EXHAUSTED", `more than ${maxTypes} types on a stream, or one whose name is too long`)];
	}
	type ??= addType(state, request.typeUrl, now);
	const stale = !first && request.nonce !== "" && request.nonce !== type.sentNonce;
	if (stale) {
		// It answers nothing, and gets no answer: a newer response is under way. But what it subscribes to holds, as requests keep
		// their order: in delta a change is told once, in state of the world a name left and taken up again would go unseen.
		effects.push({ kind: "stale", typeUrl: request.typeUrl, nonce: request.nonce });
	} else if (!first && request.nonce !== "") {
		effects.push(...onAnswer(type, request.error, now));
	}
	if (request.kind === "delta") subscribeDelta(type, request, first);
	else subscribeStateOfTheWorld(type, request, first);
	if (type.names.size > maxNames || type.known.size > maxNames * 2) {
		return [end("RESOURCE_EXHAUSTED", `more than ${maxNames} names subscribed of ${request.typeUrl}`)];
	}
	if (type.nameCharacters > maxNameCharacters) {
		const message = `names of more than ${maxNameCharacters} characters subscribed of ${request.typeUrl}`;
		return [end("RESOURCE_EXHAUSTED", message)];
	}
	effects.push(...advance(state, now));
	return effects;
}

/** ACK or NACK of the newest response; a further request with the same nonce only changes subscriptions. */
function onAnswer(type: TypeState, error: string | undefined, now: Millis): StreamEffect[] {
	const names = type.outstanding;
	if (names === undefined) return [];
	type.outstanding = undefined;
	type.updatedAt = now;
	const version = type.sentVersion;
	if (error === undefined) {
		type.ackedVersion = version;
		for (const name of names) {
			type.rejected.delete(name);
			type.accepted.delete(name);
		}
		if (type.rejected.size === 0) type.reason = "";
		return [{ kind: "acked", typeUrl: type.typeUrl, version, names }];
	}
	// The protocol names no culprit, clients do so in their words; with none found, the next ACK of the type takes
	// the refusal back.
	const culprits = names.length === 1 ? names : names.filter((name) => blames(error, name));
	const held = culprits.filter((name) => type.known.has(name));
	for (const name of held) type.rejected.add(name);
	// Culprits that the client gave up meanwhile are nobody's concern.
	if (culprits.length === 0 || held.length > 0) type.reason = error;
	const refused = (culprits.length > 0 ? held : names).flatMap((name): RefusedResource[] => {
		const value = type.known.get(name)?.value;
		// Of a whole list, only what the client had not accepted before can be at fault.
		const isNew = culprits.length > 0 || type.typeUrl !== routeType || type.accepted.has(name);
		return value === undefined || !isNew ? [] : [{ name, value, accepted: type.accepted.get(name) }];
	});
	return [{ kind: "nacked", typeUrl: type.typeUrl, version, reason: error, refused }];
}

function subscribeStateOfTheWorld(type: TypeState, request: StateOfTheWorldRequest, first: boolean): void {
	const names = new Set(request.names);
	const wildcard = names.delete(wildcardName) || (names.size === 0 && isFullSetType(type.typeUrl) && !type.everNamed);
	if (request.names.length > 0) type.everNamed = true;
	const left = type.wildcard && !wildcard;
	if (wildcard && !type.wildcard) {
		type.matched = undefined;
		type.answerDue = true;
	}
	type.wildcard = wildcard;
	for (const name of type.names) if (!names.has(name)) unsubscribe(type, name);
	for (const name of names) if (!type.names.has(name)) subscribe(type, name);
	if (left) forgetUnnamed(type);
	if (first) {
		type.answerDue = isFullSetType(type.typeUrl);
		type.claimedVersion = request.version;
	}
}

function subscribeDelta(type: TypeState, request: DeltaRequest, first: boolean): void {
	if (first) {
		for (const [name, version] of Object.entries(request.initialVersions)) type.known.set(name, { version });
		if (request.subscribe.length === 0 && isFullSetType(type.typeUrl)) type.wildcard = true;
	}
	for (const name of request.subscribe) {
		if (name === wildcardName) {
			if (!type.wildcard) {
				type.matched = undefined;
				// What is on its way was forgotten when the wildcard before was left, and is taken in under this one: it is told what of it is gone.
				for (const sent of type.outstanding ?? []) if (!type.known.has(sent)) type.due.add(sent);
			}
			type.answerDue ||= !first && !type.wildcard;
			type.wildcard = true;
		} else if (first && type.known.has(name)) addName(type, name);
		else subscribe(type, name);
	}
	if (first && type.wildcard && type.known.size === 0) type.answerDue = true;
	for (const name of request.unsubscribe) {
		if (name !== wildcardName) unsubscribe(type, name);
		else if (type.wildcard) {
			type.wildcard = false;
			forgetUnnamed(type);
		}
	}
	if (first && !type.wildcard) forgetUnnamed(type);
}

function subscribe(type: TypeState, name: string): void {
	addName(type, name);
	type.due.add(name);
}

function unsubscribe(type: TypeState, name: string): void {
	if (!removeName(type, name)) return;
	// Under a wildcard the client cannot know whether it keeps the resource: it is told again.
	if (type.wildcard) type.due.add(name);
	else forget(type, name);
}

function forgetUnnamed(type: TypeState): void {
	for (const name of [...type.known.keys()]) if (!type.names.has(name)) forget(type, name);
	for (const name of [...type.due]) if (!type.names.has(name)) type.due.delete(name);
	type.answerDue = false;
}

/** Whether `text` blames `name`: clients write `name: reason` (Envoy, gRPC and ours), perhaps in quotes. A name that is only a
 *  word of the sentence is not blamed. */
function blames(text: string, name: string): boolean {
	for (let at = text.indexOf(name); at !== -1; at = text.indexOf(name, at + 1)) {
		const before = text.slice(Math.max(0, at - 1), at);
		const after = text.slice(at + name.length, at + name.length + 3);
		if (!/[\w|./-]/.test(before) && /^["']?:(?:\s|$)/.test(after)) return true;
	}
	return false;
}

function end(code: "INVALID_ARGUMENT" | "RESOURCE_EXHAUSTED", message: string): StreamEffect {
	return { kind: "end", code, message };
}
