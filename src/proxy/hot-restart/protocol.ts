import { chmodSync, lstatSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { StringDecoder } from "node:string_decoder";
import { MeshError } from "../../core/index.ts";
import type { StatsDelta } from "../workers/index.ts";

/** The listening sockets of a process, by their descriptors there. */
export interface HandedSockets {
	readonly processId: number;
	readonly listeners: readonly HandedListener[];
	readonly admin: HandedAdmin | undefined;
}

/** The admin port's socket. */
export interface HandedAdmin {
	readonly text: string;
	readonly descriptor: number;
}

export interface HandedListener {
	readonly name: string;
	/** By address: as text, and the descriptors of the sockets that listen there. */
	readonly addresses: readonly { readonly text: string; readonly descriptors: readonly number[] }[];
}

/** What the new process asks. */
export type Request = { readonly id: number; readonly ask: "sockets" | "close-admin" | "drain" | "stats" | "end" };

/** What the old process says: answers, and without being asked (id 0) what it counted last, before it ends. */
export interface Answer {
	readonly id: number;
	readonly sockets?: HandedSockets;
	readonly stats?: StatsDelta;
	readonly connections?: number;
}

/** Where a process of this base id and epoch answers: in a folder that only its user may enter. */
export function socketPath(folder: string, baseId: number, epoch: number): string {
	return join(folder, `${baseId}-${epoch}.sock`);
}

/** @throws MeshError RESTART_FOLDER_UNSAFE when somebody else could put sockets there */
export function prepareFolder(folder: string, userId: number): void {
	mkdirSync(folder, { recursive: true, mode: 0o700 });
	const found = lstatSync(folder);
	if (!found.isDirectory() || found.uid !== userId) {
		throw new MeshError(
			"RESTART_FOLDER_UNSAFE",
			`${folder} is not this user's folder: hot restart needs one of its own`,
		);
	}
	chmodSync(folder, 0o700);
}

/** Cuts a stream of lines of JSON. */
export function createLineReader<Message>(onMessage: (message: Message) => void): (chunk: Buffer) => void {
	const decoder = new StringDecoder("utf8");
	let kept = "";
	return (chunk) => {
		const lines = (kept + decoder.write(chunk)).split("\n");
		kept = lines.pop() ?? "";
		for (const line of lines) onMessage(JSON.parse(line) as Message);
	};
}
