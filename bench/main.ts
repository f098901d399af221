/** `npm run bench -- --help`: what there is; bench/README.md has machine and method. */
import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { scenarios as controlPlaneScenarios } from "./control-plane/scenarios.ts";
import { formatProfiles } from "./profile/index.ts";
import { runBenchProgram } from "./program.ts";
import { findPeers, peerNames } from "./proxy/peers.ts";
import { scenarios as proxyScenarios } from "./proxy/scenarios/index.ts";

const names = {
	proxyScenarios: proxyScenarios.map(({ name }) => name),
	controlPlaneScenarios: controlPlaneScenarios.map(({ name }) => name),
	peers: peerNames,
	installedPeers: findPeers(),
};
const handshakes = ["new-tls-connections", "resumed-tls-connections", "policies", "jwt"];

process.exitCode = await runBenchProgram(
	process.argv.slice(2),
	names,
	{
		async proxy(options) {
			bundle();
			const { runProxyBench } = await import("./proxy/index.ts");
			return runProxyBench(options);
		},
		async controlPlane(options) {
			bundle();
			const { runControlPlaneBench } = await import("./control-plane/index.ts");
			return runControlPlaneBench(options);
		},
		async profile(scenario, { out, seconds }) {
			const folder = resolve(out);
			mkdirSync(folder, { recursive: true });
			// Read where the proxies are started.
			process.env["BENCH_PROFILE"] = folder;
			const { runProxyBench } = await import("./proxy/index.ts");
			await runProxyBench({ only: [scenario], peers: ["amime"], rounds: 1, seconds });
			process.stdout.write(formatProfiles(folder));
			return true;
		},
		async soak(minutes) {
			bundle();
			const { runSoak } = await import("./soak/index.ts");
			return runSoak(minutes);
		},
		async identity({ rounds, seconds }) {
			bundle();
			const { formatIdentityBench, runIdentityBench } = await import("./identity/index.ts");
			const { text, holds } = formatIdentityBench(await runIdentityBench());
			process.stdout.write(text);
			const { runProxyBench } = await import("./proxy/index.ts");
			return (await runProxyBench({ only: handshakes, peers: ["amime", "envoy"], rounds, seconds })) && holds;
		},
		async routes() {
			const { formatRouteLookupBench } = await import("./engine/route-lookup.ts");
			process.stdout.write(formatRouteLookupBench());
			return true;
		},
	},
	(text) => process.stdout.write(text),
);
// Connections of clients that were measured may still be open.
process.exit();

/** What is measured is the bundle, as users start it. */
function bundle(): void {
	const { status } = spawnSync(process.execPath, [join(import.meta.dirname, "../scripts/bundle.ts")], {
		stdio: "inherit",
	});
	if (status !== 0) process.exit(1);
}
