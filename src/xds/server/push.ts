import type { Millis } from "../../core/index.ts";
import type { XdsResource } from "../resource/resource.ts";
import { clusterType, endpointType, isFullSetType, listenerType, routeType } from "../resource/type-urls.ts";
import { readAssignmentName } from "./assignment-name.ts";
import { isGiven, type XdsSnapshot } from "./snapshot.ts";
import { forget, type StreamEffect, type StreamResponse, type StreamState, type TypeState } from "./stream.ts";

/** How long listeners and routes wait for new clusters to be acknowledged. Envoy acknowledges clusters once they are warm; a
 *  cluster that cannot warm must not keep route changes back for long. */
export const warmLimitMs = 500;

/** How long listeners and routes wait for clusters that could not be sent yet, because the client owes an acknowledgement. */
export const heldLimitMs = 5_000;

/** There is a new snapshot, or none yet. */
export function onSnapshot(state: StreamState, snapshot: XdsSnapshot | undefined, now: Millis): StreamEffect[] {
	// A node that the source no longer knows keeps what it has.
	if (snapshot !== undefined) state.snapshot = snapshot;
	return advance(state, now);
}

/** The transport's buffer is full: nothing is sent until `onWritable`. */
export function onBlocked(state: StreamState): void {
	state.blocked = true;
}

/** The transport's buffer has drained. */
export function onWritable(state: StreamState, now: Millis): StreamEffect[] {
	state.blocked = false;
	return advance(state, now);
}

/** The time of a `wake` effect has come. */
export function onWake(state: StreamState, now: Millis): StreamEffect[] {
	return advance(state, now);
}

/** What separates the client from the snapshot, in one type. */
interface Plan {
	readonly type: TypeState;
	readonly resources: ReadonlyMap<string, XdsResource>;
	readonly changed: readonly XdsResource[];
	/** Held by the client, gone from the snapshot. */
	readonly removed: readonly string[];
	/** Asked for, never there (delta answers these as removed). */
	readonly missing: readonly string[];
	/** Whether the client waits for an answer, be it empty. */
	readonly owed: boolean;
}

/** Sends what may be sent: per type at most one unanswered response, in the order of `sendRank`, removals last. */
export function advance(state: StreamState, now: Millis): StreamEffect[] {
	if (state.node === undefined || state.snapshot === undefined || state.blocked) return [];
	const snapshot = state.snapshot;
	if (isAllSent(state, snapshot)) return [];
	const plans = state.ranked.map((type) => computePlan(state, type, snapshot));
	const settled = plans.every((plan) => !refersToClusters(plan.type) || isSettled(plan));
	const effects: StreamEffect[] = [];
	let wakeAt: Millis | undefined;
	let heldUntil = 0;
	let clusterRemovalHeld = false;
	for (const plan of plans) {
		const { type } = plan;
		const removals = !isRemovedLast(type) || (settled && !(type.typeUrl === endpointType && clusterRemovalHeld));
		const due = type.typeUrl === endpointType ? refreshDue(state, plan) : plan;
		if (!hasNews(due, removals)) {
			onNothingToSend(state, due);
			continue;
		}
		type.pending = true;
		if (type.outstanding !== undefined) {
			if (type.typeUrl !== clusterType) continue;
			if (plan.changed.length > 0) heldUntil = type.updatedAt + heldLimitMs;
			clusterRemovalHeld = plan.removed.length > 0;
			continue;
		}
		const waitUntil = refersToClusters(type) ? Math.max(heldUntil, warmingUntil(state)) : 0;
		if (now < waitUntil) {
			wakeAt = waitUntil;
			continue;
		}
		if (type.typeUrl === clusterType) beforeClusters(state, plan, now);
		effects.push({ kind: "send", response: send(state, due, removals, now) });
	}
	return wakeAt === undefined ? effects : [...effects, { kind: "wake", at: wakeAt }];
}

