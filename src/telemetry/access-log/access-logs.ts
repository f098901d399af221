import { closeSync, openSync, write as writeFile } from "node:fs";
import type { Clock, Random } from "../../core/index.ts";
import { describeError, MeshError } from "../../core/index.ts";
import { type AccessLogFilter, compileAccessLogFilter } from "../../engine/access-log/index.ts";
import type { Formatter, StreamInfo } from "../../engine/format/index.ts";
import type { Runtime } from "../../engine/runtime/index.ts";
import {
	type AccessLogSink,
	type AccessLogStats,
	createTextSink,
	defaultSinkLimits,
	type SinkLimits,
} from "./text-sink.ts";

/** One access log of a listener or connection manager. */
export interface AccessLogSpec {
	/** Undefined logs every stream. */
	readonly filter: AccessLogFilter | undefined;
	/** A whole entry, line end included. */
	readonly formatter: Formatter;
	readonly sink:
		| { readonly kind: "file"; readonly path: string }
		| { readonly kind: "stdout" }
		| { readonly kind: "stderr" };
}

/** An access log at work: the data path calls it once a stream. */
export interface AccessLog {
	log(stream: StreamInfo): void;
}

/** The access logs of a process. Logs of one file share it. */
export interface AccessLogs {
	/** Opens the file when it is not open yet (created with mode 0640, appended to).
	 *  @throws MeshError ACCESS_LOG_UNWRITABLE */
	create(spec: AccessLogSpec): AccessLog;
	/** A file of lines of another kind, opened as those of access logs are.
	 *  @throws MeshError ACCESS_LOG_UNWRITABLE */
	openLines(path: string): { write(line: string): void };
	/** Opens every file anew by its name, after rotation; a file that cannot be opened stays as it is. */
	reopen(): void;
	/** Writes everything that is kept. */
	flush(): Promise<void>;
	/** Writes everything and closes the files; later entries are lost. */
	close(): Promise<void>;
}

/** Options of {@link createAccessLogs}. */
export interface AccessLogsOptions {
	readonly clock: Clock;
	/** For filters that take a share. */
	readonly random: Random;
	readonly runtime: Runtime;
	readonly stats: AccessLogStats;
	readonly limits?: Partial<SinkLimits>;
	/** The process's streams. */
	readonly stdout: NodeJS.WritableStream;
	readonly stderr: NodeJS.WritableStream;
}

interface OpenFile {
	readonly path: string;
	descriptor: number;
	readonly sink: AccessLogSink;
}

/** Creates the set of access logs, empty. */
export function createAccessLogs(options: AccessLogsOptions): AccessLogs {
	const limits: SinkLimits = { ...defaultSinkLimits, ...options.limits };
	const files = new Map<string, OpenFile>();
	const streams = new Map<NodeJS.WritableStream, AccessLogSink>();

	const streamSink = (stream: NodeJS.WritableStream): AccessLogSink => {
		let sink = streams.get(stream);
		if (sink === undefined) {
			sink = createTextSink((bytes) => writeToStream(stream, bytes), options.stats, options.clock, limits);
			streams.set(stream, sink);
		}
		return sink;
	};
	const fileSink = (path: string): AccessLogSink => {
		if (path === "/dev/stdout") return streamSink(options.stdout);
		if (path === "/dev/stderr") return streamSink(options.stderr);
		const known = files.get(path);
		if (known !== undefined) return known.sink;
		const file: OpenFile = {
			path,
			descriptor: openLog(path),
			sink: createTextSink((bytes) => writeToFile(file.descriptor, bytes), options.stats, options.clock, limits),
		};
		files.set(path, file);
		return file.sink;
	};
	const flush = async (): Promise<void> => {
		await Promise.all(
			[...streams.values(), ...[...files.values()].map((file) => file.sink)].map((sink) => sink.flush()),
		);
	};
	return {
		create(spec) {
			const sink =
				spec.sink.kind === "file"
					? fileSink(spec.sink.path)
					: streamSink(spec.sink.kind === "stdout" ? options.stdout : options.stderr);
			const { formatter } = spec;
			if (spec.filter === undefined) return { log: (stream) => sink.write(formatter.format(stream)) };
			const takes = compileAccessLogFilter(spec.filter, options.runtime);
			return {
				log(stream) {
					if (takes(stream, options.random)) sink.write(formatter.format(stream));
				},
			};
		},
		openLines(path) {
			const sink = fileSink(path);
			return { write: (line) => sink.write(line) };
		},
		reopen() {
			for (const file of files.values()) void reopenFile(file, options.stats);
		},
		flush,
		async close() {
			await flush();
			for (const file of files.values()) {
				closeSync(file.descriptor);
				// An entry that comes too late must not reach a file that got the same number.
				file.descriptor = -1;
			}
			files.clear();
		},
	};
}

function openLog(path: string): number {
	try {
		return openSync(path, "a", 0o640);
	} catch (error) {
		throw new MeshError("ACCESS_LOG_UNWRITABLE", `access log ${path}: ${describeError(error)}`, { cause: error });
	}
}

/** The old file stays open until the write under way is out; what is still kept goes to the new one. */
async function reopenFile(file: OpenFile, stats: AccessLogStats): Promise<void> {
	let next: number;
	try {
		next = openLog(file.path);
	} catch {
		stats.reopen_failed.value++;
		return;
	}
	const old = file.descriptor;
	file.descriptor = next;
	await file.sink.flush();
	closeSync(old);
}

function writeToFile(descriptor: number, bytes: Buffer): Promise<void> {
	return new Promise((resolve, reject) => {
		writeFile(descriptor, bytes, 0, bytes.length, null, (error, written) => {
			if (error !== null) reject(error);
			else if (written < bytes.length) resolve(writeToFile(descriptor, bytes.subarray(written)));
			else resolve();
		});
	});
}

function writeToStream(stream: NodeJS.WritableStream, bytes: Buffer): Promise<void> {
	return new Promise((resolve, reject) => {
		stream.write(bytes, (error?: Error | null) => (error ? reject(error) : resolve()));
	});
}
