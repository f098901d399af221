/** Requests of one series of one proxy, counted since the proxy's start. */
export interface SeriesSample {
	readonly requests: number;
	/** Answered 4xx. */
	readonly clientErrors: number;
	/** Answered 5xx, or connections that could not be made. */
	readonly serverErrors: number;
	/** How many requests took up to so many milliseconds and more than the next smaller bound, by the bound. */
	readonly latency: Readonly<Record<string, number>>;
}

/** What one proxy counted, by series: `inbound`, `outbound`, and `to <host>`, `connections to <host>` of what it calls. */
export type NodeSample = Readonly<Record<string, SeriesSample>>;

/** Series of what a proxy calls are kept of so many hosts, those with most requests. */
const maxHosts = 20;

/** The path of a proxy's admin port that `parseStats` reads; the same on amime and on Envoy. */
export const statsPath = `/stats?usedonly&histogram_buckets=disjoint&filter=${encodeURIComponent(
	"^(http\\..+\\.downstream_rq_([1-5]xx|time)|cluster\\.outbound.+\\.(upstream_rq_([1-5]xx|time)|upstream_cx_(total|connect_fail)))$",
)}`;

const http = /^http\.(.+)\.downstream_rq_([1-5]xx|time)$/;
const cluster =
	/^cluster\.outbound\|[^|]*\|[^|]*\|(.+)\.(upstream_rq_([1-5]xx|time)|upstream_cx_total|upstream_cx_connect_fail)$/;

interface Counted {
	requests: number;
	clientErrors: number;
	serverErrors: number;
	latency: Record<string, number>;
}

/** Reads the text of `statsPath`. */
export function parseStats(text: string): NodeSample {
	const series = new Map<string, Counted>();
	const of = (name: string): Counted => {
		const known = series.get(name) ?? { requests: 0, clientErrors: 0, serverErrors: 0, latency: {} };
		series.set(name, known);
		return known;
	};
	for (const line of text.split("\n")) {
		const colon = line.lastIndexOf(": ");
		if (colon === -1) continue;
		const [name, value] = [line.slice(0, colon), line.slice(colon + 2)];
		const [, prefix, ofHttp] = http.exec(name) ?? [];
		if (prefix !== undefined && ofHttp !== undefined) {
			// The admin port is an HTTP server as well.
			if (prefix !== "admin") count(of(prefix.startsWith("inbound") ? "inbound" : "outbound"), ofHttp, value);
			continue;
		}
		const [, host, ofCluster] = cluster.exec(name) ?? [];
		if (host === undefined || ofCluster === undefined) continue;
		if (ofCluster === "upstream_cx_total") of(`connections to ${host}`).requests += Number(value);
		else if (ofCluster === "upstream_cx_connect_fail") of(`connections to ${host}`).serverErrors += Number(value);
		else count(of(`to ${host}`), ofCluster.slice("upstream_rq_".length), value);
	}
	const isSide = (name: string): boolean => name === "inbound" || name === "outbound";
	const hosts = [...series].filter(([name]) => !isSide(name)).sort(([, a], [, b]) => b.requests - a.requests);
	return Object.fromEntries([...[...series].filter(([name]) => isSide(name)), ...hosts.slice(0, maxHosts * 2)]);
}

function count(series: Counted, what: string, value: string): void {
	if (what === "time") {
		// `B0.5(0,1) B1(0,2)`: since the last flush, and since the start.
		for (const [, bound, times] of value.matchAll(/B([\d.e+]+)\(\d+,(\d+)\)/g)) {
			if (times === "0") continue;
			series.latency[bound!] = (series.latency[bound!] ?? 0) + Number(times);
		}
		return;
	}
	const times = Number(value);
	series.requests += times;
	if (what === "4xx") series.clientErrors += times;
	if (what === "5xx") series.serverErrors += times;
}

/** What was counted between two samples of a proxy; one that started anew since is counted from its start. */
export function subtractSample(later: NodeSample, earlier: NodeSample): NodeSample {
	return Object.fromEntries(
		Object.entries(later).map(([name, now]) => {
			const before = earlier[name];
			if (before === undefined || now.requests < before.requests) return [name, now];
			const latency = Object.fromEntries(
				Object.entries(now.latency)
					.map(([bound, times]) => [bound, times - (before.latency[bound] ?? 0)] as const)
					.filter(([, times]) => times > 0),
			);
			return [
				name,
				{
					requests: now.requests - before.requests,
					clientErrors: Math.max(0, now.clientErrors - before.clientErrors),
					serverErrors: Math.max(0, now.serverErrors - before.serverErrors),
					latency,
				},
			];
		}),
	);
}

/** The sum of several proxies. */
export function addSamples(samples: readonly NodeSample[]): NodeSample {
	const sums = new Map<string, Counted>();
	for (const sample of samples)
		for (const [name, { requests, clientErrors, serverErrors, latency }] of Object.entries(sample)) {
			const sum = sums.get(name) ?? { requests: 0, clientErrors: 0, serverErrors: 0, latency: {} };
			sum.requests += requests;
			sum.clientErrors += clientErrors;
			sum.serverErrors += serverErrors;
			for (const [bound, times] of Object.entries(latency)) sum.latency[bound] = (sum.latency[bound] ?? 0) + times;
			sums.set(name, sum);
		}
	return Object.fromEntries(sums);
}
