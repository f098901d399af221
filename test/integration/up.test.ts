/** `amime up` as a newcomer and as a script meet it: what it prints, what it survives, what it refuses, what it leaves behind. */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
	closeSync,
	cpSync,
	existsSync,
	mkdirSync,
	mkdtempSync,
	openSync,
	readdirSync,
	readFileSync,
	rmSync,
	statSync,
	writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type TestContext, test } from "node:test";
import { eventually } from "../support/eventually.ts";
import { sendRequest } from "../support/http-call.ts";

const project = resolve(import.meta.dirname, "../..");
const script = join(project, "src/main/amime.ts");

interface Run {
	readonly child: ChildProcess;
	out(): string;
	err(): string;
	/** Resolves with the exit code. */
	readonly ended: Promise<number | null>;
}

/** A workload that serves its port with the arguments it was given, in a file of its own. */
function writeWorkload(folder: string, name: string, spec: string): void {
	writeFileSync(
		join(folder, `${name}.yaml`),
		`apiVersion: amime.dev/v1alpha1
kind: Workload
metadata:
  name: ${name}
  namespace: test
  annotations:
    amime.dev/open: "/"
spec:
  command: [node, serve.mjs]
  ports: [{ name: http }]
${spec}---
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: test }
spec:
  selector: { app: ${name} }
  ports: [{ name: http, port: 80, targetPort: http }]
`,
	);
}

const program = `
import { createServer } from "node:http";
console.log("pid", process.pid);
createServer((request, response) => {
	if (request.url === "/crash") process.exit(3);
	response.end(process.env.GREETING ?? "hello");
}).listen(process.env.PORT, "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
`;

/** A temporary folder with a mesh of one workload in it, and \`amime\` run there. */
function createDesk(t: TestContext, spec = "") {
	const root = mkdtempSync(join(tmpdir(), "amime-"));
	const runs: Run[] = [];
	t.after(async () => {
		for (const { child } of runs) if (child.exitCode === null) child.kill("SIGTERM");
		await Promise.all(runs.map(({ ended }) => ended));
		rmSync(root, { recursive: true, force: true });
	});
	const folder = join(root, "mesh");
	mkdirSync(folder);
	writeFileSync(join(folder, "serve.mjs"), program);
	writeWorkload(folder, "hello", spec);
	return {
		root,
		folder,
		run(...args: string[]): Run {
			const started = start(root, args);
			runs.push(started);
			return started;
		},
	};
}

