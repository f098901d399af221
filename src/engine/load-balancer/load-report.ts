import type { Millis } from "../../core/index.ts";
import type { LoadReportTerms } from "./types.ts";

/** The part of an ORCA load report (`xds.data.orca.v3.OrcaLoadReport`) that weights are made from. */
export interface LoadReport {
	readonly cpuUtilization: number;
	readonly applicationUtilization: number;
	readonly requestsPerSecond: number;
	readonly errorsPerSecond: number;
	/** `named_metrics.<name>` and `utilization.<name>`. */
	readonly named: ReadonlyMap<string, number>;
}

/** Weights have 32 bits. */
const maxWeight = 2 ** 32 - 1;

/** What one host reported of its load, as the weight it should have. */
export class HostLoad {
	readonly #terms: LoadReportTerms;
	#weight = 0;
	#since: Millis = Number.NaN;
	#at: Millis = Number.NEGATIVE_INFINITY;

	constructor(terms: LoadReportTerms) {
		this.#terms = terms;
	}

	/** Takes a report in; one without rate or utilization changes nothing. */
	observe(report: LoadReport, now: Millis): void {
		const { requestsPerSecond: rate, errorsPerSecond } = report;
		const utilization = this.#utilizationOf(report);
		if (rate <= 0 || utilization <= 0) return;
		const weight = rate / (utilization + (errorsPerSecond / rate) * this.#terms.errorPenalty);
		// Envoy's weights are whole, and every host has its turn.
		this.#weight = Math.min(maxWeight, Math.max(1, Math.floor(weight)));
		if (Number.isNaN(this.#since) || now - this.#at >= this.#terms.expirationMs) this.#since = now;
		this.#at = now;
	}

	/** The weight, or undefined while there is none that counts. */
	weightAt(now: Millis): number | undefined {
		const isValid = now - this.#since >= this.#terms.blackoutMs && now - this.#at < this.#terms.expirationMs;
		return isValid ? this.#weight : undefined;
	}

	#utilizationOf(report: LoadReport): number {
		if (report.applicationUtilization > 0) return report.applicationUtilization;
		let highest = 0;
		for (const name of this.#terms.utilizationMetrics) highest = Math.max(highest, report.named.get(name) ?? 0);
		return highest > 0 ? highest : report.cpuUtilization;
	}
}

/** Reads the value of `endpoint-load-metrics`: `TEXT name=value,…` or `JSON {…}`; undefined when it is neither, and when a number in it is
 *  none or has no end. */
export function parseLoadReport(text: string): LoadReport | undefined {
	const space = text.indexOf(" ");
	const format = text.slice(0, space);
	const values = new Map<string, number>();
	if (format === "TEXT") {
		for (const pair of text.slice(space + 1).split(",")) {
			const equals = pair.indexOf("=");
			values.set(pair.slice(0, equals).trim(), Number(pair.slice(equals + 1)));
		}
	} else if (format === "JSON") {
		try {
			collect(JSON.parse(text.slice(space + 1)), "", values);
		} catch {
			return undefined;
		}
	} else {
		return undefined;
	}
	for (const value of values.values()) if (!Number.isFinite(value)) return undefined;
	const get = (name: string): number => values.get(name) ?? 0;
	return {
		cpuUtilization: get("cpu_utilization"),
		applicationUtilization: get("application_utilization"),
		requestsPerSecond: get("rps_fractional"),
		errorsPerSecond: get("eps"),
		named: values,
	};
}

function collect(value: unknown, prefix: string, values: Map<string, number>): void {
	if (typeof value === "number") values.set(prefix, value);
	if (typeof value !== "object" || value === null) return;
	for (const [name, inner] of Object.entries(value)) collect(inner, prefix === "" ? name : `${prefix}.${name}`, values);
}
