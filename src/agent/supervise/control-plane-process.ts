import { type Clock, type Random, systemClock, type Timer } from "../../core/index.ts";
import type { ControlClient } from "../control-client/index.ts";
import { type Child, type ChildCommand, startChild } from "./child.ts";
import type { SupervisorListener } from "./events.ts";
import type { ProcessLedger } from "./process-ledger.ts";
import { type ProcessConfig, type ProcessEvent, type ProcessState, stepProcess } from "./process-state.ts";

export interface ControlPlaneProcessOptions {
	readonly command: Omit<ChildCommand, "output">;
	readonly client: ControlClient;
	readonly ledger: ProcessLedger;
	readonly clock?: Clock;
	readonly random: Random;
	readonly config: ProcessConfig;
	readonly listener: SupervisorListener;
	/** Called whenever it has become ready. */
	readonly onReady: (isRestart: boolean) => void;
}

const probeMs = 50;

/** The control plane as a process that is kept running. The shell around `stepProcess`. */
export class ControlPlaneProcess {
	#state: ProcessState = { kind: "idle" };
	#child: Child | undefined;
	#hasBeenReady = false;
	readonly #timers = new Set<Timer>();
	readonly #stopped = Promise.withResolvers<void>();
	readonly #firstReady = Promise.withResolvers<void>();
	readonly #clock: Clock;
	readonly #options: ControlPlaneProcessOptions;
	#lastLines: string[] = [];

	constructor(options: ControlPlaneProcessOptions) {
		this.#options = options;
		this.#clock = options.clock ?? systemClock;
		// Whoever waits for it hears of a failure; nobody has to.
		this.#firstReady.promise.catch(() => undefined);
	}

	/** Starts it; resolves when it is ready, rejects with what it said last when it ends before. */
	start(): Promise<void> {
		this.#take({ kind: "start" });
		return this.#firstReady.promise;
	}

	/** Ends it; resolves when it is gone. */
	stop(): Promise<void> {
		this.#take({ kind: "stop" });
		return this.#stopped.promise;
	}

	kill(): Promise<void> {
		this.#take({ kind: "kill" });
		return this.#stopped.promise;
	}

	#take(event: ProcessEvent, detail = ""): void {
		const { random, config } = this.#options;
		const step = stepProcess(this.#state, event, this.#clock.now(), random, config);
		this.#state = step.state;
		for (const effect of step.effects) {
			if (effect.kind === "spawn") this.#spawn();
			else if (effect.kind === "signal") this.#child?.signal(effect.signal);
			else this.#arm(effect.event, effect.delayMs, detail);
		}
		// Nothing else has to be waited for before it starts again.
		if (this.#state.kind === "due") this.#take({ kind: "start" });
		if (this.#state.kind !== "stopped") return;
		for (const timer of this.#timers) timer.cancel();
		this.#firstReady.reject(new Error("stopped before it was ready"));
		this.#stopped.resolve();
	}

	#arm(event: "retry" | "overdue", delayMs: number, detail: string): void {
		if (event === "retry") {
			if (!this.#hasBeenReady) {
				this.#giveUp(detail);
				return;
			}
			const lastLines = this.#lastLines;
			this.#options.listener({ kind: "exited", process: "control-plane", detail, restartInMs: delayMs, lastLines });
		}
		const timer = this.#clock.setTimer(delayMs, () => {
			this.#timers.delete(timer);
			if (event === "overdue") this.#options.listener({ kind: "overdue", process: "control-plane" });
			this.#take({ kind: event });
		});
		this.#timers.add(timer);
	}

	#giveUp(detail: string): void {
		// Its own sentence, rather than what the runtime adds.
		const said = this.#lastLines.findLast((line) => line.startsWith("amime: ")) ?? this.#lastLines.at(-1);
		this.#firstReady.reject(new Error(said === undefined ? detail : `${detail}: ${said}`));
		queueMicrotask(() => this.#take({ kind: "stop" }));
	}

	#spawn(): void {
		const { command, ledger, listener } = this.#options;
		this.#lastLines = [];
		const onLine = (line: string, stream: "out" | "err"): void => {
			this.#lastLines = [...this.#lastLines.slice(-4), line];
			listener({ kind: "output", source: "control-plane", line, stream });
		};
		const child = startChild({ ...command, output: { kind: "lines", onLine } }, ledger, (detail) => {
			if (this.#child === child) this.#child = undefined;
			this.#take({ kind: "exited" }, detail);
		});
		this.#child = child;
		void this.#awaitReady(child);
	}

	async #awaitReady(child: Child): Promise<void> {
		while (this.#child === child) {
			const isReady = await this.#options.client.isReady();
			if (this.#child !== child) return;
			if (isReady) {
				const isRestart = this.#hasBeenReady;
				this.#hasBeenReady = true;
				this.#firstReady.resolve();
				this.#options.listener({ kind: "control-plane-ready", isRestart });
				this.#options.onReady(isRestart);
				return;
			}
			await new Promise<void>((resolve) => void this.#clock.setTimer(probeMs, resolve, { unref: true }));
		}
	}
}
