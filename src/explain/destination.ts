import { describeAbsence, describeNone, readUpstream } from "../control/failed-requests/index.ts";
import type { ObjectRef } from "../control/provenance/index.ts";
import { decideMutualTls, findEnforcedPolicies } from "../control/translate/index.ts";
import { formatSpiffeId, type WorkloadInstance } from "../model/index.ts";
import type { ClusterConfig } from "../proxy/runtime-config/index.ts";
import { type Arrival, simulateConnection, type Target } from "./connection.ts";
import { type PlacedEndpoint, placeEndpoints } from "./endpoints.ts";
import type { DestinationExplanation, Ending, Query, WorkloadExplanation } from "./explanation.ts";
import type { FilterContext } from "./http-filters.ts";
import type { ProxyView } from "./proxy-view.ts";
import { resolveTransport, type Transport } from "./transport.ts";
import type { World } from "./world.ts";

/** Who calls, as its proxy and the destination see it. */
export interface Caller {
	readonly namespace: string;
	readonly labels: Readonly<Record<string, string>>;
	readonly address: string;
	/** SPIFFE ID; undefined for a client without one. */
	readonly identity: string | undefined;
	/** Address and port that the client connected to. */
	readonly destination: { readonly address: string; readonly port: number };
}

export interface DestinationContext {
	readonly world: World;
	readonly query: Query;
	readonly caller: Caller;
	readonly nowSeconds: number;
}

/** Workloads behind one cluster that are followed. */
const maxWorkloads = 16;

/** Follows a call to the endpoints of a cluster, and through the proxies in front of them. */
export function explainDestination(
	proxy: ProxyView,
	target: Target,
	context: DestinationContext,
): DestinationExplanation {
	const { world, caller } = context;
	const objects = world.provenance.ofCluster(target.cluster, caller);
	const head = { percent: target.percent, cluster: target.cluster, objects };
	const isHttp = target.action !== undefined;
	const fail = (
		end: Omit<Ending, "outcome" | "status">,
		more: Partial<DestinationExplanation> = {},
	): DestinationExplanation => ({
		...head,
		endpoints: [],
		workloads: [],
		...more,
		outcome: "unroutable",
		status: isHttp ? 503 : 0,
		...end,
	});
	const cluster = proxy.cluster(target.cluster);
	if (cluster === undefined) {
		const end = describeMissingCluster(target.cluster, context);
		return { ...fail(end), ...(target.action !== undefined && { status: target.action.clusterNotFoundStatus }) };
	}
	const discovery = cluster.discovery.kind;
	const placed = placeEndpoints(cluster, proxy, world.index);
	if (placed === undefined)
		return { ...head, discovery, endpoints: [], workloads: [], ...describePassthrough(context) };
	const endpoints = placed.map(({ explanation }) => explanation);
	const used = placed.filter(({ explanation }) => explanation.share > 0);
	if (used.length === 0) return fail(describeNoEndpoints(cluster, placed, context), { discovery, endpoints });
	const workloads = [...groupByWorkload(used).values()]
		.slice(0, maxWorkloads)
		.map((endpoint) => explainWorkload(cluster, endpoint, target, context));
	const worst = workloads.find(({ outcome }) => outcome !== "reached") ?? workloads[0]!;
	const { outcome, summary, status, flags, fix, because } = worst;
	const end = {
		outcome,
		summary,
		because,
		...(status !== undefined && { status }),
		...(flags !== undefined && { flags }),
		...(fix !== undefined && { fix }),
	};
	return { ...head, discovery, endpoints, workloads, ...end };
}

function groupByWorkload(endpoints: readonly PlacedEndpoint[]): Map<string, PlacedEndpoint> {
	const groups = new Map<string, PlacedEndpoint>();
	for (const endpoint of endpoints) {
		const { instance, address } = endpoint;
		const key = instance === undefined ? address : `${instance.namespace}/${instance.workload}`;
		if (!groups.has(key)) groups.set(key, endpoint);
	}
	return groups;
}

function describePassthrough({ caller }: DestinationContext): Ending {
	const { address, port } = caller.destination;
	return {
		outcome: "reached",
		summary: `passed on to ${address}:${port} as it is: no object of the mesh describes it`,
		because: [],
	};
}

