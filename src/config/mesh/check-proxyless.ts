import { formatObjectName, isServiceParent, type Mesh } from "../../model/index.ts";
import type { ConfigObjectOf } from "../config-object.ts";
import type { LocatedProblem } from "../located-problem.ts";
import { describeAt } from "./problem-at.ts";

/** What an object asks of clients that gRPC without a proxy cannot do (gRFCs A27 and after name neither). */
export function checkProxyless(
	object: ConfigObjectOf<"HTTPRoute" | "GRPCRoute" | "BackendTLSPolicy">,
	{ workloads }: Pick<Mesh, "workloads">,
): LocatedProblem[] {
	const clients = workloads.filter(({ pattern }) => pattern === "proxyless").map(formatObjectName);
	if (clients.length === 0) return [];
	const which = `gRPC without a proxy (${clients.slice(0, 3).join(", ")}${clients.length > 3 ? ", …" : ""})`;
	const say = (path: string, problem: string) => describeAt(object, path, problem, "PROXYLESS_UNSUPPORTED");
	if (object.kind === "BackendTLSPolicy")
		return [say("spec.validation", `${which} does not follow it: such clients connect as they do without it`)];
	if (!object.value.parents.some(isServiceParent)) return [];
	return object.value.rules.flatMap(({ path, sessionPersistence, externalAuth, backends }) => [
		...(sessionPersistence === undefined
			? []
			: [say(`${path}.sessionPersistence`, `${which} keeps no sessions: each call goes to any backend`)]),
		...(externalAuth === undefined && backends.every(({ filters }) => filters?.externalAuth === undefined)
			? []
			: [say(`${path}.filters`, `${which} asks no external authorizer: calls are refused`)]),
	]);
}
