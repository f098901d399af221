import { assertNever } from "../../core/index.ts";
import {
	type BackendRef,
	type Destination,
	formatObjectName,
	type NamedMatch,
	type PathRewrite,
	type RouteMatch,
	type RouteRule,
	type Service,
} from "../../model/index.ts";
import { findRoutes, type MeshIndex, rankMatches } from "../translate/index.ts";

/** One rule of the routing of one service port, for people. */
export interface ListedRoute {
	readonly namespace: string;
	readonly service: string;
	readonly port: number;
	/** Namespace of the clients it is for; absent when it is for all. */
	readonly clients?: string;
	readonly match: string;
	readonly action: string;
	/** `namespace/name` of the HTTPRoute; absent for what goes without saying. */
	readonly route?: string;
}

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
				if (routes.length === 0)
					return isOwn ? [{ ...head, match: "any", action: `${service.name}:${port.port}` }] : [];
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
	const total = rule.backends.reduce((sum, backend) => sum + backend.weight, 0);
	if (total === 0) return "500 (no backend)";
	return rule.backends
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
		case "service": {
			const { name, namespace } = destination.service;
			return namespace === parent.namespace ? name : `${name}.${namespace}`;
		}
		case "host":
			return destination.host;
		case "unusable":
			return `500 (${destination.reason})`;
		default:
			return assertNever(destination);
	}
}
