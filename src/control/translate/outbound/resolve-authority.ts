import { mayBeHttp } from "../../../model/index.ts";
import type { Client } from "../client.ts";
import type { MeshIndex } from "../mesh-index.ts";
import { outboundClusterName } from "../names.ts";
import { type EgressScope, findEgress, type SeenService } from "./egress-scope.ts";
import { listAddresses, listNames } from "./names-of-service.ts";

/** A service port that a client means. */
export interface ResolvedAuthority {
	/** As in configuration. */
	readonly host: string;
	readonly cluster: string;
	readonly isHttp: boolean;
	/** A ServiceEntry says that it is outside the mesh. */
	readonly isOutside: boolean;
}

const names = new WeakMap<ReadonlyMap<string, SeenService>, ReadonlyMap<string, SeenService>>();

/** The service port that a request means by its host, as the routes of that client would say it.
 *  @param port of the captured connection; undefined where the host says it, 80 when it does not */
export function resolveAuthority(
	index: MeshIndex,
	client: Client,
	scope: EgressScope,
	authority: string,
	port: number | undefined,
): ResolvedAuthority | undefined {
	const [, name = "", given] = /^(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(authority.toLowerCase()) ?? [];
	const number = port ?? Number(given ?? 80);
	const egress = client.isCaptured ? findEgress(scope, number) : scope.egresses.at(-1);
	const services = egress?.services ?? scope.services;
	const seen = namesOf(index, client, services).get(name);
	const servicePort = seen?.ports.find((candidate) => candidate.port === number);
	if (seen === undefined || servicePort === undefined) return undefined;
	const { host, service } = seen;
	return {
		host,
		cluster: outboundClusterName(host, number),
		isHttp: mayBeHttp(servicePort.protocol),
		isOutside: service.isExternal === true,
	};
}

/** Services by every name a client may call them by; a short name that is another's full name is the other's. */
function namesOf(
	index: MeshIndex,
	client: Client,
	services: ReadonlyMap<string, SeenService>,
): ReadonlyMap<string, SeenService> {
	let known = names.get(services);
	if (known === undefined) {
		const found = new Map<string, SeenService>();
		const add = (name: string, seen: SeenService): void => {
			if (!found.has(name)) found.set(name, seen);
		};
		for (const seen of services.values()) add(seen.host, seen);
		for (const seen of services.values()) {
			const aliases = index.aliasesOf(seen.host).filter((alias) => alias.exportTo?.includes(client.namespace) ?? true);
			for (const service of [seen.service, ...aliases])
				for (const name of listNames(service, index.mesh.settings, client.namespace)) add(name, seen);
			for (const address of listAddresses(seen.service)) add(address, seen);
		}
		known = found;
		names.set(services, known);
	}
	return known;
}
