import { type Clock, describeError, type Log, type Timer } from "../../core/index.ts";
import {
	formatObjectName,
	type ObjectName,
	type WorkloadGroup,
	type WorkloadInstance,
	type WorkloadProbe,
} from "../../model/index.ts";
import { onProbed, type ProbeState, unprobed } from "./probe-state.ts";

export interface GroupProbesOptions {
	/** Puts an instance whose health has changed into the registry. */
	put(instance: WorkloadInstance, leaseTtlMs: number): Promise<void>;
	findGroup(name: ObjectName): WorkloadGroup | undefined;
	probe(address: string, probe: WorkloadProbe): Promise<boolean>;
	readonly clock: Clock;
	readonly log: Log;
}

/** Probes the workloads that registered here with a group that has a probe, for as long as they say that they live. */
export interface GroupProbes {
	/** A workload registered. @returns it with the health that probes have found */
	registered(instance: WorkloadInstance, leaseTtlMs: number): WorkloadInstance;
	/** It said that it lives. */
	alive(name: ObjectName): void;
	/** It was taken out. */
	gone(name: ObjectName): void;
	close(): void;
}

interface Probed {
	instance: WorkloadInstance;
	leaseTtlMs: number;
	seenAt: number;
	state: ProbeState;
	timer: Timer;
}

export function createGroupProbes(options: GroupProbesOptions): GroupProbes {
	const { clock, log } = options;
	const probed = new Map<string, Probed>();
	const probeOf = ({ namespace, group }: WorkloadInstance): WorkloadProbe | undefined =>
		group === undefined ? undefined : options.findGroup({ namespace, name: group })?.probe;

	async function look(key: string): Promise<void> {
		const before = probed.get(key);
		if (before === undefined) return;
		const probe = probeOf(before.instance);
		// Whoever does not say that he lives is the registry's to judge; another control plane may hear him.
		if (probe === undefined || clock.now() - before.seenAt > before.leaseTtlMs) return forget(key);
		const isGood = await options.probe(before.instance.address, probe);
		const entry = probed.get(key);
		if (entry === undefined) return;
		const { health } = entry.state;
		entry.state = onProbed(entry.state, isGood, probe);
		if (entry.state.health !== health) {
			entry.instance = { ...entry.instance, health: entry.state.health };
			await options.put(entry.instance, entry.leaseTtlMs);
		}
		if (probed.get(key) === entry) entry.timer = arm(key, probe.periodMs);
	}

	function arm(key: string, delayMs: number): Timer {
		return clock.setTimer(delayMs, () => {
			look(key).catch((error: unknown) => {
				log.warn("the health of a workload could not be written down", { workload: key, error: describeError(error) });
				const entry = probed.get(key);
				const probe = entry && probeOf(entry.instance);
				if (entry !== undefined && probe !== undefined) entry.timer = arm(key, probe.periodMs);
			});
		});
	}

	function forget(key: string): void {
		probed.get(key)?.timer.cancel();
		probed.delete(key);
	}

	return {
		registered(instance, leaseTtlMs) {
			const key = formatObjectName(instance);
			const probe = probeOf(instance);
			if (probe === undefined) {
				forget(key);
				return instance;
			}
			const known = probed.get(key);
			const isSame = known?.instance.address === instance.address;
			const state = isSame ? known.state : unprobed;
			const kept = { ...instance, health: state.health };
			const seenAt = clock.now();
			if (isSame) Object.assign(known, { instance: kept, leaseTtlMs, seenAt });
			else {
				forget(key);
				probed.set(key, { instance: kept, leaseTtlMs, seenAt, state, timer: arm(key, probe.initialDelayMs) });
			}
			return kept;
		},
		alive(name) {
			const entry = probed.get(formatObjectName(name));
			if (entry !== undefined) entry.seenAt = clock.now();
		},
		gone: (name) => forget(formatObjectName(name)),
		close() {
			for (const key of [...probed.keys()]) forget(key);
		},
	};
}
