import { assertNever, type Millis, type Random } from "../../core/index.ts";
import type { InstanceHealth } from "../../model/index.ts";
import { isAlive, type ProcessConfig, type ProcessEvent, type ProcessState, stepProcess } from "./process-state.ts";

/** The processes of an instance. */
export type Role = "sidecar" | "application";

/** Where one instance is in its life. Its application starts only when the sidecar has its configuration, and the sidecar only
 *  when the control plane knows the instance and its secrets are served. */
export interface InstanceState {
	/** Undefined without a sidecar. */
	readonly sidecar: ProcessState | undefined;
	/** Undefined for a gateway: its proxy, in the role of the sidecar, is all there is. */
	readonly application: ProcessState | undefined;
	readonly isSidecarReady: boolean;
	readonly isApplicationReady: boolean;
	/** Registered, and secrets served. */
	readonly isPrepared: boolean;
	readonly hasBeenReady: boolean;
	readonly goal: "run" | "drain" | "stop" | "ended";
}

export type InstanceEvent =
	| { readonly kind: "prepared" }
	| { readonly kind: "ready"; readonly role: Role }
	| { readonly kind: "unready"; readonly role: Role }
	| { readonly kind: "exited"; readonly role: Role }
	| { readonly kind: "retry"; readonly role: Role }
	| { readonly kind: "overdue"; readonly role: Role }
	/** Drain, then end. */
	| { readonly kind: "stop" }
	/** The time to drain is over. */
	| { readonly kind: "drained" }
	/** End at once. */
	| { readonly kind: "kill" };

export type InstanceEffect =
	| { readonly kind: "spawn"; readonly role: Role }
	| { readonly kind: "signal"; readonly role: Role; readonly signal: "SIGTERM" | "SIGKILL" }
	| { readonly kind: "arm"; readonly role: Role; readonly event: "retry" | "overdue"; readonly delayMs: number }
	| { readonly kind: "arm-drain"; readonly delayMs: number }
	/** Tell the registry. */
	| { readonly kind: "report"; readonly health: InstanceHealth }
	/** Nothing of it runs any more. */
	| { readonly kind: "ended" };

export interface InstanceConfig {
	readonly process: ProcessConfig;
	/** How long other proxies have to learn that it drains before its application is told to stop; a gateway takes longer as long as
	 *  requests are in flight. */
	readonly drainMs: number;
}

export interface InstanceStep {
	readonly state: InstanceState;
	readonly effects: readonly InstanceEffect[];
}

export function createInstanceState(options: {
	readonly hasSidecar: boolean;
	/** True by default. */
	readonly hasApplication?: boolean;
}): InstanceState {
	const { hasSidecar, hasApplication = true } = options;
	return {
		sidecar: hasSidecar ? { kind: "idle" } : undefined,
		application: hasApplication ? { kind: "idle" } : undefined,
		isSidecarReady: !hasSidecar,
		isApplicationReady: !hasApplication,
		isPrepared: false,
		hasBeenReady: false,
		goal: "run",
	};
}

/** How fit the instance is for traffic. */
export function healthOf(state: InstanceState): InstanceHealth {
	if (state.goal !== "run") return "draining";
	if (state.isApplicationReady && state.isSidecarReady) return "ready";
	return state.hasBeenReady ? "unready" : "starting";
}

/** One step of an instance's life. */
export function stepInstance(
	before: InstanceState,
	event: InstanceEvent,
	now: Millis,
	random: Random,
	config: InstanceConfig,
): InstanceStep {
	const draft: Draft = { state: before, effects: [], now, random, config };
	take(draft, event);
	advance(draft);
	const health = healthOf(draft.state);
	if (health === "ready") change(draft, { hasBeenReady: true });
	if (health !== healthOf(before)) draft.effects.unshift({ kind: "report", health });
	if (draft.state.goal === "stop" && hasEnded(draft.state)) {
		change(draft, { goal: "ended" });
		draft.effects.push({ kind: "ended" });
	}
	return { state: draft.state, effects: draft.effects };
}

/** A step in the making. */
interface Draft {
	state: InstanceState;
	readonly effects: InstanceEffect[];
	readonly now: Millis;
	readonly random: Random;
	readonly config: InstanceConfig;
}

function take(draft: Draft, event: InstanceEvent): void {
	if (draft.state.goal === "ended") return;
	switch (event.kind) {
		case "prepared":
			change(draft, { isPrepared: true });
			return;
		case "ready":
		case "unready":
			setReady(draft, event.role, event.kind === "ready");
			return;
		case "exited":
			if (hasProcess(draft.state, event.role)) setReady(draft, event.role, false);
			drive(draft, event.role, { kind: "exited" });
			return;
		case "retry":
		case "overdue":
			drive(draft, event.role, { kind: event.kind });
			return;
		case "stop":
			if (draft.state.goal !== "run") return;
			if (draft.state.hasBeenReady && isServing(draft.state)) {
				draft.effects.push({ kind: "arm-drain", delayMs: draft.config.drainMs });
				change(draft, { goal: "drain" });
				return;
			}
			change(draft, { goal: "stop" });
			return;
		case "drained":
			if (draft.state.goal === "drain") change(draft, { goal: "stop" });
			return;
		case "kill":
			change(draft, { goal: "stop" });
			drive(draft, "application", { kind: "kill" });
			drive(draft, "sidecar", { kind: "kill" });
			return;
		default:
			assertNever(event);
	}
}

/** What the state itself asks for: start what may start, stop what must stop, each in its order. */
function advance(draft: Draft): void {
	const { state } = draft;
	if (state.goal === "stop") {
		drive(draft, "application", { kind: "stop" });
		if (!hasLiving(draft.state.application)) drive(draft, "sidecar", { kind: "stop" });
		return;
	}
	if (state.goal !== "run") return;
	if (state.isPrepared) drive(draft, "sidecar", { kind: "start" });
	if (state.isPrepared && state.isSidecarReady) drive(draft, "application", { kind: "start" });
}

function drive(draft: Draft, role: Role, event: ProcessEvent): void {
	const process = role === "sidecar" ? draft.state.sidecar : draft.state.application;
	if (process === undefined) return;
	const step = stepProcess(process, event, draft.now, draft.random, draft.config.process);
	change(draft, { [role]: step.state });
	for (const effect of step.effects) draft.effects.push({ ...effect, role });
}

/** A probe's answer counts only for a process that runs: it may come late. */
function setReady(draft: Draft, role: Role, isReady: boolean): void {
	if (!hasProcess(draft.state, role)) return;
	const process = role === "sidecar" ? draft.state.sidecar : draft.state.application;
	const value = isReady && process?.kind === "running";
	change(draft, role === "sidecar" ? { isSidecarReady: value } : { isApplicationReady: value });
}

function hasProcess(state: InstanceState, role: Role): boolean {
	return (role === "application" ? state.application : state.sidecar) !== undefined;
}

/** Whether what answers requests runs. */
function isServing({ application, sidecar }: InstanceState): boolean {
	return hasLiving(application ?? sidecar);
}

function hasEnded(state: InstanceState): boolean {
	return !hasLiving(state.application) && !hasLiving(state.sidecar);
}

function hasLiving(process: ProcessState | undefined): boolean {
	return process !== undefined && isAlive(process);
}

function change(draft: Draft, part: Partial<InstanceState>): void {
	draft.state = { ...draft.state, ...part };
}
