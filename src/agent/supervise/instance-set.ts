import { isDeepStrictEqual } from "node:util";
import { MeshError } from "../../core/index.ts";
import { formatObjectName, type GatewayPort, type WorkloadInstance } from "../../model/index.ts";
import { type InstanceDeps, SupervisedInstance } from "./instance.ts";
import { instanceKey, planInstance, wantedGatewayPort } from "./plan-instance.ts";
import type { PortAllocator } from "./ports.ts";
import type { DesiredMesh, DesiredWorkload } from "./workload-source.ts";

/** How long a restarted replica may take to become ready before the next one is restarted. */
const rolloutMs = 30_000;
const settleCheckMs = 50;

/** All instances of a mesh, brought in line with what should run, one change after the other. */
export class InstanceSet {
	desired: DesiredMesh = {
		workloads: [],
		services: [],
		meshName: "amime",
		clusterDomain: "cluster.local",
		problems: [],
	};
	readonly #running = new Map<string, SupervisedInstance>();
	readonly #deps: InstanceDeps;
	readonly #ports: PortAllocator;
	readonly #fileNames = new Map<string, string>();
	#work: Promise<void> = Promise.resolve();
	#isPending = false;
	#isClosed = false;
	#hasApplied = false;

	constructor(deps: InstanceDeps, ports: PortAllocator) {
		this.#deps = deps;
		this.#ports = ports;
	}