function start(folder: string, args: readonly string[]): Run {
	const child = spawn(process.execPath, [script, ...args], { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
	const out: string[] = [];
	const err: string[] = [];
	child.stdout.on("data", (chunk) => out.push(String(chunk)));
	child.stderr.on("data", (chunk) => err.push(String(chunk)));
	const ended = once(child, "close").then(([code]) => code as number | null);
	return { child, out: () => out.join(""), err: () => err.join(""), ended };
}

/** Waits for the table. */
async function printed(up: Run): Promise<string> {
	await eventually(
		() => {
			if (!up.out().includes("Try next")) throw new Error(`no table yet:\n${up.out()}${up.err()}`);
		},
		{ deadlineMs: 40_000, giveUp: () => up.child.exitCode !== null },
	);
	return up.out();
}

/** Every process below one. */
function descendants(pid: number): number[] {
	const rows = execFileSync("ps", ["-eo", "pid=,ppid="], { encoding: "utf8" }).trim().split("\n");
	const pairs = rows.map((row) => row.trim().split(/\s+/).map(Number) as [number, number]);
	const below = new Set([pid]);
	for (let size = 0; size !== below.size; ) {
		size = below.size;
		for (const [child, parent] of pairs) if (below.has(parent)) below.add(child);
	}
	below.delete(pid);
	return [...below];
}

function isRunning(pid: number): boolean {
	return existsSync(`/proc/${pid}/cmdline`) && readFileSync(`/proc/${pid}/cmdline`, "utf8") !== "";
}

/** Everything in a folder and below it. */
function listTree(folder: string): string[] {
	return readdirSync(folder, { recursive: true, encoding: "utf8" }).sort();
}

test("the table says what runs, the page answers, status is in sync, and Ctrl-C leaves only the state folder", async (t) => {
	const { root, run } = createDesk(t);
	const before = listTree(root);
	const up = run("up", "mesh");
	const text = await printed(up);
	assert.match(text, /^amime: the control plane is ready\n/);
	assert.match(text, /WORKLOAD +PATTERN +IDENTITY +PORTS +STATE/);
	const row =
		/test\/hello +sidecar \(amime\) +spiffe:\/\/cluster\.local\/ns\/test\/sa\/default +http (\d+), mesh \d+, admin \d+ +ready/;
	assert.match(text, row);
	const page = /Page of test\/hello +http:\/\/127\.0\.0\.1:(\d+)\//.exec(text);
	assert.equal((await sendRequest({ port: Number(page?.[1]), path: "/" })).body, "hello");
	assert.match(text, /Control plane +http:\/\/127\.0\.0\.1:\d+\//);
	const metrics = /Metrics +http:\/\/127\.0\.0\.1:(\d+)\/metrics/.exec(text);
	assert.match((await sendRequest({ port: Number(metrics?.[1]), path: "/metrics" })).body, /pilot_services/);

	const status = run("status", "-o", "json");
	assert.equal(await status.ended, 0, status.err());
	const { proxies } = JSON.parse(status.out()) as { proxies: { types: { state: string }[] }[] };
	assert.equal(proxies.length, 1);
	for (const { state } of proxies[0]!.types) assert.equal(state, "SYNCED");
	const { token } = JSON.parse(readFileSync(join(root, ".amime/mesh/control.json"), "utf8")) as { token: string };
	assert.ok(!`${up.out()}${up.err()}${status.out()}`.includes(token), "the token was printed");

	const processes = descendants(up.child.pid!);
	assert.ok(processes.length >= 3, `${processes.length} processes`);
	up.child.kill("SIGINT");
	assert.equal(await up.ended, 0);
	assert.deepEqual(processes.filter(isRunning), []);
	const left = listTree(root).filter((path) => !before.includes(path));
	assert.deepEqual(
		left.filter((path) => !path.startsWith(".amime")),
		[],
	);
	for (const path of left) {
		const { mode } = statSync(join(root, path));
		assert.equal((mode & 0o170000) === 0o140000, false, `${path} is a socket that stayed`);
	}
	assert.equal(statSync(join(root, ".amime/mesh")).mode & 0o777, 0o700);
});

test("a crashed application and a killed control plane come back, and the others go on", async (t) => {
	const { root, run } = createDesk(t);
	const up = run("up", "mesh");
	const text = await printed(up);
	const port = Number(/Page of test\/hello +http:\/\/127\.0\.0\.1:(\d+)\//.exec(text)?.[1]);
	await sendRequest({ port, path: "/crash" }).catch(() => undefined);
	await eventually(() => assert.match(up.out(), /hello-0 ended: exit code 3; starting it again/));
	await eventually(async () => assert.equal((await sendRequest({ port, path: "/" })).body, "hello"));

	const controlPlane = descendants(up.child.pid!).find((pid) =>
		readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("control-plane"),
	);
	process.kill(controlPlane!, "SIGKILL");
	await eventually(() => assert.match(up.out(), /the control plane is back/), { deadlineMs: 30_000 });
	await eventually(
		async () => {
			const status = run("status", "-o", "json");
			assert.equal(await status.ended, 0, status.err());
			const { proxies, instances } = JSON.parse(status.out()) as {
				proxies: { types: { state: string }[] }[];
				instances: { health: string }[];
			};
			assert.equal(instances[0]?.health, "ready");
			assert.ok(proxies[0]!.types.every(({ state }) => state === "SYNCED"));
		},
		{ deadlineMs: 30_000 },
	);
	assert.equal(up.out().match(/hello-0 +\| pid/g)?.length, 2, "the application was started again without need");
	assert.ok(existsSync(join(root, ".amime/mesh/control.json")));
});

test("a saved change of a Workload is applied: replicas, environment, another workload, one less", async (t) => {
	const { folder, run } = createDesk(t);
	const up = run("up", "mesh");
	await printed(up);
	writeWorkload(folder, "hello", "  replicas: 2\n");
	await eventually(() => assert.match(up.out(), /hello-1 is ready/), { deadlineMs: 30_000 });
	writeWorkload(folder, "other", "  env: { GREETING: other }\n");
	await eventually(() => assert.match(up.out(), /other-0 is ready/), { deadlineMs: 30_000 });
	writeWorkload(folder, "hello", "  env: { GREETING: changed }\n");
	await eventually(() => assert.match(up.out(), /workload test\/hello changed/));
	await eventually(
		async () => {
			const instances = run("status", "-o", "json");
			assert.equal(await instances.ended, 0);
			const status = JSON.parse(instances.out()) as {
				instances: { name: string; health: string; ports: { appPort: number }[] }[];
			};
			assert.deepEqual(status.instances.map(({ name, health }) => `${name} ${health}`).sort(), [
				"hello-0 ready",
				"other-0 ready",
			]);
			const hello = status.instances.find(({ name }) => name === "hello-0")!;
			assert.equal((await sendRequest({ port: hello.ports[0]!.appPort, path: "/" })).body, "changed");
		},
		{ deadlineMs: 30_000 },
	);
});

test("with -o json every line is JSON, and one says that the mesh serves", async (t) => {
	const { run } = createDesk(t);
	const up = run("up", "mesh", "-o", "json");
	const ready = await eventually(
		() => {
			const line = up
				.out()
				.split("\n")
				.find((text) => text.includes('"event":"ready"'));
			if (line === undefined) throw new Error(`not ready:\n${up.out()}${up.err()}`);
			return JSON.parse(line) as { ready: boolean; urls: { pages: { url: string }[] } };
		},
		{ deadlineMs: 40_000, giveUp: () => up.child.exitCode !== null },
	);
	assert.equal(ready.ready, true);
	assert.match(ready.urls.pages[0]!.url, /^http:\/\/127\.0\.0\.1:\d+\/$/);
	up.child.kill("SIGTERM");
	assert.equal(await up.ended, 0);
	for (const line of up.out().trim().split("\n")) JSON.parse(line);
});

test("taken ports are replaced, and it says so", async (t) => {
	const { run } = createDesk(t);
	const taken = createServer();
	taken.listen(0, "127.0.0.1");
	await once(taken, "listening");
	t.after(() => taken.close());
	const { port } = taken.address() as { port: number };
	const up = run("up", "mesh", "--admin-port", String(port));
	const text = await printed(up);
	assert.match(text, new RegExp(`port ${port} is taken: admin API is on \\d+`));
});

test("what cannot be is refused in one sentence with a code, and not with success", async (t) => {
	const { root, folder, run } = createDesk(t);
	const refusals: readonly (readonly [args: string[], pattern: RegExp])[] = [
		[["up", "nowhere"], /there is no folder nowhere \[FOLDER_UNREADABLE\]/],
		[["up", "mesh/hello.yaml"], /mesh\/hello\.yaml is no folder/],
		[["up", "mesh", "--state", "mesh"], /is no state folder of amime.*\[STATE_FOREIGN\]/],
		[["up", "mesh", "--state", "old"], /has layout version '7'.*\[STATE_VERSION\]/],
		[["control-plane", "--config", "nowhere", "--admin-address", "127.0.0.1:0"], /nowhere/],
		[["status"], /no mesh runs here/],
	];
	mkdirSync(join(root, "old"));
	writeFileSync(join(root, "old/version"), "7");
	for (const [args, pattern] of refusals) {
		const refused = run(...args);
		assert.notEqual(await refused.ended, 0, args.join(" "));
		assert.match(refused.err(), pattern);
		assert.match(refused.err(), /^amime: [^\n]+ \[[A-Z_]+\]\n$/, `more than a sentence: ${refused.err()}`);
	}
	cpSync(folder, join(root, "copy"), { recursive: true });
	const first = run("up", "mesh");
	await printed(first);
	const second = run("up", "copy", "--state", ".amime/mesh");
	assert.equal(await second.ended, 1);
	assert.match(second.err(), /a mesh runs on the state folder .*already \(process \d+\).*\[STATE_IN_USE\]/);
	const third = run("up", "copy");
	assert.match(
		await printed(third),
		/npx amime status --state \.amime\/copy|amime status --state \.amime\/copy/,
		"two meshes: told apart",
	);
	const ambiguous = run("status");
	assert.equal(await ambiguous.ended, 1);
	assert.match(ambiguous.err(), /several meshes run here.*\.amime\/copy.*\[MESH_AMBIGUOUS\]/);
});

test("when nobody reads what it prints any more, it ends in order; a full disk is told in one line", async (t) => {
	const { run } = createDesk(t);
	const up = run("up", "mesh");
	await printed(up);
	const children = descendants(up.child.pid!);
	up.child.stdout!.destroy();
	const application = Number(/pid (\d+)/.exec(up.out())?.[1]);
	process.kill(application, "SIGKILL");
	assert.equal(await up.ended, 0);
	assert.deepEqual(children.filter(isRunning), []);
	assert.doesNotMatch(up.err(), /EPIPE/);
	const full = openSync("/dev/full", "w");
	t.after(() => closeSync(full));
	const child = spawn(process.execPath, [script, "completion", "bash"], { stdio: ["ignore", full, "pipe"] });
	const said: string[] = [];
	child.stderr!.on("data", (chunk) => said.push(String(chunk)));
	const [code] = await once(child, "close");
	assert.equal(code, 1);
	assert.match(said.join(""), /amime: cannot write to standard output: .*ENOSPC.* \[OUTPUT_UNWRITABLE\]\n$/);
});
