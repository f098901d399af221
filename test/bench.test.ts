/** The command line of the benchmarks: it says what there is, and whose fault it is when it does not run. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, type IncomingHttpHeaders } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { type Benches, runBenchProgram } from "../bench/program.ts";
import { startBackend } from "../bench/support/backend.ts";
import { stopProcess } from "../bench/support/process.ts";

const names = {
	proxyScenarios: ["http1-plain", "h2-h2"],
	controlPlaneScenarios: ["endpoint", "route"],
	peers: ["amime", "envoy", "nginx"],
	installedPeers: ["amime", "envoy"],
};

/** What it prints, what it ran, and how it ended. */
async function run(...args: string[]): Promise<{ text: string; ran: unknown[]; code: number }> {
	let text = "";
	const ran: unknown[] = [];
	const note =
		(name: string, held = true) =>
		async (...options: unknown[]): Promise<boolean> => {
			ran.push([name, ...options]);
			return held;
		};
	const benches: Benches = {
		...{ proxy: note("proxy"), controlPlane: note("control-plane", false), profile: note("profile") },
		...{ soak: note("soak"), identity: note("identity"), routes: note("routes") },
	};
	const code = await runBenchProgram(args, names, benches, (more) => {
		text += more;
	});
	return { text, ran, code };
}

test("help names every benchmark, and that of one its scenarios, and nothing is run", async () => {
	const all = await run("--help");
	for (const name of ["proxy", "control-plane", "profile", "soak", "identity", "routes"]) {
		assert.match(all.text, new RegExp(`^ {2}${name}\\b`, "m"));
	}
	const one = await run("proxy", "--help");
	assert.match(one.text, /http1-plain, h2-h2/);
	assert.match(one.text, /npm run bench -- proxy/);
	assert.deepEqual([all.code, one.code, all.ran, one.ran], [0, 0, [], []]);
});

test("without a benchmark the help is printed, and it is bad usage", async () => {
	const { text, code } = await run();
	assert.match(text, /control-plane/);
	assert.equal(code, 2);
});

test("options reach the benchmark, given once or several times, and have defaults", async () => {
	const { ran } = await run("proxy", "--only", "h2-h2", "--only", "http1-plain", "--rounds", "2", "--seconds", "0.5");
	assert.deepEqual(ran, [["proxy", { only: ["h2-h2", "http1-plain"], peers: [], rounds: 2, seconds: 0.5 }]]);
	assert.deepEqual((await run("soak")).ran, [["soak", 10]]);
	assert.deepEqual((await run("profile", "h2-h2")).ran, [["profile", "h2-h2", { out: "bench-profile", seconds: 6 }]]);
});

test("a figure that misses its bound ends with 1", async () => {
	const { code, ran } = await run("control-plane", "--only", "route");
	assert.deepEqual(ran, [["control-plane", { only: ["route"], rounds: 20, seconds: 60 }]]);
	assert.equal(code, 1);
});

test("what is not there is answered with what is, and ends with 2", async () => {
	const cases: readonly [readonly string[], RegExp][] = [
		[["prxy"], /unknown command 'prxy'[\s\S]*Did you mean proxy\?/],
		[
			["proxy", "--only", "http1-plian"],
			/no such scenario \(did you mean 'http1-plain'\?\): there are http1-plain, h2-h2/,
		],
		[["control-plane", "--only", "nothing-like-it"], /no such scenario: there are endpoint, route/],
		[["profile", "h2h2"], /no such scenario \(did you mean 'h2-h2'\?\)/],
		[["profile"], /missing required argument 'scenario'/],
		[["proxy", "--peers", "envoi"], /no such peer \(did you mean 'envoy'\?\): there are amime, envoy, nginx/],
		[["proxy", "--peers", "nginx"], /nginx is not installed here: put it on PATH/],
		[["proxy", "--rounds", "0"], /must be a whole number, 1 or more/],
		[["soak", "--minutes", "long"], /must be a number above 0/],
		[["proxy", "--second", "5"], /unknown option '--second'[\s\S]*Did you mean --seconds\?/],
	];
	for (const [args, message] of cases) {
		const { text, ran, code } = await run(...args);
		assert.match(text, message);
		assert.deepEqual([ran, code], [[], 2], text);
	}
});

test("behind the proxies a backend answers calls of gRPC with a whole message and its trailer", async (t) => {
	const folder = mkdtempSync(join(tmpdir(), "amime-bench-"));
	t.after(() => rmSync(folder, { recursive: true }));
	const backend = await startBackend(0, 100, folder);
	t.after(() => stopProcess(backend.child));
	if (backend.http2Port === undefined) return t.skip("PEER MISSING: nginx");
	const session = connect(`http://127.0.0.1:${backend.http2Port}`);
	const call = session.request({ ":method": "POST", ":path": "/grpc.Bench/Call", "content-type": "application/grpc" });
	let trailers: IncomingHttpHeaders = {};
	call.on("trailers", (received) => {
		trailers = received;
	});
	call.end(Buffer.from([0, 0, 0, 0, 0]));
	const answer = Buffer.concat((await call.toArray()) as Buffer[]);
	session.destroy();
	assert.deepEqual([...answer.subarray(0, 5)], [0, 0, 0, 0, 10]);
	assert.equal(answer.length, 15);
	assert.equal(trailers["grpc-status"], "0");
});
