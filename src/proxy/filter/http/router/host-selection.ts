import type { HeaderList, Random } from "../../../../core/index.ts";
import { ResponseFlag } from "../../../../engine/format/index.ts";
import type { BalancerContext } from "../../../../engine/load-balancer/index.ts";
import { lookupMetadata, type MetadataCriteria } from "../../../../engine/matcher/index.ts";
import { type ForwardAction, hashRequest, previewHost } from "../../../../engine/router/index.ts";
import type { Cluster, Host } from "../../../cluster/index.ts";
import type { UpstreamCluster } from "../../../connection-pool/index.ts";
import type { LocalReply } from "../filter.ts";
import type { PassRequestHead } from "../pass-head.ts";
import type { OverrideHost, StreamRecord } from "../stream-record.ts";
import type { ResponseAccounting } from "./response-accounting.ts";
import type { RetryController } from "./retry-controller.ts";

/** The choice of hosts for one request, of its first attempt and of retries. */
export class HostSelection implements BalancerContext<Host> {
	readonly hash: bigint | undefined;
	readonly metadataMatch: MetadataCriteria | undefined;
	readonly hostSelectionMaxAttempts: number;
	attemptedPriorities: readonly number[] | undefined = undefined;
	overridesTaken = 0;
	/** Ready `set-cookie` values that hash policies made. */
	cookies: readonly string[] | undefined = undefined;
	readonly #action: ForwardAction;
	readonly #request: PassRequestHead;
	readonly #record: StreamRecord;
	readonly #retries: RetryController | undefined;
	readonly #override: OverrideHost | undefined;

	constructor(
		action: ForwardAction,
		request: PassRequestHead,
		record: StreamRecord,
		retries: RetryController | undefined,
	) {
		this.#action = action;
		this.#request = request;
		this.#record = record;
		this.#retries = retries;
		this.#override = record.overrideHost;
		// What filters said of this request takes precedence over the route.
		const wanted = record.dynamicMetadata?.get("envoy.lb") as MetadataCriteria | undefined;
		this.metadataMatch = wanted === undefined ? action.metadataMatch : { ...action.metadataMatch, ...wanted };
		this.hostSelectionMaxAttempts = retries?.hostSelectionMaxAttempts ?? 1;
		this.hash =
			action.hashPolicies.length === 0
				? undefined
				: hashRequest(action.hashPolicies, request, record, (cookie) => {
						this.cookies = [...(this.cookies ?? []), cookie];
					});
	}

	/** For clusters whose hosts are where connections were going. */
	get originalDestination(): BalancerContext["originalDestination"] {
		const { isLocalRestored, local } = this.#record.connection;
		return isLocalRestored === true ? { address: local.ip, port: local.port } : undefined;
	}

	/** For clusters that go by a header. */
	getRequestHeader(name: string): string | undefined {
		return name === ":authority" ? previewHost(this.#action, this.#request) : this.#request.get(name);
	}

	getDynamicMetadata(namespace: string, path: readonly string[]): unknown {
		return lookupMetadata(this.#record.dynamicMetadata, namespace, path);
	}

	shouldSelectAnotherHost(host: Host): boolean {
		return this.#retries?.rejectsHost(host) ?? false;
	}

	/** The host for an attempt, or the answer when there is none to have: the assignment's drop_overload, or nobody healthy.
	 *  @param drawDrop given for first attempts, of which the assignment may want some dropped */
	select(
		{ cluster }: UpstreamCluster,
		accounting: ResponseAccounting,
		drawDrop: Random | undefined,
	): Host | LocalReply {
		if (drawDrop !== undefined && cluster.drawMaintenance()) {
			cluster.stats.upstream_rq_maintenance_mode.value++;
			accounting.count(503, undefined);
			return maintenance;
		}
		const { dropShare } = cluster;
		if (dropShare > 0 && drawDrop !== undefined && drawDrop.next() < dropShare) {
			cluster.overloadDrops.value++;
			accounting.count(503, undefined);
			return dropShare >= 1 ? dropAll : dropSome;
		}
		// Retries go where balancing leads them.
		if (this.#override !== undefined && drawDrop !== undefined) {
			const wanted = findOverrideHost(cluster, this.#override);
			if (wanted !== undefined) return wanted;
			if (this.#override.isStrict) {
				cluster.stats.upstream_cx_none_healthy.value++;
				accounting.count(this.#override.missingStatus, undefined);
				return { ...nobodyHealthy, status: this.#override.missingStatus };
			}
		}
		const host = cluster.chooseHost(this);
		if (host !== undefined) return host;
		cluster.stats.upstream_cx_none_healthy.value++;
		accounting.count(503, undefined);
		return nobodyHealthy;
	}
}

/** The answer when the circuit breaker allows no pool for the host. */
export function refuseWithoutPool(accounting: ResponseAccounting): LocalReply {
	accounting.count(503, undefined);
	return nobodyHealthy;
}

/** The host while its health lets it be chosen directly. */
function findOverrideHost({ hosts }: Cluster, { address }: OverrideHost): Host | undefined {
	return hosts.find((host) => host.address === address && host.health !== "unhealthy");
}

function refuse(body: string, details: string, flags: number, headers: HeaderList = []): LocalReply {
	return { status: 503, body, details, flags, byRouter: true, headers };
}

const maintenance = refuse("maintenance mode", "maintenance_mode", ResponseFlag.upstreamOverflow, [
	"x-envoy-overloaded",
	"true",
]);
const nobodyHealthy = refuse("no healthy upstream", "no_healthy_upstream", ResponseFlag.noHealthyUpstream);
const dropSome = refuse("drop overload", "drop_overload", ResponseFlag.dropOverload, ["x-envoy-drop-overload", "true"]);
const dropAll = refuse(
	"unconditional drop overload",
	"unconditional_drop_overload",
	ResponseFlag.unconditionalDropOverload,
	["x-envoy-unconditional-drop-overload", "true"],
);
