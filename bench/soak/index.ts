/** `npm run bench -- soak [--minutes N]`: mixed traffic through one proxy while endpoints die and come back at random; fails when memory or
 *  descriptors grow. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { findFreePort } from "../../test/support/free-port.ts";
import { countDescriptors, readPrivateBytes } from "../../test/support/memory.ts";
import { createPairFiles } from "../support/certificates.ts";
import { medianOf } from "../support/median.ts";
import { startPinned, stopProcess, waitForHttp } from "../support/process.ts";
import { startSoakBackends } from "./backends.ts";
import { createSoakBootstrap } from "./config.ts";
import { startTraffic } from "./traffic.ts";

const sampleMs = 5000;
const mib = 1024 * 1024;
/** What the later half may have above the earlier one: a tenth, or so much when that is more. */
const slackBytes = 12 * mib;
const slackDescriptors = 64;

interface Sample {
	readonly atMs: number;
	readonly privateBytes: number;
	readonly descriptors: number;
}

/** Runs it; returns whether nothing grew and every kind of traffic was answered. */
export async function runSoak(minutes: number): Promise<boolean> {
	const folder = mkdtempSync(join(tmpdir(), "amime-soak-"));
	const backends = await startSoakBackends();
	const ports = {
		admin: await findFreePort(),
		plain: await findFreePort(),
		tls: await findFreePort(),
		tcp: await findFreePort(),
	};
	const file = join(folder, "bootstrap.json");
	writeFileSync(file, JSON.stringify(createSoakBootstrap(ports, backends.ports, createPairFiles(folder))));
	const program = resolve(import.meta.dirname, "../../bin/amime");
	const child = startPinned(0, [program, "proxy", "-l", "error", "-c", file], join(folder, "proxy.log"));
	const samples: Sample[] = [];
	try {
		await waitForHttp(ports.admin, "/ready", child);
		const traffic = startTraffic(ports);
		const startedAt = performance.now();
		const endsAt = startedAt + minutes * 60_000;
		while (performance.now() < endsAt && child.exitCode === null) {
			await new Promise((done) => setTimeout(done, sampleMs));
			if (child.exitCode !== null) break;
			const sample = {
				atMs: performance.now() - startedAt,
				privateBytes: readPrivateBytes(child.pid!),
				descriptors: countDescriptors(child.pid!),
			};
			samples.push(sample);
			process.stdout.write(
				`${(sample.atMs / 1000).toFixed(0).padStart(5)} s  ${(sample.privateBytes / mib).toFixed(1).padStart(7)} MiB  ${String(sample.descriptors).padStart(5)} descriptors  ${traffic.describe()}\n`,
			);
		}
		const counts = await traffic.stop();
		return judge(samples, counts, child.exitCode);
	} finally {
		await stopProcess(child);
		await backends.stop();
		rmSync(folder, { recursive: true, force: true });
	}
}

/** Compares the last third with the middle one: the first is warm-up. */
function judge(samples: readonly Sample[], counts: Readonly<Record<string, number>>, exitCode: number | null): boolean {
	const third = Math.floor(samples.length / 3);
	const middle = samples.slice(third, 2 * third);
	const last = samples.slice(2 * third);
	const problems: string[] = [];
	if (exitCode !== null) problems.push(`the proxy ended with ${exitCode}`);
	for (const [kind, count] of Object.entries(counts)) if (count === 0) problems.push(`no ${kind} was answered`);
	if (third > 0) {
		const [before, after] = [middle, last].map((part) => medianOf(part, (sample) => sample.privateBytes)) as [
			number,
			number,
		];
		if (after > before + Math.max(slackBytes, before / 10))
			problems.push(`private memory grew from ${(before / mib).toFixed(1)} to ${(after / mib).toFixed(1)} MiB`);
		const [open, openLater] = [middle, last].map((part) => medianOf(part, (sample) => sample.descriptors)) as [
			number,
			number,
		];
		if (openLater > open + Math.max(slackDescriptors, open / 10))
			problems.push(`descriptors grew from ${open} to ${openLater}`);
	}
	process.stdout.write(problems.length === 0 ? "no growth\n" : `${problems.join("\n")}\n`);
	return problems.length === 0;
}
