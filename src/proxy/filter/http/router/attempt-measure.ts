import type { Millis } from "../../../../core/index.ts";
import type { UpstreamResponse } from "../../../connection-pool/index.ts";
import type { ClusterMeasures } from "../../../stats/index.ts";
import { percentageOf } from "./response-accounting.ts";
import type { RouterStream } from "./router-stream.ts";

/** What Envoy takes for the status, `:status: 200`. */
const statusBytes = 10;

/** Sizes of one attempt and its share of the time for one, where the cluster asks for them. Spec: `track_cluster_stats`. */
export class AttemptMeasure {
	readonly #measures: ClusterMeasures;
	readonly #router: RouterStream;
	readonly #startedAt: Millis;
	#headCount = 0;
	#headBytes = 0;
	#bodyBytes = 0;
	#isOver = false;

	/** Undefined when nothing is asked for. */
	static begin(router: RouterStream): AttemptMeasure | undefined {
		const { measures } = router.upstream!.cluster;
		return measures && new AttemptMeasure(measures, router);
	}

	private constructor(measures: ClusterMeasures, router: RouterStream) {
		this.#measures = measures;
		this.#router = router;
		this.#startedAt = router.stream.now();
		// The attempt may end when the client's connection reads its next request already.
		router.request.detach();
	}

	/** A head came, an informational one or the answer's. */
	onHead({ headers }: UpstreamResponse): void {
		const { count, bytes } = Array.isArray(headers) ? measureList(headers) : headers.measure();
		this.#headCount += count + 1;
		this.#headBytes += bytes + statusBytes;
	}

	onBody(bytes: number): void {
		this.#bodyBytes += bytes;
	}

	/** The attempt is over. May be called again. `wasSent`: it had a connection. */
	end(wasSent: boolean): void {
		if (this.#isOver) return;
		this.#isOver = true;
		const router = this.#router;
		const { budgets, sizes } = this.#measures;
		const tookMs = router.stream.now() - this.#startedAt;
		budgets?.upstream_rq_timeout_budget_per_try_percent_used.record(percentageOf(tookMs, router.timeouts!.perTryMs));
		if (sizes === undefined) return;
		const { count, bytes } = measureRequest(router);
		sizes.upstream_rq_headers_size.record(bytes);
		sizes.upstream_rq_headers_count.record(count);
		sizes.upstream_rq_body_size.record(wasSent ? router.body!.totalBytes : 0);
		if (this.#headCount === 0) return;
		sizes.upstream_rs_headers_size.record(this.#headBytes);
		sizes.upstream_rs_headers_count.record(this.#headCount);
		sizes.upstream_rs_body_size.record(this.#bodyBytes);
	}
}

/** With the fields that HTTP/2 has for the request's line. */
function measureRequest({ request }: RouterStream): { readonly count: number; readonly bytes: number } {
	const { method, path, authority, scheme, headers } = request;
	const line = [":method", method, ":path", path, ":authority", authority, ":scheme", scheme];
	const present = line.filter((_part, index) => line[index | 1] !== "");
	return measureList([...headers, ...present]);
}

function measureList(list: readonly string[]): { readonly count: number; readonly bytes: number } {
	return { count: list.length / 2, bytes: list.reduce((sum, part) => sum + part.length, 0) };
}
