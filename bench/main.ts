/** `npm run bench -- proxy [--only SCENARIO] [--peers NAME] [--rounds N] [--seconds N]`, and
 *  `npm run bench -- profile SCENARIO [--out FOLDER]`, `npm run bench -- soak [--minutes N]`: see bench/README.md for machine and method. */
import { mkdirSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { formatProfiles } from "./profile/index.ts";

const { values, positionals } = parseArgs({
	allowPositionals: true,
	options: {
		peers: { type: "string", multiple: true, default: [] },
		only: { type: "string", multiple: true, default: [] },
		rounds: { type: "string", default: "5" },
		seconds: { type: "string", default: "6" },
		minutes: { type: "string", default: "10" },
		out: { type: "string", default: "bench-profile" },
	},
});

const [command, scenario] = positionals;
if (command === "profile" && scenario !== undefined) {
	const folder = resolve(values.out);
	mkdirSync(folder, { recursive: true });
	// Read where the proxies are started.
	process.env["BENCH_PROFILE"] = folder;
	const { runProxyBench } = await import("./proxy/index.ts");
	await runProxyBench({ only: [scenario], peers: ["amime"], rounds: 1, seconds: Number(values.seconds) });
	process.stdout.write(formatProfiles(folder));
} else if (command === "proxy") {
	const { runProxyBench } = await import("./proxy/index.ts");
	const held = await runProxyBench({
		only: values.only,
		peers: values.peers,
		rounds: Number(values.rounds),
		seconds: Number(values.seconds),
	});
	if (!held) process.exitCode = 1;
} else if (command === "control-plane") {
	const { runControlPlaneBench } = await import("./control-plane/index.ts");
	const seconds = process.argv.includes("--seconds") ? Number(values.seconds) : 60;
	// A hundredth of few rounds is the end of the worst one.
	const rounds = process.argv.includes("--rounds") ? Number(values.rounds) : 20;
	if (!(await runControlPlaneBench({ only: values.only, rounds, seconds }))) process.exitCode = 1;
	process.exit();
} else if (command === "routes") {
	const { formatRouteLookupBench } = await import("./engine/route-lookup.ts");
	process.stdout.write(formatRouteLookupBench());
} else if (command === "identity") {
	const { formatIdentityBench, runIdentityBench } = await import("./identity/index.ts");
	const { text, holds } = formatIdentityBench(await runIdentityBench());
	process.stdout.write(text);
	const { runProxyBench } = await import("./proxy/index.ts");
	const held = await runProxyBench({
		only: ["new-tls-connections", "resumed-tls-connections", "policies", "jwt"],
		peers: ["amime", "envoy"],
		rounds: Number(values.rounds),
		seconds: Number(values.seconds),
	});
	if (!holds || !held) process.exitCode = 1;
} else if (command === "soak") {
	const { runSoak } = await import("./soak/index.ts");
	if (!(await runSoak(Number(values.minutes)))) process.exitCode = 1;
	process.exit();
} else {
	process.stderr.write(
		"usage: npm run bench -- proxy [--only SCENARIO] [--peers NAME] [--rounds N] [--seconds N]\n" +
			"       npm run bench -- control-plane [--only SCENARIO] [--rounds N] [--seconds N]\n" +
			"       npm run bench -- profile SCENARIO [--out FOLDER] [--seconds N]\n" +
			"       npm run bench -- soak [--minutes N]\n" +
			"       npm run bench -- identity [--rounds N] [--seconds N]\n" +
			"       npm run bench -- routes\n",
	);
	process.exitCode = 2;
}
