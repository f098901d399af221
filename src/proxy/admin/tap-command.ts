import type { Clock } from "../../core/index.ts";
import { formatTrace, readTapRequest, type TapRequestConfig, type TraceMessage } from "../tap/index.ts";
import type { AdminState } from "./admin-state.ts";
import { type AdminOutput, type AdminRequest, type AdminResponse, text, textType } from "./request.ts";

/** `/tap`: filters record as long as who asked stays connected; one at a time. */
export function createTapCommand({ taps }: AdminState, clock: Clock): (request: AdminRequest) => AdminResponse {
	let isAttached = false;
	return ({ body }) => {
		if (isAttached) return text("An attached /tap admin stream already exists. Detach it.", 400);
		if (body === "") return text("/tap requires a JSON/YAML body", 400);
		const read = readTapRequest(body);
		if (!read.ok) {
			return text(read.problems.map(({ path, problem }) => `${path}: ${problem}`.replace(/^: /, "")).join("\n"), 400);
		}
		const { configId } = read.value;
		if (!taps.ids().has(configId)) {
			return text(`Unknown config id '${configId}'. No extension has registered with this id.`, 400);
		}
		isAttached = true;
		return {
			status: 200,
			contentType: textType,
			body: "",
			stream(output) {
				const stop = record(read.value, output);
				return () => {
					isAttached = false;
					stop();
				};
			},
		};
	};

	function record({ config, packed }: TapRequestConfig, output: AdminOutput): () => void {
		const { format, sink } = config;
		if (sink.kind !== "buffered-admin") return taps.attach(packed, (trace) => output.write(formatTrace(trace, format)));
		let kept: TraceMessage[] | undefined = [];
		const flush = (): void => {
			if (kept === undefined) return;
			for (const trace of kept) output.write(formatTrace(trace, format));
			kept = undefined;
			output.end();
		};
		const timer = sink.timeoutMs > 0 ? clock.setTimer(sink.timeoutMs, flush) : undefined;
		const detach = taps.attach(packed, (trace) => {
			kept?.push(trace);
			if (kept !== undefined && kept.length >= sink.maxTraces) flush();
		});
		return () => {
			timer?.cancel();
			detach();
		};
	}
}
