/** Clients that nobody wrote down: whatever they ask for, refuse, leave and come back with, in the end they hold what the snapshot has for them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { NodeSchema } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import { createSeededRandom } from "../../core/index.ts";
import type { XdsResource } from "../resource/resource.ts";
import {
	clusterType,
	endpointType,
	extensionType,
	isFullSetType,
	listenerType,
	routeType,
} from "../resource/type-urls.ts";
import { onBlocked, onSnapshot, onWake, onWritable } from "./push.ts";
import { onRequest, type StreamRequest } from "./requests.ts";
import { createSetVersions } from "./set-version.ts";
import { createStream, type StreamEffect, type StreamResponse, type StreamState, type Variant } from "./stream.ts";

const types = [clusterType, endpointType, listenerType, routeType, extensionType];
const allNames = ["a", "b", "c", "d", "e", "f"];
const node = create(NodeSchema, { id: "n" });

type Resources = ReadonlyMap<string, ReadonlyMap<string, XdsResource>>;

/** One type as a client sees it. */
interface Subscription {
	isOpen: boolean;
	wildcard: boolean;
	everNamed: boolean;
	readonly names: Set<string>;
	/** Versions by name. */
	readonly held: Map<string, string>;
}

/** A client of one form with its stream. */
class Client {
	readonly variant: Variant;
	readonly random: () => number;
	readonly subscriptions = new Map<string, Subscription>();
	resources: Resources = new Map();
	now = 0;
	#state: StreamState;
	/** Answered in their order, at some time. */
	#unanswered: StreamResponse[] = [];
	#isFirst = true;
	#lastNonces = new Map<string, string>();
	#isBlocked = false;

	constructor(variant: Variant, random: () => number) {
		this.variant = variant;
		this.random = random;
		this.#state = createStream(variant, createSetVersions());
		for (const type of types)
			this.subscriptions.set(type, {
				...{ isOpen: false, wildcard: false, everNamed: false, names: new Set(), held: new Map() },
			});
	}

	/** Takes the effects of an event: whoever is identified is given the snapshot. */
	#run(effects: readonly StreamEffect[]): void {
		for (const effect of effects) {
			if (effect.kind === "identified") this.#run(onSnapshot(this.#state, { resources: this.resources }, this.now));
			if (effect.kind === "send") this.#unanswered.push(effect.response);
			assert.notEqual(effect.kind, "end");
		}
	}

	change(resources: Resources): void {
		this.resources = resources;
		if (this.#state.node !== undefined) this.#run(onSnapshot(this.#state, { resources }, this.now));
	}

	wake(): void {
		this.now += 10_000;
		this.#run(onWake(this.#state, this.now));
	}

	block(): void {
		this.#isBlocked = !this.#isBlocked;
		if (this.#isBlocked) onBlocked(this.#state);
		else this.#run(onWritable(this.#state, this.now));
	}

	unblock(): void {
		if (this.#isBlocked) this.block();
	}

	/** Takes up or leaves some names, or all. */
	subscribe(typeUrl: string): void {
		const own = this.subscriptions.get(typeUrl)!;
		const { names } = own;
		const wanted = new Set(allNames.filter(() => this.random() < 0.4));
		const first = !own.isOpen;
		let wildcard = this.random() < 0.3;
		if (this.variant === "state-of-the-world") {
			// An empty list is all, unless a name was ever given.
			if (wanted.size > 0 || wildcard) own.everNamed = true;
			else wildcard = isFullSetType(typeUrl) && !own.everNamed;
			own.isOpen = true;
			const left = [...names].filter((name) => !wanted.has(name));
			names.clear();
			for (const name of wanted) names.add(name);
			for (const name of left) if (!wildcard) own.held.delete(name);
			if (own.wildcard && !wildcard)
				for (const name of [...own.held.keys()]) if (!names.has(name)) own.held.delete(name);
			own.wildcard = wildcard;
			this.#sendState(typeUrl, this.#lastNonces.get(typeUrl) ?? "");
			return;
		}
		const subscribe = [...wanted].filter((name) => !names.has(name) || this.random() < 0.3);
		const unsubscribe = [...names].filter((name) => !wanted.has(name));
		if (wildcard && (!own.wildcard || this.random() < 0.3)) subscribe.push("*");
		if (!wildcard && own.wildcard) unsubscribe.push("*");
		if (first && subscribe.length === 0 && isFullSetType(typeUrl)) wildcard = true;
		own.isOpen = true;
		for (const name of unsubscribe) {
			names.delete(name);
			// Under a wildcard it is told whether it stays.
			if (!own.wildcard || !wildcard) own.held.delete(name);
		}
		for (const name of wanted) names.add(name);
		if (own.wildcard && !wildcard) for (const name of [...own.held.keys()]) if (!names.has(name)) own.held.delete(name);
		own.wildcard = wildcard;
		this.#send({ kind: "delta", typeUrl, nonce: "", subscribe, unsubscribe, initialVersions: {} });
	}

	#sendState(typeUrl: string, nonce: string, error?: string): void {
		const { names, wildcard, everNamed } = this.subscriptions.get(typeUrl)!;
		const all = wildcard && everNamed ? ["*", ...names] : [...names];
		this.#send({ kind: "state-of-the-world", typeUrl, nonce, error, version: "", names: all });
	}

	#send(request: StreamRequest): void {
		const withNode = this.#isFirst ? { ...request, node } : request;
		this.#isFirst = false;
		this.now++;
		this.#run(onRequest(this.#state, withNode, this.now));
	}

	/** Answers the oldest response: takes it, or refuses it.
	 *  @returns false when there is none */
	answer(mayRefuse: boolean): boolean {
		const response = this.#unanswered.shift();
		if (response === undefined) return false;
		const { typeUrl, nonce } = response;
		this.#lastNonces.set(typeUrl, nonce);
		const [first] = response.resources;
		const error = mayRefuse && first !== undefined && this.random() < 0.2 ? `${first.name}: no` : undefined;
		// What goes is let go of whatever else is refused, as Envoy does it.
		this.#take(response, error !== undefined);
		if (this.variant === "delta")
			this.#send({ kind: "delta", typeUrl, nonce, error, subscribe: [], unsubscribe: [], initialVersions: {} });
		else this.#sendState(typeUrl, nonce, error);
		return true;
	}

	#take({ typeUrl, resources, removed }: StreamResponse, isRefused: boolean): void {
		const { held, names, wildcard } = this.subscriptions.get(typeUrl)!;
		if (this.variant === "state-of-the-world" && isFullSetType(typeUrl) && !isRefused) held.clear();
		// What was left meanwhile concerns nobody.
		for (const { name, version } of isRefused ? [] : resources)
			if (wildcard || names.has(name)) held.set(name, version);
		for (const name of removed) held.delete(name);
	}

	/** The stream breaks; the next one tells what is held. */
	reconnect(): void {
		this.#state = createStream(this.variant, createSetVersions());
		this.#unanswered = [];
		this.#lastNonces.clear();
		this.#isFirst = true;
		this.#isBlocked = false;
		for (const [typeUrl, own] of this.subscriptions) {
			if (!own.isOpen) continue;
			const { names, wildcard, held } = own;
			if (this.variant === "state-of-the-world") {
				own.everNamed ||= names.size > 0 || !wildcard;
				// A client that wants nothing asks for nothing.
				if (names.size > 0 || wildcard) this.#sendState(typeUrl, "");
				else own.isOpen = own.everNamed = false;
				continue;
			}
			const subscribe = [...names, ...(wildcard ? ["*"] : [])];
			if (subscribe.length === 0) own.isOpen = false;
			else
				this.#send({
					...{ kind: "delta", typeUrl, nonce: "", subscribe, unsubscribe: [] },
					initialVersions: Object.fromEntries(held),
				});
		}
	}
}