/** Whether every type is as after a look at it that found nothing: so it is after most acknowledgements, of which there are thousands at once. */
function isAllSent({ ranked }: StreamState, snapshot: XdsSnapshot): boolean {
	for (const type of ranked) {
		const resources = snapshot.resources.get(type.typeUrl) ?? noResources;
		if (type.matched !== resources || type.due.size > 0 || type.answerDue || type.claimedVersion !== "") return false;
	}
	for (const type of ranked) type.pending = false;
	return true;
}

function computePlan(state: StreamState, type: TypeState, snapshot: XdsSnapshot): Plan {
	const resources = snapshot.resources.get(type.typeUrl) ?? noResources;
	if (type.claimedVersion !== "") acceptClaim(state, type, resources);
	const changed: XdsResource[] = [];
	const removed: string[] = [];
	if (type.matched !== resources) compare(type, resources, changed, removed);
	const missing: string[] = [];
	for (const name of type.due) {
		const resource = resources.get(name);
		if (resource !== undefined) changed.push(resource);
		else if (!type.known.has(name)) missing.push(name);
	}
	if (state.variant === "delta" || isFullSetType(type.typeUrl)) {
		return { type, resources, changed, removed, missing, owed: type.answerDue };
	}
	// State of the world has no words for the absence of these types; their parents tell.
	for (const name of removed) forget(type, name);
	return { type, resources, changed, removed: [], missing: [], owed: type.answerDue };
}

const noResources: ReadonlyMap<string, XdsResource> = new Map();

/** What is other than what the client has, and what is gone; names that are due are looked at apart. */
function compare(
	type: TypeState,
	resources: ReadonlyMap<string, XdsResource>,
	changed: XdsResource[],
	removed: string[],
): void {
	const { names, known, due } = type;
	const compareOne = (resource: XdsResource | undefined, name: string): void => {
		const held = known.get(name);
		if (held === resource) return;
		if (resource === undefined) removed.push(name);
		else if (held?.version !== resource.version && !due.has(name)) changed.push(resource);
	};
	if (!type.wildcard) {
		// Nothing else is known then.
		for (const name of names) compareOne(resources.get(name), name);
		return;
	}
	for (const [name, resource] of resources) compareOne(resource, name);
	for (const name of names) if (!isGiven(resources, name)) compareOne(resources.get(name), name);
	for (const name of known.keys()) if (!names.has(name) && !isGiven(resources, name)) removed.push(name);
}

/** A client that reconnects (state of the world) with the version of the very set it would get has it already. */
function acceptClaim(state: StreamState, type: TypeState, resources: ReadonlyMap<string, XdsResource>): void {
	const claimed = type.claimedVersion;
	type.claimedVersion = "";
	if (!type.wildcard || !isFullSetType(type.typeUrl) || type.names.size > 0) return;
	if (state.versionOf(resources) !== claimed) return;
	for (const resource of resources.values()) type.known.set(resource.name, resource);
	type.answerDue = false;
	type.sentVersion = claimed;
	type.ackedVersion = claimed;
}

/** The endpoints of a cluster just sent became due after the plan was made. */
function refreshDue(state: StreamState, plan: Plan): Plan {
	if (plan.type.due.size === 0) return plan;
	const changed = new Set(plan.changed);
	const missing = new Set(plan.missing);
	for (const name of plan.type.due) {
		const resource = plan.resources.get(name);
		if (resource !== undefined) changed.add(resource);
		else if (state.variant === "delta" && !plan.type.known.has(name)) missing.add(name);
	}
	return { ...plan, changed: [...changed], missing: [...missing] };
}

function hasNews(plan: Plan, removals: boolean): boolean {
	return plan.owed || plan.changed.length > 0 || plan.missing.length > 0 || (removals && plan.removed.length > 0);
}

