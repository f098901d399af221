import { formatObjectName } from "../../model/index.ts";
import type { AskedInstance, ProxyPages } from "../proxy-pages.ts";
import { type FailedRequest, parseFailedRequest } from "./told-failure.ts";

/** Which failures are wanted. */
export interface FailureSelection {
	/** An `x-request-id`; the last ones without. */
	readonly id?: string;
	readonly kind: "failed" | "dry-run";
	/** How many, the newest. */
	readonly limit: number;
}

export type ProxyFailure = FailedRequest & { readonly proxy: string };

export interface AskedFailures {
	/** In the order of time. */
	readonly failures: readonly ProxyFailure[];
	/** Instances whose proxies keep no list: stock Envoys, or out of reach. */
	readonly silent: readonly string[];
}

/** Asks the proxies beside instances, all of them at once. */
export async function askProxies(
	instances: readonly AskedInstance[],
	pages: Pick<ProxyPages, "read">,
	{ id, kind, limit }: FailureSelection,
): Promise<AskedFailures> {
	const query = new URLSearchParams({ limit: String(limit), kind, ...(id !== undefined && { id }) });
	const silent: string[] = [];
	let failures: ProxyFailure[] = [];
	const ask = async (instance: AskedInstance): Promise<void> => {
		const proxy = formatObjectName(instance);
		const text = await pages.read(instance, `/failed_requests?${query}`);
		if (text === undefined) {
			silent.push(proxy);
			return;
		}
		for (const line of text.split("\n")) {
			const failure = parseFailedRequest(line);
			if (failure !== undefined) failures.push({ ...failure, proxy });
		}
		if (failures.length > limit * 4) failures = takeNewest(failures, limit);
	};
	await Promise.all(instances.filter(({ adminPort }) => adminPort !== undefined).map(ask));
	return { failures: takeNewest(failures, limit), silent: silent.sort() };
}

function takeNewest(failures: readonly ProxyFailure[], limit: number): ProxyFailure[] {
	// The callee is done before its caller: of two in one millisecond, the longer one began first.
	const sorted = failures.toSorted(
		(a, b) => a.time.localeCompare(b.time) || (b.duration_ms ?? 0) - (a.duration_ms ?? 0),
	);
	return sorted.slice(-limit);
}
