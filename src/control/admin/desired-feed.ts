import type { LocatedProblem } from "../../config/index.ts";
import type { Clock } from "../../core/index.ts";
import {
	formatSpiffeId,
	type GatewayProxy,
	type Mesh,
	type MeshSettings,
	type Service,
	type Workload,
} from "../../model/index.ts";
import { type ProxySettings, resolveProxySettings } from "../proxy-settings.ts";
import type { AdminRequest, AdminResponse, Endpoint } from "./router.ts";

/** What should run on a machine: for the supervisor that starts it. */
export interface DesiredState {
	/** Workloads, and the proxies of Gateways that none of them serves. */
	readonly workloads: readonly ((Workload | GatewayProxy) & {
		readonly identity: string;
		readonly proxy: ProxySettings;
	})[];
	readonly services: readonly Service[];
	readonly settings: MeshSettings;
	/** What is wrong with the config. */
	readonly problems: readonly LocatedProblem[];
	/** Grows with every change; another control plane counts anew. */
	readonly revision: number;
}

/** Hands out what should run, and holds an answer until something has changed. */
export interface DesiredFeed {
	/** To be called after every change of the mesh. */
	publish(mesh: Mesh): void;
	readonly endpoint: Endpoint;
	/** Answers whoever waits. */
	close(): void;
}

const maxWaitSeconds = 30;

/** What the answer is made of. */
const parts = ["workloads", "gatewayProxies", "services", "settings", "proxyConfigs"] as const;

/** `GET /v1/desired[?after=REVISION&wait=SECONDS]`: at once, or when the revision is above `after`, or when the time is over. */
export function createDesiredFeed(clock: Clock, problems: () => readonly LocatedProblem[]): DesiredFeed {
	let mesh: Mesh | undefined;
	let text = "";
	let known: Mesh | undefined;
	let problemText = "";
	let revision = 0;
	const waiting = new Set<() => void>();

	/** Most changes of a mesh are changes of instances: they are none here. */
	function refresh(): void {
		if (mesh === undefined) return;
		const [before, now] = [known, mesh];
		known = mesh;
		const isSame = parts.every((part) => before?.[part] === now[part]);
		const next = isSame ? text : JSON.stringify(parts.map((part) => now[part]));
		const nextProblems = JSON.stringify(problems());
		if (next !== text || nextProblems !== problemText) revision++;
		text = next;
		problemText = nextProblems;
	}

	function describe(): AdminResponse {
		if (mesh === undefined)
			return { status: 503, body: { error: { code: "STARTING", message: "no mesh is loaded yet" } } };
		const { workloads, gatewayProxies, services, settings } = mesh;
		const { trustDomain } = settings;
		const body: DesiredState = {
			workloads: [...workloads, ...gatewayProxies].map((workload) => {
				const { namespace, serviceAccount } = workload;
				const identity = formatSpiffeId({ trustDomain, namespace, serviceAccount });
				return { ...workload, identity, proxy: resolveProxySettings(mesh!, workload) };
			}),
			services,
			settings,
			problems: problems(),
			revision,
		};
		return { body };
	}

	async function answer({ query }: AdminRequest): Promise<AdminResponse> {
		refresh();
		const after = Number(query.get("after") ?? "-1");
		const waitSeconds = Math.min(Number(query.get("wait") ?? "0") || 0, maxWaitSeconds);
		if (revision === after && waitSeconds > 0) await waitForChange(waitSeconds * 1000);
		return describe();
	}

	function waitForChange(ms: number): Promise<void> {
		const { promise, resolve } = Promise.withResolvers<void>();
		const timer = clock.setTimer(ms, () => wake());
		const wake = (): void => {
			timer.cancel();
			waiting.delete(wake);
			resolve();
		};
		waiting.add(wake);
		return promise;
	}

	return {
		publish(next) {
			mesh = next;
			if (waiting.size === 0) return;
			const before = revision;
			refresh();
			if (revision !== before) for (const wake of [...waiting]) wake();
		},
		endpoint: { method: "GET", path: "/v1/desired", answer },
		close() {
			for (const wake of [...waiting]) wake();
		},
	};
}
