import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { describeError } from "../../core/index.ts";
import { limits } from "../document/limits.ts";
import { type ParsedDocuments, parseDocuments } from "../parse-documents.ts";
import { toSignature } from "./scan-folder.ts";
import type { FileSignature } from "./settle.ts";

/** What a file holds. */
export interface ReadConfigFile {
	readonly parsed: ParsedDocuments;
	/** Undefined when it could not be read as text. */
	readonly text: string | undefined;
	/** The state it was read in; undefined when it changed meanwhile, so that it is read again. */
	readonly signature: FileSignature | undefined;
}

/** Reads and parses one file; whatever is wrong with it is a problem of it. Undefined when it is gone.
 *  @param scanned its state before it was opened */
export async function readConfigFile(path: string, scanned: FileSignature): Promise<ReadConfigFile | undefined> {
	const failed = (problem: string, signature: FileSignature | undefined = scanned): ReadConfigFile => {
		const problems = [{ severity: "error", file: path, line: 0, path: "", problem } as const];
		return { parsed: { objects: [], problems, isForeign: false }, text: undefined, signature };
	};
	try {
		// What was a file when the folder was listed may be a pipe by now, whose opening would wait for a writer.
		await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
		const stats = await file.stat({ bigint: true });
		if (!stats.isFile()) return undefined;
		const before = toSignature(stats);
		if (before.size > limits.fileLength * 4)
			return failed(`the file has ${before.size} bytes, the limit is ${limits.fileLength}: split it`, before);
		const bytes = await file.readFile();
		const after = toSignature(await file.stat({ bigint: true }));
		const signature = before.text === after.text ? after : undefined;
		const text = decode(bytes);
		if (text === undefined) return failed("the file is not UTF-8: save it as UTF-8", signature);
		return { parsed: parseDocuments(text, path), text, signature };
	} catch (error) {
		if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
		return failed(`cannot be read: ${describeError(error, path)}`);
	}
}

function decode(bytes: Uint8Array): string | undefined {
	try {
		return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
	} catch (error) {
		if (error instanceof TypeError) return undefined;
		throw error;
	}
}
