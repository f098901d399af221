import type { ForwardAction } from "../../../../engine/router/index.ts";
import type { Host } from "../../../cluster/index.ts";
import type { UpstreamCluster } from "../../../connection-pool/index.ts";
import type { Attempt } from "./attempt.ts";
import type { RouterStream } from "./router-stream.ts";
import { TunnelAttempt } from "./tunnel-attempt.ts";
import { UpstreamAttempt } from "./upstream-attempt.ts";

/** A try at a host: of a CONNECT that ends here, a connection of its own. Undefined when the circuit breaker allows no pool for it. */
export function createAttempt(
	router: RouterStream,
	host: Host,
	upstream: UpstreamCluster,
	{ priority, upgrades }: ForwardAction,
): Attempt | undefined {
	const { request, stream } = router;
	if (request.upgrade === "CONNECT" && upgrades.get("connect")?.connect !== undefined) {
		return new TunnelAttempt(router, host, upstream);
	}
	const { protocol, connection } = stream.record;
	const pool = upstream.poolFor(host, priority, upstream.serverNameOf(request), protocol, connection);
	return pool && new UpstreamAttempt(router, host, pool);
}
