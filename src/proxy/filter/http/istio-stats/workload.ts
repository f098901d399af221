import { fromBinary, fromJson, type JsonObject, toBinary, toJson } from "@bufbuild/protobuf";
import { StructSchema } from "@bufbuild/protobuf/wkt";

/** What labels say of a workload; empty texts are unknown. */
export interface WorkloadFacts {
	readonly workload: string;
	readonly namespace: string;
	readonly canonicalName: string;
	readonly canonicalRevision: string;
	readonly app: string;
	readonly version: string;
	readonly cluster: string;
}

/** Largest metadata header that is read: a stranger may have written it. */
const maxHeaderLength = 16 * 1024;

/** Reads the metadata of a node (`NAMESPACE`, `WORKLOAD_NAME`, `LABELS`, `CLUSTER_ID`), as Istio's bootstrap writes it. */
export function readNodeMetadata(metadata: Readonly<Record<string, unknown>>): WorkloadFacts {
	const labels = isObject(metadata["LABELS"]) ? metadata["LABELS"] : {};
	const app = readText(labels["app"]);
	const version = readText(labels["version"]);
	return {
		workload: readText(metadata["WORKLOAD_NAME"]),
		namespace: readText(metadata["NAMESPACE"]),
		canonicalName: readText(labels["service.istio.io/canonical-name"]) || app || readText(metadata["WORKLOAD_NAME"]),
		canonicalRevision: readText(labels["service.istio.io/canonical-revision"]) || version || "latest",
		app,
		version,
		cluster: readText(metadata["CLUSTER_ID"]),
	};
}

/** Reads the endpoint metadata `istio.workload`: `name;namespace;canonical name;canonical revision;cluster`. It has no app and
 *  version; the canonical ones are these in all but odd cases. */
export function readEndpointWorkload(text: string): WorkloadFacts {
	const [workload = "", namespace = "", canonicalName = "", canonicalRevision = "", cluster = ""] = text.split(";");
	return {
		workload,
		namespace,
		canonicalName,
		canonicalRevision: canonicalRevision || "latest",
		app: canonicalName,
		version: canonicalRevision === "latest" ? "" : canonicalRevision,
		cluster,
	};
}

/** The value of `x-envoy-peer-metadata` for a node: the part of its metadata that peers need, as a base64 Struct. */
export function encodePeerMetadata(metadata: Readonly<Record<string, unknown>>): string {
	const kept: JsonObject = {};
	for (const name of ["NAME", "NAMESPACE", "WORKLOAD_NAME", "CLUSTER_ID", "LABELS"]) {
		const value = metadata[name];
		if (typeof value === "string") kept[name] = value;
		else if (isObject(value)) {
			kept[name] = Object.fromEntries(
				Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
			);
		}
	}
	return Buffer.from(toBinary(StructSchema, fromJson(StructSchema, kept))).toString("base64");
}

/** Reads a peer's `x-envoy-peer-metadata`; undefined when it is none. */
export function decodePeerMetadata(header: string): WorkloadFacts | undefined {
	if (header.length > maxHeaderLength) return undefined;
	try {
		const metadata = toJson(StructSchema, fromBinary(StructSchema, Buffer.from(header, "base64")));
		return isObject(metadata) ? readNodeMetadata(metadata) : undefined;
	} catch {
		// Bytes of a stranger that are no Struct say nothing.
		return undefined;
	}
}

/** Peers by their metadata header, the oldest dropped when there are too many. */
export class PeerCache {
	readonly #peers = new Map<string, WorkloadFacts | undefined>();
	readonly #capacity: number;

	constructor(capacity = 1_000) {
		this.#capacity = capacity;
	}

	get(header: string): WorkloadFacts | undefined {
		const known = this.#peers.get(header);
		if (known !== undefined || this.#peers.has(header)) return known;
		const peer = decodePeerMetadata(header);
		if (this.#peers.size >= this.#capacity) this.#peers.delete(this.#peers.keys().next().value!);
		this.#peers.set(header, peer);
		return peer;
	}
}

function isObject(value: unknown): value is Record<string, unknown> {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}

function readText(value: unknown): string {
	return typeof value === "string" ? value : "";
}
