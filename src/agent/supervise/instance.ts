import { writeFileSync } from "node:fs";
import { join } from "node:path";
import {
	type Clock,
	describeError,
	type Log,
	MeshError,
	type Random,
	type Timer,
	type WorkGate,
} from "../../core/index.ts";
import { createSvidSource, type SvidSource, type X509Svid } from "../../identity/index.ts";
import {
	formatObjectName,
	type InstanceHealth,
	parseSpiffeId,
	type Service,
	splitSpiffeId,
	type WorkloadInstance,
} from "../../model/index.ts";
import type { ControlClient } from "../control-client/index.ts";
import { createSecretServer, type SecretServer } from "../secret-server/index.ts";
import { createRemoteSigner } from "../svid-client/index.ts";
import type { TrustClient } from "../trust/index.ts";
import { buildBootstrap } from "./bootstrap.ts";
import { type Child, type ChildCommand, startChild } from "./child.ts";
import type { SupervisorListener } from "./events.ts";
import { buildGrpcBootstrap, writeSvidFiles } from "./grpc-bootstrap.ts";
import {
	createInstanceState,
	healthOf,
	type InstanceConfig,
	type InstanceEffect,
	type InstanceEvent,
	type InstanceState,
	type Role,
	stepInstance,
} from "./instance-state.ts";
import { readLastLines } from "./last-lines.ts";
import { buildEnvironment, expandVariables } from "./plan-instance.ts";
import { hasRequests, postDrain, probeHttp, probeTcp } from "./probe.ts";
import type { ProcessLedger } from "./process-ledger.ts";
import { createRegistration, type Registration } from "./registration.ts";
import { buildSidecarCommand, type Programs } from "./sidecar-command.ts";
import type { StateFolder } from "./state-folder.ts";
import type { DesiredWorkload } from "./workload-source.ts";

/** What all instances of a mesh share. */
export interface InstanceDeps {
	readonly state: StateFolder;
	readonly ledger: ProcessLedger;
	readonly client: ControlClient;
	readonly adminUrl: string;
	readonly xdsAddress: string;
	/** Where the control plane answers over mutual TLS, as gateways need it for their Secrets. */
	readonly xdsTlsAddress: string;
	readonly token: string;
	readonly programs: Programs;
	readonly clock: Clock;
	readonly random: Random;
	readonly log: Log;
	readonly listener: SupervisorListener;
	readonly config: InstanceConfig;
	readonly trust: TrustClient;
	readonly gate: WorkGate;
}

export interface InstanceOptions {
	readonly workload: DesiredWorkload;
	readonly record: WorkloadInstance;
	readonly services: readonly Service[];
	/** Name of its files in the state folder. */
	readonly fileName: string;
	readonly meshName: string;
	readonly clusterDomain: string;
}

/** While it is not ready an instance is asked this often. */
const impatientProbeMs = 100;
/** Answers missed in a row before a ready instance counts as unready. */
const maxMissedProbes = 3;
/** Answers missed before the registry is told why an instance is still starting. */
const maxStartProbes = 20;
const maxFaultLength = 400;

/** One running copy of a workload: its registration, its secrets, its sidecar, its application. The shell around `stepInstance`. */
export class SupervisedInstance {
	record: WorkloadInstance;
	/** Its replacement must not differ in anything that an instance takes only when it starts. */
	workload: DesiredWorkload;
	#services: readonly Service[];
	#state: InstanceState;
	readonly #options: InstanceOptions;
	readonly #deps: InstanceDeps;
	readonly #children = new Map<Role, Child>();
	/** What keeps each process from being ready. */
	readonly #faults = new Map<Role, string>();
	readonly #timers = new Set<Timer>();
	readonly #ended = Promise.withResolvers<void>();
	#registration: Registration | undefined;
	#svid: SvidSource | undefined;
	#secrets: SecretServer | undefined;
	#untrust: (() => void) | undefined;
	#awaited = 2;
	#stopping: Promise<void> | undefined;

