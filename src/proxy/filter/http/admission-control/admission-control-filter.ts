import { getHeader } from "../../../../core/index.ts";
import { getRuntimeNumber } from "../../../../engine/runtime/index.ts";
import { isGrpcType } from "../../../../wire/http1/index.ts";
import type { AdmissionControlConfig, RuntimeNumber } from "../../../runtime-config/index.ts";
import { createAdmissionControlStats } from "../../../stats/index.ts";
import { isEnabled } from "../../runtime-flag.ts";
import type { FilterStream, HttpFilter } from "../filter.ts";
import type { FilterParts } from "../filter-parts.ts";
import type { PassResponseHead } from "../pass-head.ts";
import { rejectionShare, SuccessWindow } from "./success-window.ts";

/** What a stream waits for. `trailers`: they say how it ended. */
type Awaits = "head" | "trailers";

/** Refuses a share of the requests while too many fail. Spec: `envoy.extensions.filters.http.admission_control.v3`. */
export function createAdmissionControlFilter(
	{ name, disabled, index, scope, context }: FilterParts,
	config: AdmissionControlConfig,
): HttpFilter {
	const stats = createAdmissionControlStats(scope.scope("admission_control"));
	const window = new SuccessWindow(config.windowMs);
	const { runtime, random } = context;
	const read = ({ runtimeKey, value }: RuntimeNumber): number => getRuntimeNumber(runtime, runtimeKey, value);
	/** Four digits of the share count, as in Envoy. */
	const isRefused = (now: number): boolean => {
		const counts = window.read(now);
		if (counts.rate < read(config.rateThreshold)) return false;
		const share = rejectionShare(counts, {
			threshold: Math.min(100, read(config.successThreshold)) / 100,
			aggression: Math.max(1, read(config.aggression)),
			maximum: Math.min(100, read(config.maxRejection)) / 100,
		});
		return Math.floor(random.next() * 10_000) < share * 10_000;
	};
	const record = (stream: FilterStream, isSuccess: boolean): void => {
		stream.setState(index, undefined);
		(isSuccess ? stats.rq_success : stats.rq_failure).value++;
		window.record(isSuccess, stream.now());
	};
	return {
		name,
		disabled,
		index,
		onRequestHead(stream) {
			if (!isEnabled(config.enabled, runtime) || stream.record.healthCheck) return "continue";
			if (isRefused(stream.now())) {
				stats.rq_rejected.value++;
				stream.sendLocalReply({ status: 503, body: "", details: "denied_by_admission_control", flags: 0 });
				return "stop";
			}
			stream.setState(index, "head" satisfies Awaits);
			return "continue";
		},
		onResponseHead(stream, head) {
			if (stream.getState(index) !== "head") return;
			if (!isGrpc(head)) {
				record(
					stream,
					config.httpSuccess.some(([first, end]) => head.status >= first && head.status < end),
				);
				return;
			}
			const status = readStatus(head.get("grpc-status"));
			if (status === undefined) stream.setState(index, "trailers" satisfies Awaits);
			else record(stream, config.grpcSuccess.has(status));
		},
		onResponseTrailers(stream, trailers) {
			if (stream.getState(index) === "trailers") {
				const status = readStatus(getHeader(trailers, "grpc-status"));
				record(stream, status !== undefined && config.grpcSuccess.has(status));
			}
			return "continue";
		},
	};
}

function readStatus(text: string | undefined): number | undefined {
	return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

function isGrpc(head: PassResponseHead): boolean {
	const type = head.get("content-type");
	return type !== undefined && isGrpcType(type);
}