	records(): readonly WorkloadInstance[] {
		return [...this.#running.values()].map((instance) => instance.record);
	}

	repeatRegistrations(): void {
		for (const instance of this.#running.values()) instance.repeatRegistration();
	}

	/** Brings what runs in line with `desired`; a newer call takes the place of one that has not begun. */
	apply(desired: DesiredMesh): void {
		this.#tellChanges(desired);
		if (!isDeepStrictEqual(desired.problems, this.desired.problems)) {
			this.#deps.listener({ kind: "problems", problems: desired.problems });
		}
		this.desired = desired;
		if (this.#isPending || this.#isClosed) return;
		this.#isPending = true;
		this.#work = this.#work.then(() => {
			this.#isPending = false;
			return this.#isClosed ? undefined : this.#reconcile(this.desired);
		});
	}

	async settled(timeoutMs: number): Promise<boolean> {
		const { clock } = this.#deps;
		const deadline = clock.now() + timeoutMs;
		while (clock.now() < deadline) {
			const isReady = this.#hasApplied && !this.#isPending && this.#isSettled();
			if (isReady && (await this.#isKnownToProxies())) return true;
			await this.#wait(settleCheckMs);
		}
		return false;
	}

	async stop(): Promise<void> {
		this.#isClosed = true;
		// Stopped before the work at hand is awaited: that may be waiting for one of them.
		const stopping = [...this.#running.values()].map((instance) => instance.stop());
		await Promise.all([...stopping, this.#work]);
		await Promise.all([...this.#running.values()].map((instance) => instance.stop()));
		this.#running.clear();
	}

	async kill(): Promise<void> {
		this.#isClosed = true;
		await Promise.all([...this.#running.values()].map((instance) => instance.kill()));
	}

	#isSettled(): boolean {
		const wanted = this.desired.workloads.reduce((sum, workload) => sum + workload.replicas, 0);
		const ready = [...this.#running.values()].filter((instance) => instance.health === "ready").length;
		return ready === wanted && this.#running.size === wanted;
	}

	/** Whether the registry has every instance as ready, and the proxies have answered all that followed from it. */
	async #isKnownToProxies(): Promise<boolean> {
		const { client } = this.#deps;
		try {
			const registered = (await client.list("/v1/instances")) as readonly WorkloadInstance[];
			const ready = new Set(registered.filter(({ health }) => health === "ready").map(formatObjectName));
			if (![...this.#running.keys()].every((key) => ready.has(key))) return false;
			return ((await client.request("GET", "/v1/proxies")) as { readonly converged?: unknown }).converged === true;
		} catch (error) {
			if (error instanceof MeshError) return false;
			throw error;
		}
	}

	async #reconcile(desired: DesiredMesh): Promise<void> {
		const wanted = new Map<string, { readonly workload: DesiredWorkload; readonly ordinal: number }>();
		for (const workload of desired.workloads) {
			for (let ordinal = 0; ordinal < workload.replicas; ordinal++) {
				wanted.set(instanceKey(workload.namespace, `${workload.name}-${ordinal}`), { workload, ordinal });
			}
		}
		const surplus = [...this.#running.keys()].filter((key) => !wanted.has(key));
		const removing = Promise.all(surplus.map((key) => this.#remove(key)));
		const changed: string[] = [];
		for (const [key, { workload, ordinal }] of wanted) {
			if (this.#isClosed) break;
			const running = this.#running.get(key);
			if (running === undefined) await this.#add(key, workload, ordinal, desired);
			else if (needsRestart(running.workload, workload)) changed.push(key);
			else await this.#update(running, workload, ordinal, desired);
		}
		this.#hasApplied = true;
		for (const key of changed) {
			if (this.#isClosed) break;
			const { workload, ordinal } = wanted.get(key)!;
			await this.#remove(key);
			if (this.#isClosed) break;
			const instance = await this.#add(key, workload, ordinal, desired);
			await this.#waitReady(instance);
		}
		await removing;
	}

	async #add(
		key: string,
		workload: DesiredWorkload,
		ordinal: number,
		desired: DesiredMesh,
	): Promise<SupervisedInstance> {
		const record = await planInstance(workload, ordinal, desired.services, this.#ports, this.#deps.clock.wall());
		for (const [index, port] of workload.ports.entries()) {
			const { appPort } = record.ports[index]!;
			if (port.port === undefined || port.port === appPort) continue;
			const what = `${record.name} port ${port.name}`;
			this.#deps.listener({ kind: "port-moved", what, from: port.port, to: appPort });
		}
		this.#tellGatewayPorts(record, []);
		const { services, meshName, clusterDomain } = desired;
		const fileName = this.#nameFiles(key, record);
		const instance = new SupervisedInstance(
			{ workload, record, services, fileName, meshName, clusterDomain },
			this.#deps,
		);
		this.#running.set(key, instance);
		instance.start();
		return instance;
	}

	async #update(running: SupervisedInstance, workload: DesiredWorkload, ordinal: number, desired: DesiredMesh) {
		running.workload = workload;
		const record = await planInstance(workload, ordinal, desired.services, this.#ports, running.record.registeredAt);
		const { upstreams, gatewayPorts } = running.record;
		this.#tellGatewayPorts(record, gatewayPorts ?? []);
		if (!isDeepStrictEqual([record.upstreams, record.gatewayPorts], [upstreams, gatewayPorts]))
			running.updateServices(record, desired.services);
	}

	/** Says which ports of Gateways could not be where they were wanted. */
	#tellGatewayPorts({ name, gatewayPorts = [] }: WorkloadInstance, known: readonly GatewayPort[]): void {
		for (const { port, listenPort } of gatewayPorts) {
			const from = wantedGatewayPort(port);
			if (listenPort === from || known.some((one) => one.port === port)) continue;
			this.#deps.listener({ kind: "port-moved", what: `${name} port ${port}`, from, to: listenPort });
		}
	}

	async #remove(key: string): Promise<void> {
		await this.#running.get(key)?.stop();
		this.#running.delete(key);
		this.#ports.release(`${key}/`);
	}

	async #waitReady(instance: SupervisedInstance): Promise<void> {
		const deadline = this.#deps.clock.now() + rolloutMs;
		while (!this.#isClosed && instance.health !== "ready" && this.#deps.clock.now() < deadline) {
			await this.#wait(settleCheckMs);
		}
	}

	#wait(delayMs: number): Promise<void> {
		const { promise, resolve } = Promise.withResolvers<void>();
		this.#deps.clock.setTimer(delayMs, resolve);
		return promise;
	}

	/** Files are named after the instance; a second one of that name in another namespace takes the namespace along. */
	#nameFiles(key: string, record: WorkloadInstance): string {
		const isTaken = [...this.#fileNames].some(([other, name]) => name === record.name && other !== key);
		const name = this.#fileNames.get(key) ?? (isTaken ? `${record.name}.${record.namespace}` : record.name);
		this.#fileNames.set(key, name);
		return name;
	}

	#tellChanges(next: DesiredMesh): void {
		if (!this.#hasApplied) return;
		const before = new Map(this.desired.workloads.map((workload) => [formatObjectName(workload), workload]));
		for (const workload of next.workloads) {
			const name = formatObjectName(workload);
			const old = before.get(name);
			before.delete(name);
			const change = compare(old, workload);
			if (change !== undefined)
				this.#deps.listener({ kind: "workload", workload: name, pattern: workload.pattern, change });
		}
		for (const [name, { pattern }] of before)
			this.#deps.listener({ kind: "workload", workload: name, pattern, change: "removed" });
	}
}

function compare(
	old: DesiredWorkload | undefined,
	workload: DesiredWorkload,
): "added" | "changed" | "scaled" | undefined {
	if (old === undefined) return "added";
	if (needsRestart(old, workload)) return "changed";
	return old.replicas === workload.replicas ? undefined : "scaled";
}

/** Whether a change of a Workload reaches its instances only when they start anew. */
function needsRestart(old: DesiredWorkload, workload: DesiredWorkload): boolean {
	return !isDeepStrictEqual(essence(old), essence(workload));
}

function essence({ replicas, readiness, source, openPath, gatewayPorts, gateways, ...rest }: DesiredWorkload): object {
	return rest;
}
