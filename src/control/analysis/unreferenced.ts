import { formatObjectName, type ObjectReference, type Secret } from "../../model/index.ts";
import { objectsOf, type ReportFinding, type World } from "./world.ts";

/** Whether a Secret holds what gateways and DestinationRules take; those of applications are nobody's business here. */
function isForProxies({ type, data }: Secret): boolean {
	return (
		type === "kubernetes.io/tls" || ["tls.crt", "cert", "ca.crt", "cacert"].some((key) => Object.hasOwn(data, key))
	);
}

/** Objects that only have an effect by what refers to them, and that nothing refers to. */
export function findUnreferenced(world: World, report: ReportFinding): void {
	const used = listUsed(world);
	for (const secret of objectsOf(world, "Secret"))
		if (isForProxies(secret.value) && !isReferenced(used, secret.namespace, secret.name))
			report(
				"OBJECT_UNREFERENCED",
				secret,
				"metadata.name",
				`no Gateway and no DestinationRule names Secret ${formatObjectName(secret)}`,
			);
	for (const { value, ...group } of objectsOf(world, "WorkloadGroup")) {
		const entries = world.index.mesh.services.some(
			({ selector, namespace }) =>
				namespace === group.namespace &&
				selector !== undefined &&
				Object.entries(selector).every(([key, wanted]) => value.labels[key] === wanted),
		);
		if (!entries)
			report(
				"OBJECT_UNREFERENCED",
				group,
				"spec.metadata.labels",
				"no Service and no ServiceEntry selects the workloads of this group",
			);
	}
	const routes = [...world.index.mesh.httpRoutes, ...world.index.mesh.streamRoutes];
	for (const { value, ...grant } of objectsOf(world, "ReferenceGrant")) {
		const isNeeded =
			value.from.some(({ kind }) => kind === "Gateway") ||
			routes.some(
				(route) =>
					value.from.some((from) => from.kind === route.kind && from.namespace === route.namespace) &&
					route.references.some(({ namespace }) => namespace === grant.namespace),
			);
		if (!isNeeded)
			report("OBJECT_UNREFERENCED", grant, "spec.from", "no route of these namespaces refers to an object of this one");
	}
}

interface Used {
	/** `namespace/name`. */
	readonly full: ReadonlySet<string>;
	/** Names that count in whatever namespace the proxy is. */
	readonly names: ReadonlySet<string>;
}

function isReferenced({ full, names }: Used, namespace: string, name: string): boolean {
	return full.has(`${namespace}/${name}`) || names.has(name) || names.has(name.replace(/-cacert$/, ""));
}

function listUsed({ index }: World): Used {
	const { gateways, listenerSets, istioGateways, destinationRules, backendTlsPolicies } = index.mesh;
	const references: ObjectReference[] = [
		...gateways.flatMap(({ listeners, clientValidation, clientValidationByPort, clientCertificateRef }) => [
			...listeners.flatMap(({ tls }) => tls?.certificateRefs ?? []),
			...(clientValidation?.caCertificateRefs ?? []),
			...Object.values(clientValidationByPort).flatMap((validation) =>
				validation === "none" ? [] : validation.caCertificateRefs,
			),
			...(clientCertificateRef === undefined ? [] : [clientCertificateRef]),
		]),
		...listenerSets.flatMap(({ listeners }) => listeners.flatMap(({ tls }) => tls?.certificateRefs ?? [])),
		...backendTlsPolicies.flatMap(({ caCertificateRefs }) => caCertificateRefs),
	];
	const credentials = [
		...istioGateways.flatMap(({ servers }) =>
			servers.flatMap(({ tls }) => [...(tls?.credentialNames ?? []), tls?.caCertificateCredentialName ?? ""]),
		),
		...destinationRules.flatMap(({ trafficPolicy, subsets }) =>
			[trafficPolicy, ...subsets.map((subset) => subset.trafficPolicy)].flatMap((policy) => [
				policy?.tls?.credentialName ?? "",
				...Object.values(policy?.portLevel ?? {}).map(({ tls }) => tls?.credentialName ?? ""),
			]),
		),
	].map((name) => name.replace(/^kubernetes(-gateway)?:\/\//, ""));
	return { full: new Set([...references.map(formatObjectName), ...credentials]), names: new Set(credentials) };
}
