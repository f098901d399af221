import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { type Clock, describeError } from "../../core/index.ts";
import type { ResourceMonitorConfig } from "../runtime-config/index.ts";

/** A resource that is used up to some share: 0 not at all, 1 whole. */
export type ReadPressure = () => number | { readonly problem: string };

/** Reads a file; a parameter, so that tests have files of their own. */
export type ReadText = (path: string) => string;

const readText: ReadText = (path) => readFileSync(path, "utf8").trim();

/** What reads a resource. A problem is one of the moment: the next reading may succeed. */
export function createPressure(monitor: ResourceMonitorConfig, clock: Clock, read: ReadText = readText): ReadPressure {
	switch (monitor.kind) {
		case "fixed-heap":
			return () => process.memoryUsage().heapUsed / monitor.maxBytes;
		case "injected":
			return guard(() => readInjected(read(monitor.path), monitor.path));
		case "cgroup-memory":
			return guard(() => readCgroupMemory(read, monitor.maxBytes));
		case "cpu":
			return guard(watchCpu(monitor.mode === "host" ? () => readHostCpu(read) : () => readOwnCpu(read, clock)));
	}
}

function guard(read: ReadPressure): ReadPressure {
	return () => {
		try {
			return read();
		} catch (error) {
			return { problem: describeError(error) };
		}
	};
}

function readInjected(text: string, path: string): number | { readonly problem: string } {
	const value = Number(text);
	return value >= 0 && value <= 1 ? value : { problem: `${path} holds no number from 0 to 1` };
}

const cgroup = "/sys/fs/cgroup";

/** Version 2 of control groups, else version 1. @param maxBytes of the configuration; 0 for the group's own limit */
function readCgroupMemory(read: ReadText, maxBytes: number): number {
	const [used, limit] = readFirst(
		() => [read(`${cgroup}/memory.current`), read(`${cgroup}/memory.max`)] as const,
		() => [read(`${cgroup}/memory/memory.usage_in_bytes`), read(`${cgroup}/memory/memory.limit_in_bytes`)] as const,
	);
	const ownLimit = limit === "max" ? Number.POSITIVE_INFINITY : Number(limit);
	const bytes = maxBytes === 0 ? ownLimit : Math.min(ownLimit, maxBytes);
	return bytes === Number.POSITIVE_INFINITY ? 0 : Math.min(1, Number(used) / bytes);
}

/** What was worked, and what could have been, both in the same unit and counted from somewhere. */
interface CpuTimes {
	readonly worked: number;
	readonly possible: number;
}

/** How much of a new reading counts: short peaks are none. */
const damping = 0.05;

function watchCpu(readTimes: () => CpuTimes): ReadPressure {
	let before: CpuTimes | undefined;
	let utilization = 0;
	return () => {
		const times = readTimes();
		const last = before;
		before = times;
		if (last === undefined) return 0;
		const possible = times.possible - last.possible;
		const worked = times.worked - last.worked;
		if (possible <= 0 || worked < 0) return { problem: "the system's counts of processor time did not go on" };
		utilization = damping * (worked / possible) + (1 - damping) * utilization;
		return Math.min(1, utilization);
	};
}

/** The first line of `/proc/stat`: user, nice, system, idle, …. */
function readHostCpu(read: ReadText): CpuTimes {
	const [, user = 0, nice = 0, system = 0, idle = 0] = read("/proc/stat").split("\n", 1)[0]!.split(/ +/).map(Number);
	const worked = user + nice + system;
	return { worked, possible: worked + idle };
}

/** The control group's, against what its quota and processors allow. */
function readOwnCpu(read: ReadText, clock: Clock): CpuTimes {
	const nowMs = clock.now();
	return readFirst(
		() => {
			const [, usage] = /^usage_usec (\d+)$/m.exec(read(`${cgroup}/cpu.stat`)) ?? [];
			if (usage === undefined) throw new Error(`${cgroup}/cpu.stat says nothing of usage_usec`);
			const [quota, period] = read(`${cgroup}/cpu.max`).split(" ");
			const cores = quota === "max" ? availableParallelism() : Number(quota) / Number(period);
			return { worked: Number(usage), possible: nowMs * 1_000 * Math.min(cores, availableParallelism()) };
		},
		() => ({
			worked: Number(read(`${cgroup}/cpuacct/cpuacct.usage`)),
			possible: nowMs * 1e6 * (Number(read(`${cgroup}/cpu/cpu.shares`)) / 1_024),
		}),
	);
}

/** @throws what the second says when both fail */
function readFirst<T>(first: () => T, second: () => T): T {
	try {
		return first();
	} catch {
		return second();
	}
}
