import { assertNever } from "../../core/index.ts";
import {
	type BackendRef,
	type Destination,
	formatObjectName,
	isHttpProtocol,
	type MatchScope,
	type NamedMatch,
	type ObjectName,
	type PathRewrite,
	type RouteMatch,
	type RouteRule,
	type Service,
	type ServicePort,
	type StreamMatch,
	type VirtualService,
} from "../../model/index.ts";
import { findRoutes, hostOf, isVisible, listVirtualServices, type MeshIndex, rankMatches } from "../translate/index.ts";

/** One rule of the routing of one service port, for people. */
export interface ListedRoute {
	readonly namespace: string;
	readonly service: string;
	readonly port: number;
	/** Namespace of the clients it is for; absent when it is for all. */
	readonly clients?: string;
	readonly match: string;
	readonly action: string;
	/** `namespace/name` of the HTTPRoute, GRPCRoute, TLSRoute, TCPRoute or VirtualService; absent for what goes without saying. */
	readonly route?: string;
}

type ListedHead = Pick<ListedRoute, "namespace" | "service" | "port" | "clients">;

/** Rules in the order in which they are tried. Consumer routes come after the routes for everybody. */
export function listRoutes(index: MeshIndex, select: (service: Service) => boolean): ListedRoute[] {
	return index.services.filter(select).flatMap((service) =>
		service.ports.flatMap((port) => {
			const head = { namespace: service.namespace, service: service.name, port: port.port };
			const consumers = [...new Set(index.routesOf(service).map((route) => route.namespace))].filter(
				(namespace) => namespace !== service.namespace,
			);
			return [service.namespace, ...consumers].flatMap((clients): ListedRoute[] => {
				const routes = findRoutes(index, service, port, clients);
				const isOwn = clients === service.namespace;
				if (routes.length === 0) return isOwn ? listUnrouted(index, service, port, head) : [];
				if (!isOwn && !routes.some((route) => route.namespace === clients)) return [];
				return rankMatches(routes, () => undefined).map(({ route, ruleIndex, match }) => ({
					...head,
					...(!isOwn && { clients }),
					match: describeMatch(match),
					action: describeAction(route.rules[ruleIndex]!, service),
					route: formatObjectName(route),
				}));
			});
		}),
	);
}

/** Of a port that no HTTPRoute is for: the rules of the VirtualService, TLSRoute or TCPRoute that clients of the service's own namespace go by,
 *  else the way that goes without saying; then those that only clients of another namespace have. */
function listUnrouted(index: MeshIndex, service: Service, port: ServicePort, head: ListedHead): ListedRoute[] {
	const host = hostOf(service, index.mesh.settings);
	const inMesh = index.virtualServices.filter(({ gateways }) => gateways.includes("mesh"));
	const listFor = (clients: string, start: ListedHead): ListedRoute[] => {
		const visible = inMesh.filter(({ exportTo }) => isVisible(exportTo, clients));
		for (const rule of listVirtualServices(visible, host)) {
			const listed = listVirtualService(rule, service, port, start);
			if (listed.length > 0) return listed;
		}
		return [];
	};
	const own = listFor(service.namespace, head);
	const named = new Set(own.map(({ route }) => route));
	const elsewhere = inMesh
		.filter(({ hosts, exportTo }) => hosts.includes(host) && !isVisible(exportTo, service.namespace))
		.flatMap(({ exportTo = [] }) => exportTo);
	const others = [...new Set(elsewhere)].flatMap((clients) =>
		listFor(clients, { ...head, clients }).filter(({ route }) => !named.has(route)),
	);
	return [...(own.length > 0 ? own : [{ ...head, match: "any", action: `${service.name}:${port.port}` }]), ...others];
}

function listVirtualService(
	{ http, tcp, tls, ...name }: VirtualService,
	service: Service,
	port: ServicePort,
	head: ListedHead,
): ListedRoute[] {
	const isHere = (scope: MatchScope | undefined) =>
		(scope?.port ?? port.port) === port.port && scope?.gateways?.includes("mesh") !== false;
	const route = formatObjectName(name);
	if (isHttpProtocol(port.protocol))
		return http.flatMap((rule) =>
			rule.matches
				.filter(({ scope }) => isHere(scope))
				.map((match) => {
					const action = describeAction(rule, service);
					return { ...head, match: describeMatch(match) + describeClients(match.scope), action, route };
				}),
		);
	return [...tls, ...tcp].flatMap(({ matches, backends }) => {
		const here = matches.filter(({ scope }) => isHere(scope));
		if (matches.length > 0 && here.length === 0) return [];
		const action = describeBackends(backends, service);
		return (here.length === 0 ? [undefined] : here).map((match) => ({
			...{ ...head, action, route },
			match: describeStreamMatch(match) + describeClients(match?.scope),
		}));
	});
}

