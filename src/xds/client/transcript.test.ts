/** Sessions of the client's state machine, as text in testdata/. */
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { parseCommand, testTranscripts } from "../../../test/support/transcript.ts";
import { NodeSchema } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import { createSeededRandom } from "../../core/index.ts";
import {
	clusterType,
	endpointType,
	listenerType,
	routeType,
	secretType,
	shortTypeName,
} from "../resource/type-urls.ts";
import {
	onApplied,
	onAsk,
	onClosed,
	onDrained,
	onForget,
	onFull,
	onOpened,
	onPause,
	onResponse,
	onResume,
	onSubscribe,
	onTime,
} from "./client-machine.ts";
import { type ClientEffect, type ClientRequest, createClientState, type RefusedResource } from "./client-state.ts";

const types: Readonly<Record<string, string>> = {
	cds: clusterType,
	eds: endpointType,
	lds: listenerType,
	rds: routeType,
	sds: secretType,
};

testTranscripts(join(import.meta.dirname, "testdata"), () => {
	const node = create(NodeSchema, { id: "n1" });
	const random = createSeededRandom(1);
	let state = createClientState({ variant: "delta", node, nodeOnFirstMessageOnly: true });
	let updates: Extract<ClientEffect, { kind: "update" }>[] = [];
	let now = 0;

	return (command) => {
		const { words, pairs } = parseCommand(command);
		const [verb, argument = ""] = words;
		const typeUrl = types[argument] ?? "";
		const list = (key: string): string[] => (pairs.get(key) ?? "").split(",").filter((item) => item !== "");
		switch (verb) {
			case "client": {
				const variant = argument === "delta" ? "delta" : "state-of-the-world";
				state = createClientState({ variant, node, nodeOnFirstMessageOnly: pairs.get("node") !== "always" });
				updates = [];
				return [];
			}
			case "subscribe":
				return format(onSubscribe(state, typeUrl, pairs.has("names") ? new Set(list("names")) : "*", now));
			case "ask":
				return format(onAsk(state, typeUrl, words[2]!, now));
			case "forget":
				return format(onForget(state, typeUrl, words[2]!, now));
			case "opened":
				return format(onOpened(state, now));
			case "closed":
				return format(onClosed(state, now, random));
			case "response":
				return format(
					onResponse(state, {
						typeUrl,
						nonce: pairs.get("nonce") ?? "",
						version: pairs.get("version") ?? "",
						resources: list("resources").map((item) => {
							const [name = "", version = pairs.get("version") ?? ""] = item.split(":");
							return { name, version, value: new Uint8Array() };
						}),
						removed: list("removed"),
						broken: list("broken").map((name) => ({ name, problem: "cannot be read" })),
					}),
				);
			case "applied": {
				const refused: RefusedResource[] = [...pairs].map(([name, problem]) => ({ name, problem }));
				const update = updates.shift();
				if (update === undefined) throw new Error("nothing to apply");
				return format(onApplied(state, update, refused, now));
			}
			case "pause":
				onPause(state, typeUrl);
				return [];
			case "resume":
				return format(onResume(state, typeUrl, now));
			case "full":
				onFull(state);
				return [];
			case "drained":
				return format(onDrained(state, now));
			case "responses": {
				// As many as are said, each applied at once; what the last one leads to is told.
				let told: string[] = [];
				for (let count = 1; count <= Number(words[2]); count++) {
					const one = { typeUrl, nonce: `${count}`, version: `${count}`, resources: [], removed: [], broken: [] };
					const [effect] = onResponse(state, one);
					if (effect?.kind === "update") told = format(onApplied(state, effect, [], now));
				}
				return told;
			}
			case "wait":
				now += Number(argument);
				return format(onTime(state, now));
			default:
				throw new Error(`unknown command ${command}`);
		}
	};

	function format(effects: readonly ClientEffect[]): string[] {
		return effects.map((effect) => {
			switch (effect.kind) {
				case "send":
					return `send ${formatRequest(effect.request)}`;
				case "update": {
					updates.push(effect);
					const { update, broken } = effect;
					const added = update.added.map(({ name, version }) => `${name}:${version}`).join(",");
					const faults = broken.map(({ name, problem }) => `${name} ${problem}`).join("; ");
					return `update ${shortTypeName(update.typeUrl)} added=[${added}] removed=[${update.removed.join(",")}]${faults === "" ? "" : ` broken="${faults}"`}`;
				}
				case "missing":
					return `missing ${shortTypeName(effect.typeUrl)} [${effect.names.join(",")}]`;
				case "wake":
					return `wake at=${effect.at}`;
				default:
					return effect.kind;
			}
		});
	}
});

function formatRequest(request: ClientRequest): string {
	const parts = [shortTypeName(request.typeUrl)];
	if (request.node !== undefined) parts.push(`node=${request.node.id}`);
	parts.push(`nonce=${request.nonce}`);
	if (request.kind === "state-of-the-world") {
		parts.push(`version=${request.version}`, `names=[${request.names.join(",")}]`);
	} else {
		parts.push(`subscribe=[${request.subscribe.join(",")}]`, `unsubscribe=[${request.unsubscribe.join(",")}]`);
		const have = Object.entries(request.initialVersions).map(([name, version]) => `${name}:${version}`);
		if (have.length > 0) parts.push(`have=[${have.join(",")}]`);
	}
	if (request.error !== undefined) parts.push(`error="${request.error}"`);
	return parts.join(" ");
}
