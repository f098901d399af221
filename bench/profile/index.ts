/** CPU profiles of amime's processes, as `--cpu-prof` writes them: the functions that took the time themselves. */
import { readdirSync, readFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

interface CpuProfile {
	readonly nodes: readonly {
		readonly id: number;
		readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
	}[];
	readonly samples: readonly number[];
	readonly timeDeltas: readonly number[];
}

const shown = 40;
const project = resolve(import.meta.dirname, "../..");

/** A table for each profile in the folder. */
export function formatProfiles(folder: string): string {
	const files = readdirSync(folder).filter((file) => file.endsWith(".cpuprofile"));
	if (files.length === 0) return `no profile in ${folder}: did the scenario run?\n`;
	return files.map((file) => formatProfile(join(folder, file))).join("");
}

function formatProfile(file: string): string {
	const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(file, "utf8")) as CpuProfile;
	const labels = new Map(nodes.map(({ id, callFrame }) => [id, formatFrame(callFrame)]));
	const times = new Map<string, number>();
	let total = 0;
	samples.forEach((id, index) => {
		const label = labels.get(id) ?? "?";
		const micros = timeDeltas[index] ?? 0;
		times.set(label, (times.get(label) ?? 0) + micros);
		if (label !== "(idle)") total += micros;
	});
	const lines = [...times]
		.filter(([label]) => label !== "(idle)")
		.sort((a, b) => b[1] - a[1])
		.slice(0, shown)
		.map(([label, micros]) => `${((micros * 100) / total).toFixed(1).padStart(6)} %  ${label}`);
	return `\n${file}: ${(total / 1e6).toFixed(2)} s busy\n${lines.join("\n")}\n`;
}

function formatFrame({ functionName, url, lineNumber }: CpuProfile["nodes"][number]["callFrame"]): string {
	const name = functionName === "" ? "(anonymous)" : functionName;
	if (url === "") return name;
	const place = url.startsWith("file:") ? relative(project, fileURLToPath(url)) : url;
	return `${name}  ${place}:${lineNumber + 1}`;
}
