import {
	findController,
	formatObjectName,
	formatServiceHost,
	type Gateway,
	type GatewayProxy,
	gatewayNameLabel,
	type IstioGateway,
	isFoundByLabel,
	type Labels,
	listGatewayHosts,
	listStaticAddresses,
	type Mesh,
	matchesLabels,
	type ObjectName,
	type Service,
	type Workload,
} from "../../model/index.ts";

/** The program that serves a Gateway, `amime` or `envoy`: an annotation of the Gateway. */
const programAnnotation = "amime.dev/proxy";

type ProxyMesh = Pick<
	Mesh,
	| "gateways"
	| "listenerSets"
	| "gatewayClasses"
	| "istioGateways"
	| "workloads"
	| "declaredInstances"
	| "services"
	| "settings"
>;

/** The gateway proxies that the Gateways of a mesh ask for: one for each Gateway of the Gateway API, under the name that Istio gives to its
 *  Deployment (`<gateway>-<class>`), and one for all of Istio's Gateways that select the same labels. A Gateway that selects a Workload or a
 *  Pod of the config is served by that one. Pure. */
export function listGatewayProxies(mesh: ProxyMesh): GatewayProxy[] {
	const drafts: Draft[] = [];
	for (const gateway of [...mesh.gateways].sort(compareAge)) {
		if (findController(gateway.className, mesh.gatewayClasses) === undefined) continue;
		const labels = labelsOfGateway(mesh, gateway);
		if (labels === undefined || isServed(mesh, labels, gateway.namespace)) continue;
		const sets = mesh.listenerSets.filter(
			({ parent }) => parent.namespace === gateway.namespace && parent.name === gateway.name,
		);
		const ports = [gateway, ...sets].flatMap(({ listeners }) => listeners.map(({ port }) => port));
		const name = `${gateway.name}-${gateway.className}`;
		const served = { kind: "Gateway" as const, namespace: gateway.namespace, name: gateway.name };
		const own = drafts.find(
			({ proxy }) => proxy.namespace === gateway.namespace && matchesLabels(labels, proxy.labels),
		);
		const place = { namespace: gateway.namespace, name, serviceAccount: name, labels };
		const draft = own ?? createDraft(mesh, gateway, place);
		if (own === undefined) drafts.push(draft);
		addTo(draft, served, ports, listStaticAddresses(gateway));
	}
	// Longer selectors first: what selects less also selects the proxy that was made for more.
	const bySelector = [...mesh.istioGateways]
		.sort(compareAge)
		.sort((a, b) => Object.keys(b.selector).length - Object.keys(a.selector).length);
	for (const gateway of bySelector) {
		const { selector, namespace, name } = gateway;
		const ports = gateway.servers.map(({ port }) => port.number);
		const served = { kind: "IstioGateway" as const, namespace, name };
		const own = drafts.filter(({ proxy }) => matchesLabels(selector, proxy.labels));
		for (const draft of own) addTo(draft, served, ports, []);
		if (own.length > 0 || (Object.keys(selector).length > 0 && isServed(mesh, selector))) continue;
		const draft = createDraft(mesh, gateway, placeOf(gateway));
		drafts.push(draft);
		addTo(draft, served, ports, []);
	}
	return drafts.map(({ proxy, gateways, ports, addresses }) => ({
		...proxy,
		gateways,
		gatewayAddresses: [...addresses],
		gatewayPorts: [...ports].sort((a, b) => a - b),
	}));
}

type ServedGateway = GatewayProxy["gateways"][number];

interface Draft {
	readonly proxy: Workload;
	readonly ports: Set<number>;
	readonly addresses: Set<string>;
	readonly gateways: ServedGateway[];
}

function addTo(draft: Draft, gateway: ServedGateway, ports: readonly number[], addresses: readonly string[]): void {
	for (const port of ports) draft.ports.add(port);
	for (const address of addresses) draft.addresses.add(address);
	draft.gateways.push(gateway);
}

/** The labels that proxies of a Gateway have; undefined where they cannot be told. */
function labelsOfGateway(mesh: ProxyMesh, gateway: Gateway): Labels | undefined {
	if (isFoundByLabel(gateway)) return { ...gateway.infrastructure.labels, [gatewayNameLabel]: gateway.name };
	const hosts = listGatewayHosts(gateway, mesh.settings.clusterDomain);
	const isInFront = (service: Service): boolean =>
		service.namespace === gateway.namespace &&
		Object.keys(service.selector ?? {}).length > 0 &&
		(service.endpoints ?? []).length === 0 &&
		hosts.includes(service.host ?? formatServiceHost(service, mesh.settings.clusterDomain));
	const selector = mesh.services.find(isInFront)?.selector;
	return selector && { ...gateway.infrastructure.labels, ...selector };
}

/** Whether the config itself has a proxy with these labels.
 *  @param namespace any when absent */
function isServed({ workloads, declaredInstances }: ProxyMesh, labels: Labels, namespace?: string): boolean {
	const { [gatewayNameLabel]: gatewayName } = labels;
	const asked = gatewayName === undefined ? labels : { [gatewayNameLabel]: gatewayName };
	return [...workloads, ...declaredInstances].some(
		(one) => (namespace === undefined || one.namespace === namespace) && matchesLabels(asked, one.labels),
	);
}

const istioNamespace = "istio-system";

/** Where the proxy of one of Istio's Gateways is: that of Istio's own two gateways where its installation has it, any other beside its
 *  Gateway. */
function placeOf({ selector, namespace, name }: IstioGateway) {
	const own = selector["istio"];
	if (own === "ingressgateway" || own === "egressgateway") {
		const app = `istio-${own}`;
		const serviceAccount = `${app}-service-account`;
		return { namespace: istioNamespace, name: app, serviceAccount, labels: { app, ...selector } };
	}
	const app = selector["app"] ?? own ?? name;
	return { namespace, name: app, serviceAccount: app, labels: { app, ...selector } };
}

function createDraft(
	{ workloads }: ProxyMesh,
	gateway: Gateway | IstioGateway,
	{ namespace, name, serviceAccount, labels }: Pick<Workload, "namespace" | "name" | "serviceAccount" | "labels">,
): Draft {
	const isTaken = workloads.some((workload) => workload.namespace === namespace && workload.name === name);
	const annotations = {
		...gateway.annotations,
		...("infrastructure" in gateway && gateway.infrastructure.annotations),
	};
	return {
		proxy: {
			namespace,
			name: isTaken ? `${name}-gateway` : name,
			labels,
			serviceAccount,
			command: [],
			env: {},
			ports: [],
			replicas: 1,
			pattern: "gateway",
			sidecar: annotations[programAnnotation] === "envoy" ? "envoy" : "amime",
			source: gateway.source,
		},
		ports: new Set(),
		addresses: new Set(),
		gateways: [],
	};
}

/** Older first, then by name. */
function compareAge(a: ObjectName & { readonly createdAt: number }, b: typeof a): number {
	return a.createdAt - b.createdAt || (formatObjectName(a) < formatObjectName(b) ? -1 : 1);
}