function randomResources(random: () => number, round: number, before: Resources): Resources {
	return new Map(
		types.map((typeUrl) => {
			const old = before.get(typeUrl) ?? new Map<string, XdsResource>();
			if (random() < 0.3) return [typeUrl, old];
			const next = new Map<string, XdsResource>();
			for (const name of allNames) {
				const known = old.get(name);
				const chance = random();
				if (known !== undefined && chance < 0.6) next.set(name, known);
				else if (chance < 0.8)
					next.set(name, { name, typeUrl, version: `${round}`, value: Buffer.from(`${name} ${round}`) });
			}
			return [typeUrl, next];
		}),
	);
}

for (const variant of ["delta", "state-of-the-world"] as const)
	test(`${variant}: whatever a client does, in the end it holds what there is for it`, () => {
		for (let seed = 1; seed <= 400; seed++) {
			const source = createSeededRandom(seed);
			const random = (): number => source.next();
			const client = new Client(variant, random);
			const refuses = seed % 2 === 0;
			let resources = randomResources(random, 0, new Map());
			client.change(resources);
			for (let round = 1; round <= 40; round++) {
				const chance = random();
				if (chance < 0.3) client.subscribe(types[Math.floor(random() * types.length)]!);
				else if (chance < 0.5) {
					resources = randomResources(random, round, resources);
					client.change(resources);
				} else if (chance < 0.55) client.reconnect();
				else if (chance < 0.6) client.block();
				else if (chance < 0.65) client.wake();
				else client.answer(refuses);
			}
			client.unblock();
			// What was refused is mended by another version; everything else stays.
			if (refuses)
				resources = new Map(
					[...resources].map(([typeUrl, byName]) => [
						typeUrl,
						new Map([...byName].map(([name, item]) => [name, { ...item, version: "last" }])),
					]),
				);
			client.change(resources);
			for (let left = 200; client.answer(false) || left > 197; left--) {
				assert.ok(left > 0, `seed ${seed}: it does not end`);
				client.wake();
			}
			for (const [typeUrl, { wildcard, names, held, isOpen }] of client.subscriptions) {
				if (!isOpen) continue;
				const there = resources.get(typeUrl)!;
				const wanted = [...there.keys()].filter((name) => wildcard || names.has(name));
				const expected = wanted.map((name) => [name, there.get(name)!.version]);
				// State of the world has no words for the absence of the other types.
				const isWhole = variant === "delta" || isFullSetType(typeUrl);
				const shown = [...held].filter(([name]) => isWhole || there.has(name)).sort();
				assert.deepEqual(shown, expected.sort(), `seed ${seed}, ${typeUrl}`);
			}
		}
	});
