import {
	type BackendRef,
	type Destination,
	formatObjectName,
	type MatchScope,
	type Mirror,
	type ObjectName,
	type RouteRule,
	type StreamRule,
	type VirtualService,
} from "../../model/index.ts";
import type { ConfigObjectOf } from "../config-object.ts";
import type { HttpRuleDocument } from "../kinds/virtual-service/http-rule.ts";
import type { LocatedProblem } from "../located-problem.ts";
import { mergeDelegate } from "./delegates.ts";
import { completeHost, isExportedTo } from "./hosts.ts";
import { describeAt } from "./problem-at.ts";

type VirtualServiceObject = ConfigObjectOf<"VirtualService">;

/** The VirtualServices with full names, delegates merged into those that name them. */
export function resolveVirtualServices(
	objects: readonly VirtualServiceObject[],
	clusterDomain: string,
	problems: LocatedProblem[],
): VirtualService[] {
	const byName = new Map(objects.map((object) => [formatObjectName(object), object]));
	const used = new Set<string>();
	const resolved = objects
		.filter(({ value }) => value.hosts.length > 0)
		.map((object): VirtualService => {
			const { value, namespace } = object;
			const http = value.http.flatMap((rule) =>
				rule.delegate === undefined
					? [toRule(rule, namespace, clusterDomain)]
					: listDelegated(object, rule, byName, used, problems).map(({ rule: merged, delegate }) => ({
							...toRule(merged, delegate.namespace, clusterDomain),
							definedBy: delegate,
						})),
			);
			return {
				...value,
				hosts: value.hosts.map((host) => completeHost(host, namespace, clusterDomain)),
				gateways: value.gateways.map((gateway) => completeGateway(gateway, namespace)),
				http,
				tls: value.tls.map((rule) => toStreamRule(rule, namespace, clusterDomain)),
				tcp: value.tcp.map((rule) => toStreamRule(rule, namespace, clusterDomain)),
			};
		});
	for (const object of objects)
		if (object.value.hosts.length === 0 && !used.has(formatObjectName(object)))
			problems.push(
				describeAt(
					object,
					"spec.hosts",
					"has no hosts, and no VirtualService delegates to it: it has no effect",
					"DELEGATE_UNUSED",
				),
			);
	return resolved;
}

interface DelegatedRule {
	readonly rule: HttpRuleDocument;
	/** Whose rule it is; its namespace completes short names. */
	readonly delegate: ObjectName;
}

function listDelegated(
	object: VirtualServiceObject,
	root: HttpRuleDocument,
	byName: ReadonlyMap<string, VirtualServiceObject>,
	used: Set<string>,
	problems: LocatedProblem[],
): DelegatedRule[] {
	const name = { namespace: root.delegate?.namespace ?? object.namespace, name: root.delegate?.name ?? "" };
	const key = formatObjectName(name);
	const delegate = byName.get(key);
	const refuse = (problem: string): DelegatedRule[] => {
		problems.push(describeAt(object, `${root.path}.delegate`, `${problem}: the rule is left out`, "DELEGATE_BROKEN"));
		return [];
	};
	if (delegate === undefined) return refuse(`no VirtualService ${key}`);
	if (delegate.value.hosts.length > 0) return refuse(`VirtualService ${key} has hosts, a delegate has none`);
	if (!isExportedTo(delegate.value.exportTo, object.namespace))
		return refuse(`VirtualService ${key} is not exported to namespace ${object.namespace}`);
	used.add(key);
	return mergeDelegate(root, delegate.value.http, (rule) =>
		problems.push(
			describeAt(
				delegate,
				rule.path,
				`no request can match both this rule and ${root.path} of VirtualService ${formatObjectName(object)}: the rule is left out`,
				"DELEGATE_BROKEN",
			),
		),
	).map((rule) => ({ rule, delegate: name }));
}

function toRule(document: HttpRuleDocument, namespace: string, clusterDomain: string): RouteRule {
	const { delegate: _, hasMatches: __, ...rule } = document;
	const complete = (destination: Destination): Destination =>
		completeDestination(destination, namespace, clusterDomain);
	return {
		...rule,
		matches: rule.matches.map((match) => ({ ...match, ...completeScope(match.scope, namespace) })),
		backends: rule.backends.map((backend) => ({ ...backend, destination: complete(backend.destination) })),
		...(rule.mirrors !== undefined && {
			mirrors: rule.mirrors.map((mirror): Mirror => ({ ...mirror, destination: complete(mirror.destination) })),
		}),
	};
}

function toStreamRule(rule: StreamRule, namespace: string, clusterDomain: string): StreamRule {
	return {
		...rule,
		matches: rule.matches.map((match) => ({ ...match, ...completeScope(match.scope, namespace) })),
		backends: rule.backends.map(
			(backend): BackendRef => ({
				...backend,
				destination: completeDestination(backend.destination, namespace, clusterDomain),
			}),
		),
	};
}

function completeDestination(destination: Destination, namespace: string, clusterDomain: string): Destination {
	return destination.kind === "host"
		? { kind: "host", host: completeHost(destination.host, namespace, clusterDomain) }
		: destination;
}

function completeScope(scope: MatchScope | undefined, namespace: string): { readonly scope?: MatchScope } {
	if (scope?.gateways === undefined) return {};
	return { scope: { ...scope, gateways: scope.gateways.map((gateway) => completeGateway(gateway, namespace)) } };
}

/** A Gateway's `namespace/name`; `./name` and `name` are of the object's own namespace, `name.namespace[.svc…]` is the old way to say it. */
function completeGateway(gateway: string, namespace: string): string {
	if (gateway === "mesh") return gateway;
	if (gateway.startsWith("./")) return `${namespace}${gateway.slice(1)}`;
	if (gateway.includes("/")) return gateway;
	const [name, inNamespace] = gateway.split(".");
	return `${inNamespace ?? namespace}/${name}`;
}