/** Why a proxy does not have a cluster that its routes name. */
function describeMissingCluster(
	name: string,
	{ world, caller }: DestinationContext,
): Omit<Ending, "outcome" | "status"> {
	const flags = "NC";
	const upstream = readUpstream(name, caller, world);
	if (upstream === undefined)
		return {
			flags,
			summary: `leads to the cluster ${name}, which the proxy does not have`,
			fix: "mend the name where the route was written",
			because: [],
		};
	const absence = describeAbsence(upstream, caller, world);
	if (absence !== undefined)
		return { flags, summary: `leads to ${absence.what}`, fix: absence.fix, because: absence.objects };
	return {
		flags,
		summary: `the proxy does not have the cluster ${name}: a Sidecar object hides ${upstream.host}`,
		fix: "add the host to egress of the Sidecar object",
		because: upstream.objects,
	};
}

/** Why no endpoint gets the call. */
function describeNoEndpoints(
	{ name }: ClusterConfig,
	placed: readonly PlacedEndpoint[],
	{ world, caller }: DestinationContext,
): Omit<Ending, "outcome" | "status"> {
	const [, , , host = ""] = name.split("|");
	const because = world.provenance.ofCluster(name, caller);
	const flags = "UH";
	if (name === "BlackHoleCluster")
		return {
			flags,
			summary: "the mesh lets nothing out that no object describes (outboundTrafficPolicy REGISTRY_ONLY)",
			fix: "add a ServiceEntry for the host",
			because: [],
		};
	if (placed.length > 0)
		return {
			flags,
			summary: `none of the ${placed.length} endpoints of ${name} is healthy (${[...new Set(placed.map(({ explanation }) => explanation.health))].join(", ")})`,
			fix: "make its instances ready",
			because,
		};
	const upstream = readUpstream(name, caller, world);
	if (upstream?.service === undefined || upstream.service.selector === undefined)
		return {
			flags,
			summary: `${host === "" ? name : host} has no endpoints${upstream?.service?.endpoints?.length === 0 ? ": it selects nothing and lists none" : ""}`,
			fix: "add endpoints, or a selector of what runs",
			because,
		};
	const { explanation, fix = "start an instance that the Service selects", objects } = describeNone(upstream, world);
	return { flags, summary: explanation.join("; "), fix, because: objects ?? because };
}

function explainWorkload(
	cluster: ClusterConfig,
	endpoint: PlacedEndpoint,
	target: Target,
	context: DestinationContext,
): WorkloadExplanation {
	const { instance } = endpoint;
	const transport = resolveTransport(cluster, endpoint, target.request?.authority ?? "");
	return explainArrival(instance, endpoint, transport, target, context, cluster.name);
}

