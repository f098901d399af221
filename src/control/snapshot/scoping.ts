import { formatObjectName, type WorkloadInstance } from "../../model/index.ts";
import {
	type Client,
	describeOnDemand,
	type EgressScope,
	estimateScopeBytes,
	hostOf,
	type MeshIndex,
	narrowToNeeded,
	type ResolvedAuthority,
	resolveAuthority,
	resolveEgressScope,
} from "../translate/index.ts";
import { formatClient } from "./client.ts";
import { buildClientView, type ClientView } from "./client-view.ts";
import { type EndpointChange, patchView } from "./endpoint-patch.ts";
import type { Memo } from "./memo.ts";
import { OnDemandMap } from "./on-demand-map.ts";

/** How proxies that are given only what they need come to the rest. */
export interface OnDemandSource {
	/** Hosts that the proxies of a workload (`namespace/name`) were seen to call; the same set while it did not change. */
	hostsOf(workload: string): ReadonlySet<string>;
	/** Where the control plane answers proxies; undefined until it listens. */
	readonly server: { readonly host: string; readonly port: number } | undefined;
}

/** A client as it asks. */
export interface OnDemandClient {
	/** `namespace/name` of its workload. */
	readonly workload: string;
	resolve(authority: string, port: number | undefined): ResolvedAuthority | undefined;
}

/** Above this much configuration a client is given only what it needs; a client that is, stays so down to half of it. */
const largeScopeBytes = 512 * 1024;

/** The views of one mesh: whole ones, and narrowed ones that look up the rest in a whole one. */
export interface Views {
	/** The key of the view of a client, see `get`. */
	keyOf(client: Client, instance: WorkloadInstance): string;
	/** The view with a key that `keyOf` gave. */
	get(key: string): ClientView | undefined;
	/** The client that asks by the key it was given. */
	find(key: string): OnDemandClient | undefined;
	/** A workload needs other hosts: its views are built anew. */
	forget(workload: string): void;
	/** Takes over an index in which only endpoints changed. False when views change by more, and all have to be built anew. */
	patch(index: MeshIndex, changes: readonly EndpointChange[]): boolean;
}

interface NarrowView {
	readonly client: Client;
	readonly asker: OnDemandClient;
	/** What it is given, and together with what it may ask for. */
	given: ClientView;
	view: ClientView;
}

/** @param narrowed keys of clients that were narrowed before, kept from mesh to mesh */
export function createViews(
	firstIndex: MeshIndex,
	memo: Memo,
	onDemand: OnDemandSource | undefined,
	narrowed: Set<string>,
): Views {
	let index = firstIndex;
	let scopes = new Map<string, EgressScope>();
	const whole = new Map<string, ClientView>();
	const narrow = new Map<string, NarrowView>();
	const scopeOf = (client: Client): EgressScope =>
		remember(scopes, formatClient(client), () => resolveEgressScope(index, client));
	const wholeOf = (client: Client): ClientView =>
		remember(whole, formatClient(client), () => buildClientView(index, client, memo, scopeOf(client)));
	const isNarrow = (client: Client): boolean => {
		const { proxyScope } = index.mesh.settings;
		if (proxyScope !== undefined) return proxyScope === "NEEDED";
		const key = formatClient(client);
		const bytes = estimateScopeBytes(scopeOf(client));
		const isLarge = bytes > (narrowed.has(key) ? largeScopeBytes / 2 : largeScopeBytes);
		if (isLarge) narrowed.add(key);
		else narrowed.delete(key);
		return isLarge;
	};
	const isNarrowByClient = new Map<string, boolean>();
	const buildNarrow = (key: string, client: Client, workload: string, upstreams: readonly string[]): NarrowView => {
		const scope = scopeOf(client);
		const asks = describeOnDemand(key, scope.services.values(), onDemand!.server!);
		const known = new Set([...onDemand!.hostsOf(workload), ...upstreams]);
		const narrowScope = { ...narrowToNeeded(index, client, scope, known), onDemand: asks };
		const given = buildClientView(index, client, memo, narrowScope);
		const resolve: OnDemandClient["resolve"] = (authority, port) =>
			resolveAuthority(index, client, scope, authority, port);
		return { client, asker: { workload, resolve }, given, view: withOnDemand(given, () => wholeOf(client)) };
	};
	return {
		keyOf(client, instance) {
			const own = formatClient(client);
			const server = onDemand?.server;
			if (server === undefined || !remember(isNarrowByClient, own, () => isNarrow(client))) {
				wholeOf(client);
				return own;
			}
			const workload = formatObjectName({ namespace: instance.namespace, name: instance.workload });
			const upstreams = instance.upstreams.map(({ service }) => hostOf(service, index.mesh.settings)).sort();
			const key = [workload, own, ...(upstreams.length === 0 ? [] : [upstreams.join()])].join(" of ");
			remember(narrow, key, () => buildNarrow(key, client, workload, upstreams));
			return key;
		},
		get: (key) => narrow.get(key)?.view ?? whole.get(key),
		find: (key) => narrow.get(key)?.asker,
		forget(workload) {
			for (const [key, { asker }] of narrow) if (asker.workload === workload) narrow.delete(key);
		},
		patch(newIndex, changes) {
			const patchedWhole = patchAll(newIndex, whole, changes, memo);
			const patchedGiven = patchAll(
				newIndex,
				new Map([...narrow].map(([key, { given }]) => [key, given])),
				changes,
				memo,
			);
			if (patchedWhole === undefined || patchedGiven === undefined) return false;
			index = newIndex;
			scopes = new Map();
			const changed = new Set([...patchedWhole].filter(([key, view]) => view !== whole.get(key)).map(([key]) => key));
			for (const [key, view] of patchedWhole) whole.set(key, view);
			for (const [key, item] of narrow) {
				const given = patchedGiven.get(key)!;
				if (given === item.given && !changed.has(formatClient(item.client))) continue;
				item.given = given;
				const assignments = new OnDemandMap(given.assignments, () => wholeOf(item.client).assignments);
				item.view = { ...item.view, scope: given.scope, assignments };
			}
			return true;
		},
	};
}

function patchAll(
	index: MeshIndex,
	views: ReadonlyMap<string, ClientView>,
	changes: readonly EndpointChange[],
	memo: Memo,
): Map<string, ClientView> | undefined {
	const patched = new Map<string, ClientView>();
	for (const [key, view] of views) {
		const next = patchView(index, view, changes, memo);
		if (next === undefined) return undefined;
		patched.set(key, next);
	}
	return patched;
}

/** A view that finds by name what it was not given. */
function withOnDemand(view: ClientView, whole: () => ClientView): ClientView {
	return {
		...view,
		clusters: new OnDemandMap(view.clusters, () => whole().clusters),
		assignments: new OnDemandMap(view.assignments, () => whole().assignments),
		routes: new OnDemandMap(view.routes, () => whole().routes),
	};
}

function remember<T>(known: Map<string, T>, key: string, build: () => T): T {
	let value = known.get(key);
	if (value === undefined) {
		value = build();
		known.set(key, value);
	}
	return value;
}
