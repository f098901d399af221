/** `npm run bench -- proxy [--only SCENARIO] [--peers NAME] [--rounds N] [--seconds N]`: see bench/README.md for machine and method. */
import { parseArgs } from "node:util";
import { runProxyBench } from "./proxy/index.ts";

const { values, positionals } = parseArgs({
	allowPositionals: true,
	options: {
		peers: { type: "string", multiple: true, default: [] },
		only: { type: "string", multiple: true, default: [] },
		rounds: { type: "string", default: "5" },
		seconds: { type: "string", default: "6" },
	},
});

if (positionals[0] !== "proxy") {
	process.stderr.write("usage: npm run bench -- proxy [--only SCENARIO] [--peers NAME] [--rounds N] [--seconds N]\n");
	process.exitCode = 2;
} else {
	const held = await runProxyBench({
		only: values.only,
		peers: values.peers,
		rounds: Number(values.rounds),
		seconds: Number(values.seconds),
	});
	if (!held) process.exitCode = 1;
}
