import { parseDocuments } from "../../src/config/index.ts";
import { createOfflineWorld, type Explanation, evaluate, type Query, type World } from "../../src/explain/index.ts";
import { type GoldenCase, type GoldenFolder, type Manifest, type Observation, readCase } from "./golden-folder.ts";
import { meshConfig, withTime } from "./mesh.ts";

/** What an observation says beside what every replay looks at. */
export interface ObservedCall extends Observation {
	readonly from: string;
	readonly via: string;
	readonly port: number;
	readonly gateway?: string;
	readonly ip?: string;
	readonly service?: string;
	readonly source?: string;
	readonly protocol?: string;
	readonly tls?: string;
	readonly request: {
		readonly host: string;
		readonly path: string;
		readonly method?: string;
		readonly headers?: Readonly<Record<string, string>>;
	};
	readonly observed: {
		readonly status?: number | Readonly<Record<string, number>>;
		readonly backend?: string;
		readonly backends?: Readonly<Record<string, number>>;
		readonly banner?: Readonly<Record<string, number>>;
		readonly headers?: Readonly<Record<string, string>>;
		readonly seen?: { readonly path?: string; readonly authority?: string };
		readonly log?: unknown;
	};
}

/** The mesh of a case, as an evaluation sees it without a control plane. */
export function openCase(folder: GoldenFolder, golden: GoldenCase): World {
	const own = readCase(folder, golden).map((manifest, position) =>
		withTime(manifest, golden.stagger === true ? position + 1 : 1),
	);
	const replaced = new Set(own.map(keyOf));
	const manifests = [
		meshConfig,
		...folder.world.filter((manifest) => !replaced.has(keyOf(manifest))).map((manifest) => withTime(manifest, 0)),
		...own,
	];
	const objects = manifests.flatMap(
		(manifest, position) => parseDocuments(JSON.stringify(manifest), `golden-${position}.yaml`).objects,
	);
	return createOfflineWorld(objects, { hasSidecar: ({ address }) => address.startsWith("10.88.1.") });
}

function keyOf({ kind, metadata }: Manifest): string {
	return `${kind}/${metadata.namespace}/${metadata.name}`;
}

/** An observed call as a query. */
export function toQuery(folder: GoldenFolder, call: ObservedCall): Query {
	const { from, via, port, gateway, ip, service, source, protocol, tls, request } = call;
	const pod = (app: string) =>
		folder.world.find(
			({ kind, metadata, status }) =>
				kind === "Pod" && metadata.labels?.["app"] === app && status?.podIP?.startsWith("10.88.1.") === true,
		)!;
	const isInbound = via === "sidecar inbound";
	const place = isInbound ? undefined : pod(via === "gateway" ? gateway! : from);
	const namespace = from === "visitor" ? "partner" : "shop";
	const host = (service ?? request.host).replace(/:\d+$/, "");
	const [name = "", inNamespace] = host.split(".");
	const known = folder.world.some(
		({ kind, metadata }) =>
			kind === "Service" && metadata.name === name && metadata.namespace === (inNamespace ?? namespace),
	);
	const address = isInbound
		? pod("server").status!.podIP!
		: (ip ?? (known || via !== "sidecar outbound" ? undefined : "10.99.0.1"));
	return {
		from: place === undefined ? "outside" : `${place.metadata.namespace}/${place.metadata.name}`,
		to: service ?? request.host,
		port,
		method: protocol === "tcp" ? "TCP" : (request.method ?? "GET"),
		path: request.path,
		headers: [["host", request.host], ...Object.entries(request.headers ?? {})],
		sourceAddress:
			via === "sidecar outbound" || via === "sidecar proxy" ? place!.status!.podIP! : (source ?? "10.88.0.1"),
		...(address !== undefined && { address }),
		...(tls !== undefined && { serverName: tls }),
		...(via === "sidecar proxy" && { viaHttpProxy: true }),
	};
}

/** What an evaluation says otherwise than what was seen; empty where they agree. What only time, load or a backend decides is not asked for:
 *  a call that is led to the right cluster agrees, whatever became of it there. */
