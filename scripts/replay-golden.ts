/** `node scripts/replay-golden.ts FOLDER [--only CASE,AREA] [--data-plane amime|envoy] [--dump DIR] [--threads N]`: replays golden
 *  observations of a real Istio (README of FOLDER) on this control plane with amime's proxies or stock Envoys. The world lives in a
 *  network namespace of its own, traffic is captured by the kernel, requests and comparison are the folder's own. Prints every
 *  difference and the totals; exits non-zero when fewer than 95 % are the same. Needs root, nft, Python with PyYAML, curl and openssl. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { findEnvoy, findNft } from "../test/support/peers.ts";
import { startDriver } from "./golden/driver.ts";
import {
	type GoldenCase,
	type GoldenFolder,
	listProxies,
	type Manifest,
	readCase,
	readGoldenFolder,
} from "./golden/golden-folder.ts";
import { findDifferent, type Judged, judge, judgeStatus, report } from "./golden/judge.ts";
import { type ReplayMesh, startMesh, withTime } from "./golden/mesh.ts";
import { serveNames } from "./golden/name-server.ts";
import { buildNetwork, plainAddress } from "./golden/network.ts";
import { type DataPlane, startProxies } from "./golden/proxies.ts";

const { values, positionals } = parseArgs({
	allowPositionals: true,
	options: {
		only: { type: "string", default: "" },
		"data-plane": { type: "string", default: "amime" },
		dump: { type: "string" },
		threads: { type: "string", default: "6" },
		settle: { type: "string", default: "350" },
	},
});
const dataPlane = values["data-plane"] as DataPlane;
const wanted = 0.95;

const missing = await main();
if (missing !== undefined) console.log(`*** GOLDEN OBSERVATIONS NOT REPLAYED: ${missing}`);

/** Answers with what is missing for a replay. */
async function main(): Promise<string | undefined> {
	const [path] = positionals;
	if (path === undefined) throw new Error("usage: node scripts/replay-golden.ts FOLDER");
	const folder = readGoldenFolder(resolve(path));
	if (folder === undefined) return `there are none in ${path}`;
	if (process.getuid?.() !== 0) return "network namespaces take root";
	const nft = findNft();
	if (nft === undefined) return "PEER MISSING: nft (Debian package nftables), which captures the traffic";
	if (dataPlane === "envoy" && findEnvoy() === undefined) return "PEER MISSING: envoy";
	if (process.env["GOLDEN_REPLAY_INSIDE"] === undefined) enterNamespaces();
	else process.exit((await replay(folder, nft)) >= wanted ? 0 : 1);
	return undefined;
}

/** This script again in namespaces of its own: with the first process of the inner one everything in it ends. */
function enterNamespaces(): void {
	const args = [
		"--mount",
		"--net",
		"--pid",
		"--fork",
		"--kill-child",
		"--mount-proc",
		process.execPath,
		...process.argv.slice(1),
	];
	const { status } = spawnSync("unshare", args, {
		stdio: "inherit",
		env: { ...process.env, GOLDEN_REPLAY_INSIDE: "1" },
	});
	process.exitCode = status ?? 1;
}

async function replay(folder: GoldenFolder, nft: string): Promise<number> {
	const startedAt = Date.now();
	if (dataPlane === "amime")
		execFileSync(process.execPath, [resolve(import.meta.dirname, "bundle.ts")], {
			stdio: ["ignore", "ignore", "inherit"],
		});
	const scratch = mkdtempSync(join(tmpdir(), "amime-golden-"));
	try {
		const places = listProxies(folder);
		buildNetwork(places, folder.addresses, nft, scratch);
		await serveNames(plainAddress);
		const mesh = await startMesh(folder.world, join(scratch, "state"));
		const { xdsTlsPort, adminUrl, token } = mesh;
		const driver = await startDriver(folder, Number(values.threads));
		const proxies = await startProxies(places, { dataPlane, envoy: findEnvoy(), xdsTlsPort, adminUrl, token, scratch });
		while ((await mesh.connected()) < places.length) {
			if (proxies.dead().length > 0 || Date.now() - startedAt > 180_000)
				throw new Error(
					`proxies did not connect; ended: ${proxies
						.dead()
						.map((name) => `${name}:\n${proxies.tail(name)}`)
						.join("\n")}`,
				);
			await new Promise((done) => setTimeout(done, 100));
		}
		const run = async (cases: readonly GoldenCase[], isOneByOne: boolean): Promise<Judged[]> => {
			const recording = new Map<GoldenCase, readonly unknown[]>();
			const statuses: Judged[] = [];
			for (const item of cases) {
				const manifests = readCase(folder, item);
				await prepare(item, manifests, mesh);
				recording.set(item, await driver.send(item, manifests, isOneByOne));
				statuses.push(...(await judgeStatuses(item, mesh)));
				for (const name of proxies.dead())
					console.log(`  ${item.name}: the proxy ${name} has ended:\n${proxies.tail(name)}`);
				if (values.dump !== undefined) proxies.dump(join(values.dump, item.name));
			}
			return [...judge(folder, recording, scratch), ...statuses];
		};
		const wantedCases = folder.cases.filter(isWanted);
		let judged = await run(wantedCases, false);
		const again = wantedCases.filter(({ name }) => findDifferent(judged).some((one) => isOf(one, name)));
		if (again.length > 0) judged = keepRepeated(judged, await run(again, true));
		driver.close();
		proxies.stop();
		return conclude(judged, startedAt);
	} finally {
		rmSync(scratch, { recursive: true, force: true });
	}
}

function isWanted({ name, area }: GoldenCase): boolean {
	return values.only.split(",").some((word) => name.includes(word) || area === word);
}

async function prepare(item: GoldenCase, manifests: readonly Manifest[], mesh: ReplayMesh): Promise<void> {
	const refused = await mesh.apply(
		manifests.map((manifest, position) => withTime(manifest, item.stagger === true ? 60 + position : 60)),
	);
	for (const reason of refused) console.log(`  ${item.name}: refused: ${reason}`);
	const nacks = await mesh.settle(item.settle_ms ?? Number(values.settle));
	for (const nack of nacks) console.log(`  ${item.name}: ${nack}`);
}

async function judgeStatuses(item: GoldenCase, mesh: ReplayMesh): Promise<Judged[]> {
	const judged: Judged[] = [];
	for (const entry of item.status ?? []) {
		const [namespace, name] = entry.name.split("/") as [string, string];
		judged.push(judgeStatus(item, entry, await mesh.status(entry.kind, namespace, name).catch(() => undefined)));
	}
	return judged;
}

function isOf({ name }: Judged, caseName: string): boolean {
	return name.slice(0, name.indexOf("/")) === caseName;
}

/** A difference that does not repeat, with one request at a time, was the machine's. */
function keepRepeated(first: readonly Judged[], second: readonly Judged[]): Judged[] {
	const repeated = new Map(second.map((one) => [one.name, one]));
	return first.map((one) => (one.verdict === "different" ? (repeated.get(one.name) ?? one) : one));
}

function conclude(judged: readonly Judged[], startedAt: number): number {
	const share = report(judged);
	console.log(
		`golden observations on ${dataPlane}: ${(share * 100).toFixed(1)} % the same, in ${Math.round((Date.now() - startedAt) / 1000)} s`,
	);
	return share;
}
