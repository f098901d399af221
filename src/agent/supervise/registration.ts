import {
	type BackoffConfig,
	type Clock,
	createBackoff,
	describeError,
	type Log,
	MeshError,
	type Random,
	type Timer,
} from "../../core/index.ts";
import type { WorkloadInstance } from "../../model/index.ts";
import type { ControlClient } from "../control-client/index.ts";

/** Keeps one instance in the registry, whatever happens to the control plane. */
export interface Registration {
	/** What the registry is to know from now on. */
	update(record: WorkloadInstance): void;
	/** Tells the registry everything again: it may have forgotten. */
	repeat(): void;
	/** Takes the instance out of the registry, as far as that is possible, and stops. */
	remove(): Promise<void>;
	/** Stops, and leaves the registry as it is. */
	close(): void;
}

export interface RegistrationOptions {
	readonly client: ControlClient;
	readonly record: WorkloadInstance;
	readonly clock: Clock;
	readonly random: Random;
	readonly log: Log;
	/** Called when the registry has accepted the first record. */
	readonly onRegistered: () => void;
}

const leaseTtlMs = 15_000;
const keepAliveMs = 5_000;
/** A control plane that does not answer must not hold up a stop. */
const removeMs = 1_500;
const retry: BackoffConfig = { baseMs: 200, maxMs: 3_000 };
const minRetryMs = 50;

/** Registers an instance and keeps its lease alive. */
export function createRegistration(options: RegistrationOptions): Registration {
	const { client, clock, random, log } = options;
	const { namespace, name } = options.record;
	const path = `/v1/instances/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`;
	let record = options.record;
	let isDirty = true;
	let isBusy = false;
	let isClosed = false;
	let hasRegistered = false;
	const backoff = createBackoff(retry, random, minRetryMs);
	/** How long to wait after a failure; undefined after what went well. */
	let retryMs: number | undefined;
	let timer: Timer | undefined;

	function arm(delayMs: number): void {
		timer?.cancel();
		if (!isClosed) timer = clock.setTimer(delayMs, kick);
	}

	function kick(): void {
		if (isBusy || isClosed) return;
		isBusy = true;
		// `exchange` takes every failure; what it throws is a mistake of ours.
		void exchange().finally(() => {
			isBusy = false;
			if (isDirty && retryMs === undefined) kick();
			else arm(retryMs ?? keepAliveMs);
		});
	}

	function forgetFailures(): void {
		retryMs = undefined;
		backoff.reset();
	}

	async function exchange(): Promise<void> {
		const wasDirty = isDirty;
		isDirty = false;
		try {
			if (wasDirty) await client.request("PUT", path, { ...record, leaseTtlMs });
			else await client.request("POST", `${path}/keepalive`);
			forgetFailures();
			if (!wasDirty || hasRegistered) return;
			hasRegistered = true;
			options.onRegistered();
		} catch (error) {
			if (!(error instanceof MeshError)) throw error;
			// A lease that ended is taken anew with the whole record.
			isDirty = true;
			if (retryMs === undefined) {
				// While the control plane is away that is nothing to tell of each instance.
				const isAway = error.code === "CONTROL_PLANE_UNREACHABLE";
				const fields = { instance: name, error: describeError(error) };
				log[isAway ? "debug" : "warn"]("the registry did not take an instance", fields);
			}
			retryMs = backoff.next();
		}
	}

	kick();
	return {
		update(next) {
			record = next;
			isDirty = true;
			forgetFailures();
			kick();
		},
		repeat() {
			isDirty = true;
			forgetFailures();
			kick();
		},
		async remove() {
			isClosed = true;
			timer?.cancel();
			const deadline = Promise.withResolvers<void>();
			const patience = clock.setTimer(removeMs, deadline.resolve);
			const removed = client.request("DELETE", path).catch((error: unknown) => {
				// Its lease ends by itself.
				if (!(error instanceof MeshError)) throw error;
			});
			await Promise.race([removed, deadline.promise]);
			patience.cancel();
		},
		close() {
			isClosed = true;
			timer?.cancel();
		},
	};
}