function onNothingToSend(state: StreamState, plan: Plan): void {
	const { type } = plan;
	type.pending = false;
	if (plan.removed.length === 0) type.matched = plan.resources;
	if (type.sentVersion === "" && type.known.size > 0) {
		// A reconnected client that missed nothing.
		type.sentVersion = state.versionOf(completeSet(plan));
		type.ackedVersion = type.sentVersion;
	}
}

/** Listeners and routes are settled when the client runs the newest of them: then nothing refers to what goes. */
function isSettled({ type, changed, missing, owed, removed }: Plan): boolean {
	const isNewest = type.outstanding === undefined && !owed && changed.length === 0 && missing.length === 0;
	if (!isNewest || type.reason === "") return isNewest;
	// What is refused and goes as well refers to nothing any more.
	return type.rejected.size > 0 && [...type.rejected].every((name) => removed.includes(name));
}

function refersToClusters(type: TypeState): boolean {
	return type.typeUrl === listenerType || type.typeUrl === routeType;
}

function isRemovedLast(type: TypeState): boolean {
	return type.typeUrl === clusterType || type.typeUrl === endpointType || type.typeUrl === routeType;
}

function warmingUntil(state: StreamState): Millis {
	return state.types.get(clusterType)?.outstanding === undefined ? 0 : state.warmUntil;
}

/** A changed cluster warms anew and waits for its endpoints, changed or not; a new one keeps listeners and routes back. */
function beforeClusters(state: StreamState, plan: Plan, now: Millis): void {
	const endpoints = state.types.get(endpointType);
	for (const cluster of plan.changed) {
		if (!plan.type.known.has(cluster.name)) state.warmUntil = now + warmLimitMs;
		if (endpoints === undefined) continue;
		const name = readAssignmentName(cluster.value);
		if (name !== undefined && (endpoints.wildcard || endpoints.names.has(name))) endpoints.due.add(name);
	}
}

function send(state: StreamState, plan: Plan, removals: boolean, now: Millis): StreamResponse {
	const { type } = plan;
	const fullSet = state.variant === "state-of-the-world" && isFullSetType(type.typeUrl);
	const resources: XdsResource[] = fullSet ? wantedOf(plan) : [...plan.changed];
	const removed = [...plan.missing];
	for (const name of plan.removed) {
		const held = type.known.get(name);
		if (removals) {
			forget(type, name);
			removed.push(name);
		} else if (fullSet && held?.value !== undefined) resources.push(held as XdsResource);
	}
	for (const resource of plan.changed) {
		const { name } = resource;
		if (type.typeUrl === routeType && !type.accepted.has(name)) type.accepted.set(name, type.known.get(name)?.value);
		type.known.set(name, resource);
	}
	const complete = type.wildcard || fullSet;
	type.sentVersion = state.versionOf(
		complete && (removals || plan.removed.length === 0) ? completeSet(plan) : resources,
	);
	type.sentNonce = String(++state.lastNonce);
	type.outstanding = [...resources.map((resource) => resource.name), ...removed];
	type.matched = removals || plan.removed.length === 0 ? plan.resources : undefined;
	type.due.clear();
	type.answerDue = false;
	type.pending = false;
	type.updatedAt = now;
	return {
		typeUrl: type.typeUrl,
		nonce: type.sentNonce,
		version: type.sentVersion,
		resources,
		removed: state.variant === "delta" ? removed : [],
	};
}

function wantedOf({ type, resources }: Plan): XdsResource[] {
	if (type.wildcard)
		return [
			...resources.values(),
			...[...type.names].flatMap((name) => (isGiven(resources, name) ? [] : (resources.get(name) ?? []))),
		];
	return [...type.names].flatMap((name) => resources.get(name) ?? []);
}

/** The same, as the map itself where it is all of it: its version is computed once for every node that shares it. */
function completeSet(plan: Plan): ReadonlyMap<string, XdsResource> | readonly XdsResource[] {
	return plan.type.wildcard ? plan.resources : wantedOf(plan);
}
