/** Both state machines against each other, without sockets: after any mix of changes, refusals, subscriptions and broken streams
 *  the client ends up with what the server has. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { Cluster_DiscoveryType, ClusterSchema } from "../api/gen/envoy/config/cluster/v3/cluster_pb.js";
import { NodeSchema } from "../api/gen/envoy/config/core/v3/base_pb.js";
import { createSeededRandom, type Random } from "../core/index.ts";
import { onApplied, onClosed, onOpened, onResponse, onSubscribe, onTime } from "./client/client-machine.ts";
import { type ClientEffect, type ClientRequest, createClientState } from "./client/client-state.ts";
import type { XdsResource } from "./resource/resource.ts";
import { clusterType, endpointType, isFullSetType, listenerType, routeType } from "./resource/type-urls.ts";
import { onSnapshot, onWake } from "./server/push.ts";
import { onRequest, type StreamRequest } from "./server/requests.ts";
import { describeTypes } from "./server/status.ts";
import { createStream, type StreamEffect, type StreamResponse, type Variant } from "./server/stream.ts";

const types = [clusterType, endpointType, listenerType, routeType];
const names = ["a", "b", "c", "d", "e"];

for (const variant of ["delta", "state-of-the-world"] as const) {
	test(`${variant}: 300 random histories converge`, () => {
		for (let seed = 1; seed <= 300; seed++) {
			const world = createWorld(variant, createSeededRandom(seed));
			for (let step = 0; step < 60; step++) world.step();
			world.settle();
			world.check(`seed ${seed}`);
		}
	});
}

interface World {
	/** One random thing happens. */
	step(): void;
	/** Nothing bad is left, and everything under way arrives. */
	settle(): void;
	check(label: string): void;
}

