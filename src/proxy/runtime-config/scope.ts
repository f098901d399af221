import { readFileSync } from "node:fs";
import { describeError, type Problem } from "../../core/index.ts";
import { emptyFormatEnvironment, type FormatEnvironment } from "../../engine/format/index.ts";

/** What a translation may look at beside the message. */
export interface TranslateOptions {
	/** Field path of the message; empty for a resource of its own. */
	readonly path?: string;
	/** Hostname and environment variables for formats and data sources. */
	readonly environment?: FormatEnvironment;
	/** Whether a cluster exists, for `validate_clusters`; leave it out to take every name. */
	readonly hasCluster?: (name: string) => boolean;
	/** Whether the bootstrap has a secret; leave it out to take every name. */
	readonly hasSecret?: (name: string) => boolean;
	/** Whether the node has an id and a cluster: sources of resources ask for both. True by default. */
	readonly isNodeNamed?: boolean;
	/** Whether a file or folder exists, for sources of resources; leave it out to take every path. */
	readonly pathExists?: (path: string) => boolean;
	/** Reads a file of a data source that the configuration itself holds (direct response bodies); the file system by default. */
	readonly readFile?: (path: string) => Uint8Array;
}

/** A place in a message that is being translated: knows its path and takes the problems found there. */
export class Scope {
	readonly path: string;
	readonly problems: Problem[];
	readonly options: TranslateOptions;

	constructor(path: string, problems: Problem[], options: TranslateOptions) {
		this.path = path;
		this.problems = problems;
		this.options = options;
	}

	get environment(): FormatEnvironment {
		return this.options.environment ?? emptyFormatEnvironment;
	}

	/** The place of a field: `name`, or `name[index]`. */
	at(name: string, index?: number | string): Scope {
		const suffix = index === undefined ? "" : `[${typeof index === "number" ? index : JSON.stringify(index)}]`;
		return new Scope(`${this.path === "" ? "" : `${this.path}.`}${name}${suffix}`, this.problems, this.options);
	}

	report(problem: string): void {
		this.problems.push({ path: this.path, problem });
	}

	/** The content of a file, or undefined with a problem. */
	readFile(path: string): Uint8Array | undefined {
		try {
			return (this.options.readFile ?? readFileSync)(path);
		} catch (error) {
			this.report(`cannot read ${path}: ${describeError(error, path)}`);
			return undefined;
		}
	}
}

/** Text of the configuration (UTF-8) in the form header lists have: one character a byte. */
export function toWireText(text: string): string {
	return /^[\0-\x7f]*$/.test(text) ? text : Buffer.from(text, "utf8").toString("latin1");
}
