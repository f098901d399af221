import type { Listener } from "../../src/api/gen/envoy/config/listener/v3/listener_pb.js";
import { authorize } from "../../src/engine/authorization/index.ts";
import { createStreamInfo, type StreamInfo } from "../../src/engine/format/index.ts";
import { matchMetadata } from "../../src/engine/matcher/index.ts";
import { translateListener } from "../../src/proxy/runtime-config/index.ts";
import type { TableCaller, TableRequest } from "./authorization-table.ts";
import { makeTls } from "./streams.ts";

/** Tells whether the policies of a listener let a request through, as the proxy's engine judges them; who is asked by CUSTOM refuses. */
export function createJudge(listener: Listener): (stream: StreamInfo) => boolean {
	const translated = translateListener(listener);
	if (!translated.ok) throw new Error(translated.problems.map(({ path, problem }) => `${path}: ${problem}`).join("\n"));
	const [chain] = translated.value.filterChains;
	const manager = chain!.filters.find((filter) => filter.kind === "http-connection-manager")!;
	if (manager.kind !== "http-connection-manager") throw new Error("the listener carries no HTTP");
	const { filters } = manager.config;
	return (stream) =>
		filters.every((filter) => {
			if (filter.kind === "rbac") {
				const { rules, shadowRules, shadowRulesStatPrefix } = filter.config;
				if (shadowRules !== undefined) {
					const { matched, policy } = authorize(shadowRules, stream);
					const key = `${shadowRulesStatPrefix}shadow_effective_policy_id`;
					stream.dynamicMetadata ??= new Map();
					stream.dynamicMetadata.set("envoy.filters.http.rbac", matched ? { [key]: policy } : {});
				}
				return rules === undefined || authorize(rules, stream).allowed;
			}
			// Who is asked refuses.
			if (filter.kind !== "ext-authz") return true;
			const { enabledMetadata } = filter.config;
			return enabledMetadata !== undefined && !matchMetadata(enabledMetadata, stream.dynamicMetadata);
		});
}

/** A request as it is known when policies are judged: token checked, addresses found. */
export function createHeaderView(
	caller: TableCaller,
	request: Pick<TableRequest, "method" | "path" | "host"> & {
		readonly headers: TableRequest["headers"] | readonly (readonly [name: string, value: string])[];
	},
): StreamInfo {
	const at = (ip: string, port: number) => ({ text: `${ip}:${port}`, ip, port });
	const local = at("127.0.0.1", 20_000);
	const remote = at(caller.address, 40_000);
	const stream = createStreamInfo(
		{
			id: 1,
			remote,
			directRemote: remote,
			local,
			directLocal: local,
			serverName: caller.serverName ?? "",
			tls: caller.spiffeId === undefined ? undefined : makeTls(caller.spiffeId),
			transportFailureReason: "",
			terminationDetails: "",
			filterChainName: "",
			listenerMetadata: {},
		},
		0,
		0,
	);
	stream.request = {
		method: request.method,
		path: request.path,
		authority: request.host,
		scheme: "http",
		headers: (Array.isArray(request.headers) ? request.headers : Object.entries(request.headers)).flat(),
		upgrade: undefined,
	};
	if (caller.forwardedFor !== undefined) stream.remote = at(caller.forwardedFor, 0);
	if (caller.claims !== undefined)
		stream.dynamicMetadata = new Map([["envoy.filters.http.jwt_authn", { payload: caller.claims }]]);
	return stream;
}
