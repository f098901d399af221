import type { ChildProcess } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { findEnvoy, findOriginServer } from "../../test/support/peers.ts";
import { startPinned, waitForHttp } from "../support/process.ts";
import { createBootstrap, createHaproxyConfig, createNginxConfig, type Hop } from "./configs.ts";

/** The proxies that can play. */
export const peerNames = ["amime", "envoy", "nginx", "haproxy"] as const;
export type PeerName = (typeof peerNames)[number];

const project = resolve(import.meta.dirname, "../..");

/** The proxies installed here; Envoy is the one that ratios are taken against. */
export function findPeers(): PeerName[] {
	return peerNames.filter(
		(name) => name === "amime" || (name === "envoy" ? findEnvoy() !== undefined : findOriginServer(name) !== undefined),
	);
}

/** As users start it; a profile is of the sources, where functions have their names. */
function amimeCommand(): string[] {
	// Set by `npm run bench -- profile`: where amime's processes leave CPU profiles when they end.
	const profileFolder = process.env["BENCH_PROFILE"];
	if (profileFolder === undefined) return [join(project, "bin/amime")];
	return [process.execPath, "--cpu-prof", "--cpu-prof-dir", profileFolder, join(project, "src/main/amime.ts")];
}

let baseId = process.pid % 100_000;

/** Starts one hop of a proxy on `core` and waits until it is ready. */
export async function startHop(
	peer: PeerName,
	core: number | undefined,
	hop: Hop,
	folder: string,
	label: string,
): Promise<ChildProcess> {
	const file = join(folder, `${label}.${peer === "nginx" || peer === "haproxy" ? "conf" : "json"}`);
	const log = join(folder, `${label}.log`);
	if (peer === "nginx" || peer === "haproxy") {
		writeFileSync(file, peer === "nginx" ? createNginxConfig(hop, folder) : createHaproxyConfig(hop));
		const program = findOriginServer(peer)!;
		const child = startPinned(
			core,
			peer === "nginx" ? [program, "-c", file, "-p", folder] : [program, "-db", "-f", file],
			log,
		);
		await waitForHttp(hop.listenPort, "/", child);
		return child;
	}
	writeFileSync(file, JSON.stringify(createBootstrap(hop), null, 2));
	const threads = String(hop.concurrency ?? 1);
	const command =
		peer === "envoy"
			? [findEnvoy()!, "--base-id", String(++baseId), "-l", "error", "--concurrency", threads, "-c", file]
			: [...amimeCommand(), "proxy", "-l", "error", "--concurrency", threads, "-c", file];
	const child = startPinned(core, command, log);
	await waitForHttp(hop.adminPort, "/ready", child);
	return child;
}