export function compareCall(world: World, folder: GoldenFolder, call: ObservedCall): string[] {
	const explained = evaluate(world, toQuery(folder, call), Date.now() / 1000);
	const { observed } = call;
	const differences: string[] = [];
	const clusters = new Set(explained.destinations.map(({ cluster }) => cluster));
	// Istio has one name for both directions.
	if (
		explained.destinations.some(({ workloads }) =>
			workloads.some(({ inbound }) => inbound?.listener === "virtualInbound"),
		)
	)
		clusters.add("PassthroughCluster");
	for (const { workloads } of explained.destinations)
		for (const { inbound } of workloads)
			for (const { cluster } of inbound?.http?.route?.weights ?? inbound?.tcp?.clusters ?? []) clusters.add(cluster);
	const wanted = listClusters(observed.log);
	const isEvaluated = explained.outcome === "reached";
	for (const cluster of wanted)
		if (!clusters.has(cluster) && (isEvaluated || clusters.size > 0))
			differences.push(`cluster ${cluster}, not ${[...clusters].join(", ")}`);
	differences.push(...compareStatus(explained, observed, wanted.size > 0));
	const backends = observed.backend === undefined ? Object.keys(observed.backends ?? {}) : [observed.backend];
	const instances = explained.destinations.flatMap(({ endpoints, workloads }) => [
		...endpoints.filter(({ share }) => share > 0).flatMap(({ instance }) => instance ?? []),
		...workloads.flatMap(({ instance }) => instance ?? []),
	]);
	for (const backend of backends)
		if (isEvaluated && instances.length > 0 && !instances.some((instance) => instance.endsWith(`/${backend}`)))
			differences.push(`backend ${backend}, not ${instances.join(", ")}`);
	const route = explained.outbound?.http?.route;
	const rule = observed.headers?.["x-rule"];
	if (
		rule !== undefined &&
		route !== undefined &&
		route.weights.length < 2 &&
		!route.responseHeaders.some(
			(text) => text.startsWith("set x-rule: ") && rule.split(" || ").includes(text.slice("set x-rule: ".length)),
		)
	)
		differences.push(`x-rule ${rule}, not ${route.responseHeaders.join()}`);
	const path = explained.outbound?.http?.route?.rewritten?.path;
	if (
		path !== undefined &&
		route?.weights.length === 1 &&
		observed.seen?.path !== undefined &&
		observed.seen.path !== path
	)
		differences.push(`path ${observed.seen.path}, not ${path}`);
	return differences;
}

function compareStatus(explained: Explanation, observed: ObservedCall["observed"], hasCluster: boolean): string[] {
	const { outcome, status = 200 } = explained;
	if (observed.banner !== undefined) {
		// A server that waits for the client's first word says nothing of a policy.
		if (Object.keys(observed.banner).every((text) => text === "TimeoutError")) return [];
		const isOpen = Object.keys(observed.banner).some((text) => !text.includes("closed"));
		return isOpen === (outcome === "reached") ? [] : [`connection ${isOpen ? "open" : "closed"}, not ${outcome}`];
	}
	if (observed.status === undefined) return [];
	const statuses = typeof observed.status === "number" ? [observed.status] : Object.keys(observed.status).map(Number);
	const came = observed.backend !== undefined || observed.backends !== undefined;
	if (outcome === "reached" || (explained.destinations.some((one) => one.outcome === "reached") && came))
		return came || hasCluster ? [] : [`${statuses.join()} without a backend, not reached`];
	return statuses.includes(status) ? [] : [`status ${statuses.join()}, not ${outcome} ${status}: ${explained.summary}`];
}

function listClusters(log: unknown): Set<string> {
	if (Array.isArray(log))
		return new Set(
			log.flatMap(({ cluster }: { cluster?: unknown }) =>
				typeof cluster === "string" && cluster !== "-" ? [cluster] : [],
			),
		);
	const cluster = (log as { readonly cluster?: unknown } | undefined)?.cluster;
	if (typeof cluster === "string") return new Set([cluster]);
	return new Set(Object.keys((cluster as object | undefined) ?? {}).filter((name) => name !== "-"));
}
