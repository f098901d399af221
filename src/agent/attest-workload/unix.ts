import { createHash } from "node:crypto";
import { createReadStream, readFileSync, readlinkSync, type Stats, statSync } from "node:fs";
import { MeshError } from "../../core/index.ts";
import type { Attestation, WorkloadAttestor } from "./attest-process.ts";

export interface UnixAttestorOptions {
	/** `/proc` by default. */
	readonly proc?: string;
	/** `/etc` by default: where `passwd` and `group` are. */
	readonly etc?: string;
	/** Programs larger than this are not hashed; 1 GiB by default. */
	readonly maxProgramBytes?: number;
}

const maxHashes = 1_000;

/** `unix:uid`, `user`, `gid`, `group`, `supplementary_gid`, `supplementary_group`, `path`, `sha256`. User and group are those of the
 *  connection. A path counts only when it leads to the same file for this process too: whoever can mount may put any program anywhere. */
export function createUnixAttestor(options: UnixAttestorOptions = {}): WorkloadAttestor {
	const { proc = "/proc", etc = "/etc", maxProgramBytes = 1024 ** 3 } = options;
	const hashes = new Map<string, string>();

	async function hashOf(program: string, stats: Stats): Promise<string> {
		const key = [stats.dev, stats.ino, stats.size, stats.mtimeMs, stats.ctimeMs].join("/");
		const known = hashes.get(key);
		if (known !== undefined) return known;
		if (stats.size > maxProgramBytes)
			throw new MeshError(
				"WORKLOAD_PROGRAM_TOO_LARGE",
				`a program of more than ${maxProgramBytes} bytes is not hashed`,
			);
		const hash = createHash("sha256");
		for await (const chunk of createReadStream(program)) hash.update(chunk as Buffer);
		const digest = hash.digest("hex");
		if (hashes.size >= maxHashes) hashes.delete(hashes.keys().next().value!);
		hashes.set(key, digest);
		return digest;
	}

	return {
		name: "unix",
		async attest({ pid, uid, gid, isWanted }: Attestation) {
			const status = readFileSync(`${proc}/${pid}/status`, "latin1");
			const [, euid, , , , egid] = /^Uid:\s+\d+\s+(\d+)\s+(\d+)\s+(\d+)\nGid:\s+(\d+)\s+(\d+)/m.exec(status) ?? [];
			if (Number(euid) !== uid || Number(egid) !== gid)
				throw new MeshError("WORKLOAD_GONE", `process ${pid} has another user or group than when it connected`);
			const users = readNames(`${etc}/passwd`);
			const groups = readNames(`${etc}/group`);
			const supplementary = (/^Groups:(.*)$/m.exec(status)?.[1] ?? "")
				.split(/\s+/)
				.filter((part) => /^\d+$/.test(part));
			const program = `${proc}/${pid}/exe`;
			const stats = statOf(program);
			const path = stats === undefined ? undefined : pathOf(program, stats);
			return [
				`unix:uid:${uid}`,
				...named("unix:user", users, uid),
				`unix:gid:${gid}`,
				...named("unix:group", groups, gid),
				...supplementary.flatMap((group) => [
					`unix:supplementary_gid:${group}`,
					...named("unix:supplementary_group", groups, Number(group)),
				]),
				...(path === undefined ? [] : [`unix:path:${path}`]),
				...(stats !== undefined && isWanted("unix:sha256:") ? [`unix:sha256:${await hashOf(program, stats)}`] : []),
			];
		},
	};
}

/** The program of a process; undefined for one of another user that this one may not look into. */
function statOf(program: string): Stats | undefined {
	return statSync(program, { throwIfNoEntry: false });
}

function pathOf(program: string, stats: Stats): string | undefined {
	const path = readlinkSync(program);
	const here = statSync(path, { throwIfNoEntry: false });
	return here?.dev === stats.dev && here.ino === stats.ino ? path : undefined;
}

function named(selector: string, names: ReadonlyMap<number, string>, number: number): string[] {
	const name = names.get(number);
	return name === undefined ? [] : [`${selector}:${name}`];
}

/** Names by number of `/etc/passwd` or `/etc/group`: both have them in their first and third column. */
function readNames(file: string): ReadonlyMap<number, string> {
	const names = new Map<number, string>();
	for (const line of readFileSync(file, "utf8").split("\n")) {
		const [name = "", , number = ""] = line.split(":");
		if (name !== "" && /^\d+$/.test(number) && !names.has(Number(number))) names.set(Number(number), name);
	}
	return names;
}
