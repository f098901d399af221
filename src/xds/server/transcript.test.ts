/** Sessions of the server's state machine, as text in testdata/. */
import { join } from "node:path";
import { create, toBinary } from "@bufbuild/protobuf";
import { parseCommand, testTranscripts } from "../../../test/support/transcript.ts";
import { Cluster_DiscoveryType, ClusterSchema } from "../../api/gen/envoy/config/cluster/v3/cluster_pb.js";
import { NodeSchema } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import type { XdsResource } from "../resource/resource.ts";
import {
	clusterType,
	endpointType,
	listenerType,
	routeType,
	secretType,
	shortTypeName,
} from "../resource/type-urls.ts";
import { onBlocked, onSnapshot, onWake, onWritable } from "./push.ts";
import { onRequest, type StreamRequest } from "./requests.ts";
import { describeTypes } from "./status.ts";
import { createStream, type StreamEffect, type StreamState } from "./stream.ts";

const types: Readonly<Record<string, string>> = {
	cds: clusterType,
	eds: endpointType,
	lds: listenerType,
	rds: routeType,
	sds: secretType,
};

const noBytes = new Uint8Array();

testTranscripts(join(import.meta.dirname, "testdata"), () => {
	let state: StreamState = createStream("delta", versionOf);
	const resources = new Map<string, ReadonlyMap<string, XdsResource>>();
	let now = 0;

	return (command) => {
		const { words, pairs } = parseCommand(command);
		const [verb, argument] = words;
		switch (verb) {
			case "stream":
				state = createStream(argument === "delta" ? "delta" : "state-of-the-world", versionOf);
				return [];
			case "snapshot":
				for (const [type, list] of pairs)
					resources.set(types[type] as string, parseResources(types[type] as string, list));
				return format(onSnapshot(state, { resources: new Map(resources) }, now));
			case "request":
				return format(onRequest(state, parseRequest(types[argument as string] ?? "", pairs), now));
			case "blocked":
				onBlocked(state);
				return [];
			case "writable":
				return format(onWritable(state, now));
			case "wait":
				now += Number(argument);
				return format(onWake(state, now));
			case "status":
				return describeTypes(state, (time) => time).map(
					(type) =>
						`${shortTypeName(type.typeUrl)} ${type.state} sent=${type.sentVersion} acked=${type.ackedVersion} resources=${type.resources}${type.reason === undefined ? "" : ` reason="${type.reason}"`}`,
				);
			default:
				throw new Error(`unknown command ${command}`);
		}
	};

	function parseRequest(typeUrl: string, pairs: ReadonlyMap<string, string>): StreamRequest {
		const list = (key: string): string[] => (pairs.get(key) ?? "").split(",").filter((name) => name !== "");
		const node = pairs.get("node");
		const base = {
			typeUrl,
			node: node === undefined ? undefined : create(NodeSchema, { id: node }),
			nonce: pairs.get("nonce") ?? "",
			error: pairs.get("error"),
		};
		if (state.variant === "state-of-the-world") {
			return { ...base, kind: state.variant, version: pairs.get("version") ?? "", names: list("names") };
		}
		const initialVersions = Object.fromEntries(list("have").map((item) => item.split(":") as [string, string]));
		return { ...base, kind: "delta", subscribe: list("subscribe"), unsubscribe: list("unsubscribe"), initialVersions };
	}
});

function parseResources(typeUrl: string, list: string): ReadonlyMap<string, XdsResource> {
	const items = list.split(",").filter((item) => item !== "");
	return new Map(
		items.map((item) => {
			const [name, version] = item.split(":") as [string, string];
			const value = typeUrl === clusterType ? packCluster(name) : noBytes;
			return [name, { name, version, typeUrl, value }];
		}),
	);
}

function packCluster(name: string): Uint8Array {
	const discovery = { case: "type", value: Cluster_DiscoveryType.EDS } as const;
	return toBinary(ClusterSchema, create(ClusterSchema, { name, clusterDiscoveryType: discovery }));
}

function versionOf(set: ReadonlyMap<string, XdsResource> | readonly XdsResource[]): string {
	return `{${Array.from(set.values(), ({ name, version }) => `${name}:${version}`).join(",")}}`;
}

function format(effects: readonly StreamEffect[]): string[] {
	return effects.map((effect) => {
		switch (effect.kind) {
			case "send": {
				const { typeUrl, nonce, version, resources, removed } = effect.response;
				const added = resources.map(({ name, version }) => `${name}:${version}`).join(",");
				return `send ${shortTypeName(typeUrl)} nonce=${nonce} version=${version} resources=[${added}] removed=[${removed.join(",")}]`;
			}
			case "identified":
				return `identified ${effect.node.id}`;
			case "wake":
				return `wake at=${effect.at}`;
			case "end":
				return `end ${effect.code} "${effect.message}"`;
			case "acked":
				return `acked ${shortTypeName(effect.typeUrl)} version=${effect.version}`;
			case "nacked":
				return `nacked ${shortTypeName(effect.typeUrl)} version=${effect.version} reason="${effect.reason}"`;
			case "stale":
				return `stale ${shortTypeName(effect.typeUrl)} nonce=${effect.nonce}`;
			default:
				return "";
		}
	});
}
