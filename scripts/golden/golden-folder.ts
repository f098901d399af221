import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";

/** A document of Kubernetes, as far as the replay looks into it. */
export interface Manifest {
	readonly apiVersion: string;
	readonly kind: string;
	readonly metadata: {
		readonly name: string;
		readonly namespace?: string;
		readonly labels?: Readonly<Record<string, string>>;
		readonly creationTimestamp?: string;
	};
	readonly spec?: {
		readonly serviceAccountName?: string;
		readonly nodeName?: string;
		readonly type?: string;
		readonly clusterIP?: string;
	};
	readonly status?: { readonly podIP?: string };
}

/** One request of a case and what was seen. */
export interface Observation {
	readonly repeat?: number;
	readonly pause_ms?: number;
	readonly gap_ms?: number;
	readonly flaky?: boolean;
	readonly artefact?: boolean;
	readonly request: { readonly headers?: Readonly<Record<string, string>> };
	readonly observed: unknown;
}

/** What an object's status said. */
export interface StatusEntry {
	readonly kind: string;
	/** `namespace/name`. */
	readonly name: string;
}

export interface GoldenCase {
	readonly name: string;
	readonly area: string;
	/** Its objects were made one second after the other. */
	readonly stagger?: boolean;
	readonly settle_ms?: number;
	readonly status?: readonly StatusEntry[];
	readonly observations: readonly Observation[];
}

/** A folder of golden observations (its README says what they are). */
export interface GoldenFolder {
	readonly path: string;
	readonly world: readonly Manifest[];
	readonly cases: readonly GoldenCase[];
	/** Every address that is mentioned anywhere in it. */
	readonly addresses: readonly string[];
}

/** Reads a folder; undefined when there is none. */
export function readGoldenFolder(path: string): GoldenFolder | undefined {
	if (!existsSync(join(path, "golden.json"))) return undefined;
	const golden = readFileSync(join(path, "golden.json"), "utf8");
	const cases = readdirSync(join(path, "cases")).map((name) => readFileSync(join(path, "cases", name), "utf8"));
	const texts = [
		golden,
		readFileSync(join(path, "world.yaml"), "utf8"),
		readFileSync(join(path, "obs.py"), "utf8"),
		...cases,
	];
	return {
		path,
		world: readManifests(join(path, "world.yaml")),
		cases: (JSON.parse(golden) as { cases: GoldenCase[] }).cases,
		addresses: [...new Set(texts.flatMap((text) => text.match(/\b10\.88\.\d+\.\d+\b/g) ?? []))].filter(
			(address) => !address.endsWith(".0"),
		),
	};
}

/** The objects of a case. Services get an address where they have none, as an API server gives them one. */
export function readCase(folder: GoldenFolder, { name }: GoldenCase): Manifest[] {
	return readManifests(join(folder.path, "cases", `${name}.yaml`)).map((manifest, position) => {
		const { kind, spec } = manifest;
		if (kind !== "Service" || spec?.type === "ExternalName" || spec?.clusterIP !== undefined) return manifest;
		return { ...manifest, spec: { ...spec, clusterIP: `10.96.250.${position + 1}` } };
	});
}

function readManifests(path: string): Manifest[] {
	return parseAllDocuments(readFileSync(path, "utf8"))
		.map((document) => document.toJS() as Manifest | null)
		.filter((document) => document !== null);
}

/** One of the proxies of the world. */
export interface ProxyPlace {
	/** Name of its network namespace, and of the workload in observations. */
	readonly name: string;
	readonly type: "sidecar" | "router";
	readonly pod: Manifest;
	readonly address: string;
	readonly region: string;
	readonly zone: string;
}

/** The proxies: the Pods in 10.88.1.0/24; gateways are in the namespace `edge`. */
export function listProxies({ world }: GoldenFolder): ProxyPlace[] {
	const nodes = new Map(world.filter(({ kind }) => kind === "Node").map((node) => [node.metadata.name, node]));
	return world
		.filter(({ kind, status }) => kind === "Pod" && status?.podIP?.startsWith("10.88.1.") === true)
		.map((pod) => {
			const labels = nodes.get(pod.spec?.nodeName ?? "")?.metadata.labels;
			return {
				name: pod.metadata.labels!["app"]!,
				type: pod.metadata.namespace === "edge" ? "router" : "sidecar",
				pod,
				address: pod.status!.podIP!,
				region: labels?.["topology.kubernetes.io/region"] ?? "",
				zone: labels?.["topology.kubernetes.io/zone"] ?? "",
			};
		});
}
