import {
	formatObjectName,
	formatServiceHost,
	isServiceEntryParent,
	isServiceParent,
	type Mesh,
	type ObjectName,
	type ParentReference,
	type Service,
	type StreamRoute,
	type StreamRule,
	type VirtualService,
} from "../../model/index.ts";

/** TLSRoutes and TCPRoutes of Services and ServiceEntries as VirtualServices of the mesh, which say the same: in the Service's own namespace for every
 *  client, in another one for clients there (GEP-1294), and those before the others. */
export function describeMeshStreams(
	mesh: Mesh,
	findService: (name: ObjectName) => Service | undefined,
	findEntry: (name: ObjectName) => readonly Service[],
): VirtualService[] {
	const servicesOf = (parent: ParentReference): readonly Service[] => {
		if (isServiceEntryParent(parent)) return findEntry(parent);
		const service = isServiceParent(parent) ? findService(parent) : undefined;
		return service === undefined ? [] : [service];
	};
	const described = mesh.streamRoutes.flatMap((route) =>
		route.parents.flatMap((parent) => servicesOf(parent).map((service) => describe(mesh, route, parent, service))),
	);
	const isConsumer = ({ exportTo }: VirtualService): number => Number(exportTo !== undefined);
	return described.sort(
		(a, b) =>
			isConsumer(b) - isConsumer(a) ||
			a.createdAt - b.createdAt ||
			(formatObjectName(a) < formatObjectName(b) ? -1 : 1),
	);
}

function describe(mesh: Mesh, route: StreamRoute, parent: ParentReference, service: Service): VirtualService {
	const { namespace, name, createdAt, source } = route;
	const host = formatServiceHost(service, mesh.settings.clusterDomain);
	const rules = route.rules.map((rule) => limit(route, rule, parent, service, host));
	return {
		namespace,
		name,
		hosts: [host],
		gateways: ["mesh"],
		...(namespace !== service.namespace && { exportTo: [namespace] }),
		http: [],
		tls: route.kind === "TLSRoute" ? rules : [],
		tcp: route.kind === "TCPRoute" ? rules : [],
		createdAt,
		source,
	};
}

/** A rule for the port that the parent names, and for TLS without host names for the Service's own name. */
function limit(
	{ kind, hostnames }: StreamRoute,
	rule: StreamRule,
	{ port, sectionName }: ParentReference,
	service: Service,
	host: string,
): StreamRule {
	const number = port ?? service.ports.find((candidate) => candidate.name === sectionName)?.port;
	const names = hostnames.length > 0 ? hostnames : [host];
	const match = {
		sniHosts: kind === "TLSRoute" ? names : [],
		destinationSubnets: [],
		...(number !== undefined && { scope: { port: number } }),
	};
	return { ...rule, matches: [match] };
}