/** What happens where a connection to an endpoint arrives. */
export function explainArrival(
	instance: WorkloadInstance | undefined,
	endpoint: Pick<PlacedEndpoint, "address" | "port">,
	transport: Transport,
	target: Target,
	context: DestinationContext,
	clusterName: string,
): WorkloadExplanation {
	const { world, caller } = context;
	const { index, provenance } = world;
	const port = instance?.ports.find(({ appPort, meshPort }) =>
		instance.declaredBy === undefined ? meshPort === endpoint.port : appPort === endpoint.port,
	);
	const decision = instance === undefined ? undefined : decideMutualTls(index, instance, port);
	const policy = decision?.policy;
	const policyRef = policy === undefined ? undefined : provenance.of("PeerAuthentication", policy, decision?.path);
	const rules = provenance.ofCluster(clusterName, caller).filter(({ kind }) => kind === "DestinationRule");
	const view = instance === undefined ? undefined : world.sidecar(instance);
	const workload = instance === undefined ? endpoint.address : `${instance.namespace}/${instance.workload}`;
	const tls = {
		mode: transport.mode,
		...(transport.serverName !== "" && { serverName: transport.serverName }),
		expected: transport.expected,
		...(view !== undefined && { serverMode: decision!.mode }),
		objects: [...(policyRef === undefined ? [] : [policyRef]), ...rules],
	};
	const head = { workload, ...(instance !== undefined && { instance: `${instance.namespace}/${instance.name}` }), tls };
	const reached: Ending = { outcome: "reached", summary: `reaches ${workload}`, because: [] };
	if (instance === undefined)
		return { ...head, ...reached, summary: `leaves the mesh to ${endpoint.address}:${endpoint.port}` };
	const isMutual = transport.mode === "mutual TLS";
	if (view === undefined) {
		if (!isMutual) return { ...head, ...reached };
		return {
			...head,
			...refuse(
				target,
				`${workload} has no proxy, and the client speaks mutual TLS to it`,
				"take ISTIO_MUTUAL out of the DestinationRule, or give the workload a sidecar",
				rules,
			),
		};
	}
	const identity = formatSpiffeId({
		trustDomain: index.mesh.settings.trustDomain,
		namespace: instance.namespace,
		serviceAccount: instance.serviceAccount,
	});
	if (isMutual && !transport.accepts(identity))
		return {
			...head,
			...refuse(
				target,
				`${workload} is ${identity}, which is none of the names that the client expects (${transport.expected.join(", ")})`,
				"correct subjectAltNames of the DestinationRule, or the service account",
				rules,
			),
		};
	const listener =
		instance.declaredBy === undefined
			? view.listener(`inbound_${port?.appPort ?? endpoint.port}`)
			: view.listener("virtualInbound");
	if (listener === undefined)
		return {
			...head,
			...refuse(
				target,
				`the proxy of ${workload} does not listen for port ${endpoint.port}`,
				"check the ports of the Workload",
				[],
			),
		};
	const arrival: Arrival = {
		sourceAddress: caller.address,
		destinationAddress: endpoint.address,
		destinationPort: endpoint.port,
		...(transport.tls !== undefined && {
			tls: {
				serverName: transport.serverName,
				alpn: transport.tls.alpnProtocols,
				...(isMutual && caller.identity !== undefined && { identity: caller.identity }),
			},
		}),
		...(target.request !== undefined && { request: target.request }),
	};
	const { hop, end, targets } = simulateConnection(listener, arrival, filterContext(view, workload, instance, context));
	if (end === undefined)
		return {
			...head,
			inbound: hop,
			...(targets.length > 0 ? reached : refuse(target, `the proxy of ${workload} leads nowhere`, "", [])),
		};
	// A connection that is closed is a 503 to a client whose proxy speaks HTTP.
	const isClosed = end.status === 0 && target.action !== undefined;
	const isTransport = end.outcome === "denied" && hop.policies.every(({ verdict }) => verdict !== "denied");
	const because =
		end.because.length > 0 || !isTransport || policyRef === undefined || hop.tokens !== undefined
			? end.because
			: [policyRef];
	return { ...head, inbound: hop, ...end, because, ...(isClosed && { status: 503, flags: "UC" }) };
}

/** The proxy in front of a workload as its filters see it. */
function filterContext(
	view: ProxyView,
	workload: string,
	instance: WorkloadInstance,
	{ world, query, nowSeconds }: DestinationContext,
): FilterContext {
	return {
		proxy: view,
		provenance: world.provenance,
		claims: query.claims,
		external: query.external ?? "allow",
		nowSeconds,
		tokenRules: tokenRulesOf(world, instance),
		allowPolicies: allowPoliciesOf(world, instance),
		name: workload,
	};
}

/** The rules of RequestAuthentications for an instance, in the order of the providers made of them. */
export function tokenRulesOf({ index, provenance }: World, instance: WorkloadInstance): ObjectRef[] {
	return findEnforcedPolicies(index, instance).authentications.flatMap((policy) =>
		policy.rules.flatMap((_rule, at) => provenance.of("RequestAuthentication", policy, `spec.jwtRules[${at}]`) ?? []),
	);
}

/** The ALLOW policies that cover an instance. */
export function allowPoliciesOf({ index, provenance }: World, instance: WorkloadInstance): ObjectRef[] {
	return findEnforcedPolicies(index, instance).authorizations.flatMap((policy) =>
		policy.action === "ALLOW" ? (provenance.of("AuthorizationPolicy", policy) ?? []) : [],
	);
}

function refuse(target: Target, summary: string, fix: string, because: readonly ObjectRef[]): Ending {
	const isHttp = target.action !== undefined;
	return {
		outcome: "unroutable",
		status: isHttp ? 503 : 0,
		...(isHttp && { flags: "UF" }),
		summary,
		...(fix !== "" && { fix }),
		because,
	};
}