function createWorld(variant: Variant, random: Random): World {
	let now = 0;
	let version = 0;
	const node = create(NodeSchema, { id: "n" });
	const resources = new Map<string, Map<string, XdsResource>>(types.map((type) => [type, new Map()]));
	const client = createClientState({ variant, node, nodeOnFirstMessageOnly: true });
	let server = createStream(variant, versionOf);
	let toServer: ClientRequest[] = [];
	let toClient: StreamResponse[] = [];
	/** What the client took, by type and name. */
	const view = new Map<string, Map<string, string>>(types.map((type) => [type, new Map()]));
	const wanted = new Map<string, Set<string>>([
		[endpointType, new Set()],
		[routeType, new Set()],
	]);

	const pick = <T>(list: readonly T[]): T => list[Math.floor(random.next() * list.length)] as T;

	function runServer(effects: readonly StreamEffect[]): void {
		for (const effect of effects) {
			if (effect.kind === "send") toClient.push(effect.response);
			else if (effect.kind === "identified") runServer(onSnapshot(server, takeSnapshot(), now));
			assert.notEqual(effect.kind, "end");
		}
	}

	function runClient(effects: readonly ClientEffect[]): void {
		for (const effect of effects) {
			if (effect.kind === "connect") connect();
			else if (effect.kind === "send") toServer.push(effect.request);
			else if (effect.kind === "update") runClient(applyUpdate(effect));
		}
	}

	function applyUpdate(effect: Extract<ClientEffect, { kind: "update" }>): ClientEffect[] {
		const { added, removed, typeUrl } = effect.update;
		const ofType = view.get(typeUrl) as Map<string, string>;
		const refused = [];
		for (const { name, value } of added) {
			const packed = versionIn(value);
			if (isBad(packed)) refused.push({ name, problem: "is bad" });
			else ofType.set(name, packed);
		}
		for (const name of removed) ofType.delete(name);
		return onApplied(client, effect, refused, now);
	}

	function connect(): void {
		server = createStream(variant, versionOf);
		toServer = [];
		toClient = [];
		runClient(onOpened(client, now));
	}

	function disconnect(): void {
		toServer = [];
		toClient = [];
		runClient(onClosed(client, now, random));
	}

	function takeSnapshot(): { resources: ReadonlyMap<string, ReadonlyMap<string, XdsResource>> } {
		return { resources: new Map([...resources].map(([type, ofType]) => [type, new Map(ofType)])) };
	}

	function change(type: string, name: string): void {
		version++;
		resources
			.get(type)
			?.set(name, { name, version: String(version), typeUrl: type, value: pack(type, name, String(version)) });
	}

	function subscribe(type: string): void {
		const set = new Set(names.filter(() => random.next() < 0.5));
		for (const name of wanted.get(type) ?? []) if (!set.has(name)) view.get(type)?.delete(name);
		wanted.set(type, set);
		runClient(onSubscribe(client, type, new Set(set), now));
	}

	function deliver(toWhom: "server" | "client"): boolean {
		if (toWhom === "server") {
			const request = toServer.shift();
			if (request !== undefined) runServer(onRequest(server, toStreamRequest(request), now));
			return request !== undefined;
		}
		const response = toClient.shift();
		if (response !== undefined) {
			const received = response.resources.map(({ name, value, version: own }) => ({
				name,
				value,
				version: variant === "delta" ? own : response.version,
			}));
			runClient(onResponse(client, { ...response, resources: received, broken: [] }));
		}
		return response !== undefined;
	}

	runClient(onSubscribe(client, clusterType, "*", now));
	runClient(onSubscribe(client, listenerType, "*", now));

	return {
		step() {
			now += Math.floor(random.next() * 200);
			const dice = random.next();
			if (dice < 0.2) {
				const type = pick(types);
				if (random.next() < 0.3) resources.get(type)?.delete(pick(names));
				else change(type, pick(names));
				runServer(onSnapshot(server, takeSnapshot(), now));
			} else if (dice < 0.3) subscribe(pick([endpointType, routeType]));
			else if (dice < 0.34) disconnect();
			else if (dice < 0.4) runClient(onTime(client, now));
			else if (dice < 0.45) runServer(onWake(server, now));
			else deliver(random.next() < 0.5 ? "server" : "client");
		},
		settle() {
			for (const [type, ofType] of resources) {
				for (const { name, version: own } of [...ofType.values()]) {
					if (!isBad(own)) continue;
					do change(type, name);
					while (isBad(String(version)));
				}
			}
			runServer(onSnapshot(server, takeSnapshot(), now));
			for (let idle = 0; idle < 3; ) {
				if (deliver("server") || deliver("client")) {
					idle = 0;
					continue;
				}
				now += 20_000;
				runClient(onTime(client, now));
				runServer(onWake(server, now));
				if (toServer.length + toClient.length === 0) idle++;
			}
		},
		check(label) {
			for (const type of types) {
				const has = resources.get(type) as Map<string, XdsResource>;
				const names = isFullSetType(type) ? new Set(has.keys()) : (wanted.get(type) as Set<string>);
				const expected = [...names].filter((name) => has.has(name)).map((name) => [name, has.get(name)?.version]);
				// In state of the world the absence of endpoints and routes is not told.
				const told = variant === "delta" || isFullSetType(type);
				const actual = [...(view.get(type) as Map<string, string>)].filter(([name]) => told || has.has(name));
				assert.deepEqual(actual.sort(), expected.sort(), `${label}: ${type}`);
			}
			for (const { reason, state, typeUrl } of describeTypes(server, (time) => time)) {
				assert.notEqual(state, "STALE", `${label}: ${typeUrl}`);
				assert.equal(reason, undefined, `${label}: ${typeUrl}`);
			}
		},
	};
}

function isBad(version: string): boolean {
	return Number(version) % 7 === 0;
}

/** The version travels in the packed message as well, so that the client can be asked what it runs. */
function pack(type: string, name: string, version: string): Uint8Array {
	if (type !== clusterType) return Buffer.from(version);
	const discovery = { case: "type", value: Cluster_DiscoveryType.EDS } as const;
	return toBinary(
		ClusterSchema,
		create(ClusterSchema, { name, altStatName: version, clusterDiscoveryType: discovery }),
	);
}

function versionIn(value: Uint8Array): string {
	return /\d+$/.exec(Buffer.from(value).toString("latin1"))?.[0] ?? "";
}

function versionOf(set: ReadonlyMap<string, XdsResource> | readonly XdsResource[]): string {
	return Array.from(set.values(), ({ name, version }) => `${name}:${version}`)
		.sort()
		.join(",");
}

function toStreamRequest(request: ClientRequest): StreamRequest {
	const base = { typeUrl: request.typeUrl, node: request.node, nonce: request.nonce, error: request.error };
	if (request.kind === "state-of-the-world") {
		return { ...base, kind: request.kind, version: request.version, names: request.names };
	}
	const { initialVersions, subscribe, unsubscribe } = request;
	return { ...base, kind: request.kind, subscribe, unsubscribe, initialVersions };
}