	constructor(options: InstanceOptions, deps: InstanceDeps) {
		this.#options = options;
		this.#deps = deps;
		this.workload = options.workload;
		this.record = options.record;
		this.#services = options.services;
		const { pattern } = options.record;
		this.#state = createInstanceState({
			hasSidecar: pattern === "sidecar" || pattern === "gateway",
			hasApplication: pattern !== "gateway",
		});
	}

	get health(): InstanceHealth {
		return healthOf(this.#state);
	}

	/** Resolves when nothing of it runs any more. */
	get ended(): Promise<void> {
		return this.#ended.promise;
	}

	start(): void {
		const { client, clock, random, log } = this.#deps;
		this.#registration = createRegistration({
			client,
			record: this.record,
			clock,
			random,
			log,
			onRegistered: () => this.#onPrepared(),
		});
		this.#serveSecrets().then(
			() => this.#onPrepared(),
			(error: unknown) => this.#tellExit("sidecar", `cannot start: ${describeError(error)}`, 0),
		);
	}

	/** Drains and ends it; resolves when nothing of it runs. */
	stop(): Promise<void> {
		this.#stopping ??= (async () => {
			this.#take({ kind: "stop" });
			await this.ended;
			await this.#registration?.remove();
			await this.#close();
		})();
		return this.#stopping;
	}

	/** Ends it at once. */
	async kill(): Promise<void> {
		this.#take({ kind: "kill" });
		await this.ended;
		this.#registration?.close();
		await this.#close();
	}

	/** Tells the registry again: it may have lost what it knew. */
	repeatRegistration(): void {
		this.#registration?.repeat();
	}

	/** Takes the listeners of a changed list of services, or of Gateways; the application learns of them when it starts again. */
	updateServices(record: WorkloadInstance, services: readonly Service[]): void {
		this.record = { ...record, health: this.record.health, registeredAt: this.record.registeredAt };
		this.#services = services;
		this.#registration?.update(this.record);
	}

	#onPrepared(): void {
		this.#awaited--;
		if (this.#awaited === 0) this.#take({ kind: "prepared" });
	}

	async #serveSecrets(): Promise<void> {
		if (this.record.pattern === "none") return;
		const { adminUrl, token, clock, random, log, state, gate } = this.#deps;
		const { namespace, serviceAccount } = this.record;
		const holder = formatObjectName(this.record);
		const sign = createRemoteSigner({ adminUrl, token, namespace, serviceAccount, holder, clock, gate });
		this.#svid = createSvidSource({ spiffeId: parseSpiffeId(this.workload.identity), sign, clock, random, log });
		if (this.record.pattern === "proxyless") return this.#keepSvidFiles(this.#svid);
		const socketPath = state.runFile(`sds-${this.#options.fileName}.sock`);
		this.#secrets = createSecretServer({ socketPath, svid: this.#svid, clock, log });
		await this.#secrets.start();
		const { secrets, svid } = { secrets: this.#secrets, svid: this.#svid };
		this.#untrust = this.#deps.trust.add({ name: holder, svid, acknowledged: () => secrets.acknowledged() });
	}

	/** A gRPC library reads its certificate from files: it is told where, and finds it there from its first moment on. */
	async #keepSvidFiles(source: SvidSource): Promise<void> {
		const { state, xdsAddress, log } = this.#deps;
		const { meshName, clusterDomain, fileName } = this.#options;
		const folder = state.proxyFolder(fileName);
		const xdsAddresses = [xdsAddress];
		const instance = this.record;
		const bootstrap = buildGrpcBootstrap({
			instance,
			xdsAddresses,
			certificateFolder: folder,
			meshName,
			clusterDomain,
		});
		writeFileSync(this.#grpcBootstrapPath(), `${JSON.stringify(bootstrap, undefined, 2)}\n`, { mode: 0o600 });
		const { promise, resolve } = Promise.withResolvers<void>();
		const write = (svid: X509Svid): void => {
			try {
				writeSvidFiles(folder, svid);
				resolve();
			} catch (error) {
				log.error("cannot write a certificate", { instance: this.record.name, error: describeError(error) });
			}
		};
		source.onUpdate(write);
		const current = source.current();
		if (current !== undefined) write(current);
		await promise;
	}

	#grpcBootstrapPath(): string {
		return join(this.#deps.state.proxyFolder(this.#options.fileName), "grpc-bootstrap.json");
	}

	async #close(): Promise<void> {
		for (const timer of this.#timers) timer.cancel();
		this.#timers.clear();
		this.#untrust?.();
		await this.#secrets?.close();
		this.#svid?.close();
	}

	#take(event: InstanceEvent, detail = ""): void {
		const { clock, random, config } = this.#deps;
		const step = stepInstance(this.#state, event, clock.now(), random, config);
		this.#state = step.state;
		for (const effect of step.effects) this.#perform(effect, detail);
	}

	#perform(effect: InstanceEffect, detail: string): void {
		switch (effect.kind) {
			case "spawn":
				this.#spawn(effect.role);
				break;
			case "signal":
				this.#children.get(effect.role)?.signal(effect.signal);
				break;
			case "arm":
				if (effect.event === "retry") this.#tellExit(effect.role, detail, effect.delayMs);
				this.#arm(effect.delayMs, { kind: effect.event, role: effect.role });
				break;
			case "arm-drain":
				if (this.record.pattern === "gateway") void this.#drainGateway(effect.delayMs);
				else this.#arm(effect.delayMs, { kind: "drained" });
				break;
			case "report":
				this.#report();
				this.#deps.listener({ kind: "health", instance: this.record, health: effect.health });
				break;
			case "ended":
				this.#ended.resolve();
				break;
		}
	}

	/** Tells the registry how fit it is, and why not. */
	#report(): void {
		const { healthReason: _, ...record } = this.record;
		const reason = this.#reason();
		this.record = { ...record, health: this.health, ...(reason !== undefined && { healthReason: reason }) };
		this.#registration?.update(this.record);
	}

	/** Takes an event together with what keeps its process from being ready, and tells the registry a reason that is new to it. */
	#judge(role: Role, fault: string | undefined, event: InstanceEvent, detail = ""): void {
		if (fault === undefined) this.#faults.delete(role);
		else this.#faults.set(role, toLine(fault));
		this.#take(event, detail);
		if (this.#reason() !== this.record.healthReason) this.#report();
	}

	/** What keeps it from being ready; the application waits for its sidecar. */
	#reason(): string | undefined {
		const isUnfit = this.health === "starting" || this.health === "unready";
		return isUnfit ? (this.#faults.get("sidecar") ?? this.#faults.get("application")) : undefined;
	}

	/** A gateway takes no new connections, and goes when the requests in flight have their answers. */
	async #drainGateway(drainMs: number): Promise<void> {
		const { clock, config } = this.#deps;
		const { adminPort = 0 } = this.record;
		const deadline = clock.now() + Math.max(drainMs, config.process.stopDeadlineMs);
		await postDrain(adminPort);
		while (clock.now() < deadline && (await hasRequests(adminPort))) await this.#wait(impatientProbeMs);
		this.#take({ kind: "drained" });
	}

	#arm(delayMs: number, event: InstanceEvent): void {
		const timer = this.#deps.clock.setTimer(delayMs, () => {
			this.#timers.delete(timer);
			if (event.kind === "overdue" && this.#children.has(event.role)) {
				this.#deps.listener({ kind: "overdue", instance: this.record, process: event.role });
			}
			this.#take(event);
		});
		this.#timers.add(timer);
	}

	#spawn(role: Role): void {
		let command: ChildCommand;
		try {
			command = role === "sidecar" ? this.#buildSidecar() : this.#buildApplication();
		} catch (error) {
			if (!(error instanceof MeshError) && !(error instanceof Error && "code" in error)) throw error;
			this.#fail(role, describeError(error));
			return;
		}
		const child = startChild(command, this.#deps.ledger, (detail) => {
			if (this.#children.get(role) === child) this.#children.delete(role);
			this.#judge(role, `the ${role} ended (${detail}) and is started again`, { kind: "exited", role }, detail);
		});
		this.#children.set(role, child);
		void this.#probe(role, child);
	}

	/** As if the process had ended at once: it is tried again. */
	#fail(role: Role, detail: string): void {
		const fault = `the ${role} cannot be started: ${detail}`;
		queueMicrotask(() => this.#judge(role, fault, { kind: "exited", role }, detail));
	}

	#tellExit(role: Role, detail: string, restartInMs: number): void {
		const lastLines = role === "sidecar" ? readLastLines(this.#logPath()) : [];
		this.#deps.listener({ kind: "exited", instance: this.record, process: role, detail, restartInMs, lastLines });
	}

	#logPath(): string {
		return this.#deps.state.logFile(`${this.#options.fileName}.sidecar.log`);
	}

	#buildSidecar(): ChildCommand {
		const { state, programs, xdsAddress, xdsTlsAddress } = this.#deps;
		const { fileName, meshName, clusterDomain } = this.#options;
		const folder = state.proxyFolder(fileName);
		const path = join(folder, "bootstrap.yaml");
		const secretSocket = state.runFile(`sds-${fileName}.sock`);
		const isGateway = this.record.pattern === "gateway";
		const { trustDomain } = splitSpiffeId(parseSpiffeId(this.workload.identity))!;
		const bootstrap = buildBootstrap({
			...{ instance: this.record, secretSocket, meshName, clusterDomain },
			xdsAddresses: [isGateway ? xdsTlsAddress : xdsAddress],
			...(isGateway && { xdsServerId: `spiffe://${trustDomain}/amime/server` }),
		});
		// JSON is YAML, and needs no library to write.
		writeFileSync(path, `${JSON.stringify(bootstrap, undefined, 2)}\n`, { mode: 0o600 });
		const { concurrency, environment } = this.workload.proxy;
		const lastGood = join(folder, "last-good");
		const { program, args } = buildSidecarCommand(this.record, programs, path, lastGood, concurrency);
		return {
			program,
			args,
			// Relative paths of certificates are those beside the documents.
			folder: this.workload.folder ?? folder,
			env: { ...programs.env, AMIME_MASK_ACCESS_TOKENS: "1", ...environment },
			output: { kind: "file", path: this.#logPath() },
		};
	}

	#buildApplication(): ChildCommand {
		const { programs, listener } = this.#deps;
		const env = buildEnvironment(
			this.workload,
			this.record,
			this.#services,
			{ ...programs.applicationEnv, ...this.#grpcEnvironment() },
			join(programs.node, ".."),
		);
		const [program = "", ...args] = this.workload.command.map((word) => expandVariables(word, env));
		return {
			program,
			args,
			folder: this.workload.folder ?? this.#deps.state.path,
			env,
			output: {
				kind: "lines",
				onLine: (line, stream) => listener({ kind: "output", source: this.record.name, line, stream }),
			},
		};
	}

	/** What makes a gRPC library a member of the mesh; grpc-js has authorization in its servers only when asked for. */
	#grpcEnvironment(): Readonly<Record<string, string>> {
		if (this.record.pattern !== "proxyless") return {};
		return { GRPC_XDS_BOOTSTRAP: this.#grpcBootstrapPath(), GRPC_XDS_EXPERIMENTAL_RBAC: "true" };
	}

	/** Asks until the process is gone: whether it is ready, and whether it stays so. */
	async #probe(role: Role, child: Child): Promise<void> {
		let missed = 0;
		let isReady = false;
		while (this.#children.get(role) === child) {
			const fault = await this.#ask(role);
			if (this.#children.get(role) !== child) return;
			missed = fault === undefined ? 0 : missed + 1;
			if (fault === undefined && !isReady) {
				isReady = true;
				this.#judge(role, undefined, { kind: "ready", role });
			} else if (fault !== undefined && missed === (isReady ? maxMissedProbes : maxStartProbes)) {
				isReady = false;
				// How the process before it ended says more.
				this.#judge(role, this.#faults.get(role) ?? `the ${role} is not ready: ${fault}`, { kind: "unready", role });
			}
			await this.#wait(isReady ? (this.workload.readiness?.intervalMs ?? 1000) : impatientProbeMs);
		}
	}

	/** What is wrong with a process that runs; undefined when it is ready. */
	#ask(role: Role): Promise<string | undefined> {
		if (role === "sidecar") return probeHttp(this.record.adminPort ?? 0, "/ready", 2000, 300);
		const { readiness } = this.workload;
		const timeoutMs = readiness?.timeoutMs ?? 1000;
		const port = this.record.ports.find((candidate) => readiness === undefined || candidate.name === readiness.port);
		if (port === undefined) return Promise.resolve(undefined);
		if (readiness?.path !== undefined) return probeHttp(port.appPort, readiness.path, timeoutMs);
		return probeTcp(port.appPort, timeoutMs);
	}

	#wait(delayMs: number): Promise<void> {
		const { promise, resolve } = Promise.withResolvers<void>();
		this.#deps.clock.setTimer(delayMs, resolve, { unref: true });
		return promise;
	}
}

/** A reason as the registry takes it. */
function toLine(text: string): string {
	return text.replaceAll(/\p{Cc}+/gu, " ").slice(0, maxFaultLength);
}