function describeStreamMatch(match: StreamMatch | undefined): string {
	const { sniHosts = [], destinationSubnets = [] } = match ?? {};
	return [...sniHosts.map((host) => `server name ${host}`), ...destinationSubnets].join(", ") || "any";
}

function describeClients(scope: MatchScope | undefined): string {
	const labels = Object.entries(scope?.sourceLabels ?? {}).map(([name, value]) => `${name}=${value}`);
	const from = [...(scope?.sourceNamespace === undefined ? [] : [`namespace ${scope.sourceNamespace}`]), ...labels];
	return from.length === 0 ? "" : ` from ${from.join(" ")}`;
}

function describeMatch({ method, path, headers, queryParams }: RouteMatch): string {
	const isAnyPath = (path.kind === "prefix" || path.kind === "startsWith") && path.value === "/";
	const pathText =
		path.kind === "exact"
			? path.value
			: path.kind === "prefix"
				? `${path.value.replace(/\/$/, "")}/*`
				: path.kind === "startsWith"
					? `${path.value}*`
					: `~${path.value}`;
	const parts = [
		...(method === undefined ? [] : [method]),
		...(isAnyPath ? [] : [pathText]),
		...headers.map((header) => `header ${describeNamed(header)}`),
		...queryParams.map((query) => `query ${describeNamed(query)}`),
	];
	return parts.length === 0 ? "any" : parts.join(" ");
}

function describeNamed({ name, value, isNegated }: NamedMatch): string {
	const condition =
		value.kind === "present"
			? name
			: `${name}${value.kind === "regex" ? "~" : "="}${value.value}${value.kind === "prefix" ? "*" : ""}`;
	return isNegated === true ? `not ${condition}` : condition;
}

function describeAction(rule: RouteRule, service: Service): string {
	const { redirect, directResponse } = rule;
	if (directResponse !== undefined) return String(directResponse.status);
	if (redirect !== undefined) {
		const target = `${redirect.scheme ?? ""}${redirect.scheme === undefined ? "" : "://"}${redirect.hostname ?? ""}${redirect.port === undefined ? "" : `:${redirect.port}`}${describeRewrite(redirect.path)}`;
		return `redirect ${redirect.statusCode}${target === "" ? "" : ` to ${target}`}`;
	}
	return describeBackends(rule.backends, service);
}

function describeBackends(backends: readonly BackendRef[], service: Service): string {
	const total = backends.reduce((sum, backend) => sum + backend.weight, 0);
	if (total === 0) return "500 (no backend)";
	return backends
		.filter((backend) => backend.weight > 0)
		.map((backend) => describeBackend(backend, total, service))
		.join(", ");
}

function describeRewrite(rewrite: PathRewrite | undefined): string {
	if (rewrite === undefined) return "";
	return rewrite.kind === "regex" ? `~${rewrite.pattern} ${rewrite.substitution}` : rewrite.value;
}

function describeBackend({ destination, subset, port, weight }: BackendRef, total: number, parent: Service): string {
	const name = `${describeDestination(destination, parent)}${subset === undefined ? "" : ` ${subset}`}`;
	const share = weight === total ? "" : ` ${Math.round((weight / total) * 1000) / 10} %`;
	return `${name}${port === undefined ? "" : `:${port}`}${share}`;
}

function describeDestination(destination: Destination, parent: Service): string {
	switch (destination.kind) {
		case "service":
			return shorten(destination.service, parent);
		case "host": {
			const [, name, namespace] = /^([^.]+)\.([^.]+)\.svc\./.exec(destination.host) ?? [];
			return name === undefined || namespace === undefined ? destination.host : shorten({ name, namespace }, parent);
		}
		case "unusable":
			return `500 (${destination.reason})`;
		default:
			return assertNever(destination);
	}
}

/** As callers beside `parent` say it. */
function shorten({ name, namespace }: ObjectName, parent: Service): string {
	return namespace === parent.namespace ? name : `${name}.${namespace}`;
}
