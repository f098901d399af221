import type { ReportProblem } from "../problem.ts";
import { routeNameOf, type Server } from "./server.ts";

/** One port that a proxy listens on, with the servers that share it. */
export interface PortPlan {
	readonly bind: string;
	readonly port: number;
	/** Connections are told apart by their server names. */
	readonly isTls: boolean;
	/** Older first; of plain servers that carry bytes only one. */
	readonly servers: readonly Server[];
}

/** Servers by port: plain HTTP servers share one, servers with TLS share one; what does not fit the first of a port is left out. */
export function mergeServers(servers: readonly Server[], report: ReportProblem): PortPlan[] {
	const plans = new Map<string, { readonly isTls: boolean; readonly servers: Server[] }>();
	for (const server of servers) {
		const key = `${server.bind} ${server.bindPort}`;
		const plan = plans.get(key);
		if (plan === undefined) {
			plans.set(key, { isTls: server.tls !== undefined, servers: [server] });
			continue;
		}
		const fault = findConflict(server, plan.isTls, plan.servers);
		if (fault === undefined) plan.servers.push(server);
		else if (fault !== "") {
			const { owner, path } = server;
			report({ ...owner, path, problem: `${fault}; the server is left out` });
		}
	}
	return [...plans.values()].map(({ isTls, servers: merged }) => {
		const { bind, bindPort } = merged[0]!;
		return { bind, port: bindPort, isTls, servers: merged };
	});
}

/** Why a server cannot share the port of others; empty when it is one of them. */
function findConflict(server: Server, isTls: boolean, others: readonly Server[]): string | undefined {
	const [first] = others;
	const { kind, namespace, name } = first!.owner;
	const whose = `${kind} ${namespace}/${name}, ${first!.path}`;
	if ((server.tls !== undefined) !== isTls)
		return `port ${server.bindPort} is ${isTls ? "encrypted" : "plain"} in ${whose}`;
	if (isTls) {
		if (server.carries === "stream") return undefined;
		const isRepeated = others.some((other) => other.carries === "http" && routeNameOf(other) === routeNameOf(server));
		return isRepeated
			? `its port name ${server.section} is that of another server of the port`
			: findNameConflict(server, others);
	}
	if (server.carries === "stream" || first!.carries === "stream") return `port ${server.bindPort} is taken by ${whose}`;
	return undefined;
}

function findNameConflict(server: Server, others: readonly Server[]): string | undefined {
	for (const { host } of server.hosts) {
		const other = others.find((candidate) => candidate.hosts.some((item) => item.host === host));
		if (other !== undefined && other.carries === "http") {
			const { kind, namespace, name } = other.owner;
			return `${host} is served on this port by ${kind} ${namespace}/${name}, ${other.path}`;
		}
	}
	return undefined;
}
