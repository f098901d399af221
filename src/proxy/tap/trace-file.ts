import { createWriteStream } from "node:fs";
import { describeError, type Log } from "../../core/index.ts";
import type { TapFormat } from "../runtime-config/index.ts";
import { formatTrace, type TraceMessage } from "./format-trace.ts";

/** Where the traces of one request go. */
export interface TraceSink {
	submit(trace: TraceMessage): void;
	/** Nothing more comes. */
	end(): void;
}

const endings: Readonly<Record<TapFormat, string>> = {
	"json-bytes": ".json",
	"json-string": ".json",
	binary: ".pb",
	"binary-delimited": ".pb_length_delimited",
	text: ".pb_text",
};

/** A file of its own for one request: the prefix, the trace's number and the ending of the format. Made with the first trace. */
export function openTraceFile(pathPrefix: string, traceId: bigint, format: TapFormat, log: Log): TraceSink {
	const path = `${pathPrefix}_${traceId}${endings[format]}`;
	let file: ReturnType<typeof createWriteStream> | undefined;
	return {
		submit(trace) {
			file ??= createWriteStream(path).on("error", (error) => {
				log.warn("a trace cannot be written", { path, problem: describeError(error) });
			});
			file.write(formatTrace(trace, format));
		},
		end: () => void file?.end(),
	};
}
