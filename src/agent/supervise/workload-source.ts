import { type Clock, describeError, type Log, MeshError, type Problem, type Timer } from "../../core/index.ts";
import type { MeshSettings, ObjectName, Service, Workload } from "../../model/index.ts";
import type { ControlClient } from "../control-client/index.ts";

/** A Workload, and the identity its instances have. */
export interface DesiredWorkload extends Workload {
	/** SPIFFE ID. */
	readonly identity: string;
	/** How its proxies are started. */
	readonly proxy: ProxySettings;
	/** With pattern `gateway`: the ports of the Gateways that it serves. */
	readonly gatewayPorts?: readonly number[];
	/** With pattern `gateway`: the IP addresses that those Gateways ask for. */
	readonly gatewayAddresses?: readonly string[];
	/** With pattern `gateway`: the Gateways that it serves. */
	readonly gateways?: readonly ObjectName[];
}

/** What ProxyConfigs say for a workload. */
export interface ProxySettings {
	/** Worker threads, 0 is one a core; one when undefined. */
	readonly concurrency?: number;
	readonly environment: Readonly<Record<string, string>>;
}

/** What should run. */
export interface DesiredMesh {
	readonly workloads: readonly DesiredWorkload[];
	readonly services: readonly Service[];
	readonly meshName: string;
	readonly clusterDomain: string;
	/** What is wrong with the config, as far as it is known. */
	readonly problems: readonly ConfigFault[];
}

/** A problem of the config with its place, as the control plane tells it. */
export type ConfigFault = Problem & {
	readonly severity: "error" | "warning";
	readonly file: string;
	readonly line: number;
	readonly column?: number;
	readonly kind?: string;
	readonly namespace?: string;
	readonly name?: string;
};

/** Follows what the control plane says should run. */
export interface WorkloadSource {
	/** Stops following. */
	close(): void;
}

const retryMs = 1000;
/** The control plane holds an answer for as long as nothing changed, but not longer than this. */
const holdSeconds = 20;

/** Whether a problem is only that a Gateway has no proxy yet, whose proxy is started here. */
function isAboutStart({ kind, namespace, name, problem }: ConfigFault, workloads: readonly DesiredWorkload[]): boolean {
	return (
		kind === "Gateway" &&
		problem.includes("(AddressNotAssigned)") &&
		workloads.some(({ gateways = [] }) => gateways.some((one) => one.name === name && one.namespace === namespace))
	);
}

/** Calls `onChange` with what should run, at once and after every change. A control plane that is away changes nothing. */
export function followWorkloads(
	client: ControlClient,
	clock: Clock,
	log: Log,
	onChange: (mesh: DesiredMesh) => void,
): WorkloadSource {
	let isClosed = false;
	let revision: number | undefined;
	let last = "";
	let timer: Timer | undefined;

	async function ask(): Promise<void> {
		const query = revision === undefined ? "" : `?after=${revision}&wait=${holdSeconds}`;
		const answer = (await client.request("GET", `/v1/desired${query}`)) as {
			readonly workloads: readonly DesiredWorkload[];
			readonly services: readonly Service[];
			readonly settings: MeshSettings;
			readonly problems?: readonly ConfigFault[];
			readonly revision?: number;
		};
		const isSame = answer.revision === revision;
		revision = answer.revision;
		const mesh: DesiredMesh = {
			workloads: answer.workloads,
			services: answer.services,
			meshName: answer.settings.name,
			clusterDomain: answer.settings.clusterDomain,
			problems: (answer.problems ?? []).filter((problem) => !isAboutStart(problem, answer.workloads)),
		};
		const text = JSON.stringify(mesh);
		if (!isClosed && text !== last) onChange(mesh);
		last = text;
		again(isSame || revision === undefined ? retryMs : 0);
	}

	function again(delayMs: number): void {
		if (isClosed) return;
		timer = clock.setTimer(delayMs, () => {
			ask().catch((error: unknown) => {
				if (!(error instanceof MeshError)) throw error;
				log.debug("the control plane did not say what should run", { error: describeError(error) });
				// A restarted control plane counts anew.
				revision = undefined;
				again(retryMs);
			});
		});
	}

	again(0);
	return {
		close() {
			isClosed = true;
			timer?.cancel();
		},
	};
}
