import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type TestContext, test } from "node:test";
import { eventually } from "../../../test/support/eventually.ts";
import type { Workload } from "../../model/index.ts";
import { type Supervisor, type SupervisorEvent, type SupervisorOptions, startSupervisor } from "./index.ts";

const fakePrograms = resolve(import.meta.dirname, "../../../test/support/fake-programs.ts");

/** Says its environment, serves its port, and ends on SIGTERM. */
const application = `
	console.log("pid " + process.pid + " upstream " + process.env.AMIME_UPSTREAM_WEB);
	require("node:http").createServer((request, response) => response.end("ok")).listen(process.env.PORT, "127.0.0.1");
`;

const settings = {
	name: "amime",
	trustDomain: "cluster.local",
	clusterDomain: "cluster.local",
	rootNamespace: "amime-system",
	svidTtlMs: 86_400_000,
	traceSamplingPercent: 1,
};

function workload(name: string, part: Partial<Workload> = {}) {
	return {
		namespace: "shop",
		name,
		labels: { app: name },
		command: ["node", "-e", application],
		env: {},
		ports: [{ name: "http", protocol: "http" }],
		replicas: 1,
		serviceAccount: name,
		pattern: "sidecar",
		sidecar: "amime",
		proxy: { environment: {} },
		readiness: { port: "http", path: "/", intervalMs: 100, timeoutMs: 1000 },
		source: { file: "mesh.yaml", line: 1 },
		identity: `spiffe://cluster.local/ns/shop/sa/${name}`,
		...part,
	};
}

interface Stage {
	readonly events: SupervisorEvent[];
	readonly state: string;
	readonly folder: string;
	want(...workloads: readonly object[]): void;
	start(options?: Partial<SupervisorOptions>): Promise<Supervisor>;
	registry(): string[];
	/** The process ids that an instance's application has had. */
	pids(instance: string): number[];
}

function createStage(t: TestContext): Stage {
	const root = mkdtempSync(join(tmpdir(), "amime-up-"));
	const folder = join(root, "mesh");
	const state = join(root, "state");
	mkdirSync(folder);
	const events: SupervisorEvent[] = [];
	const running: Supervisor[] = [];
	t.after(async () => {
		await Promise.all(running.map((supervisor) => supervisor.kill()));
		rmSync(root, { recursive: true, force: true });
	});
	const service = { namespace: "shop", name: "web", labels: {}, ports: [{ name: "http", port: 80, protocol: "http" }] };
	const env = { PATH: process.env["PATH"] ?? "" };
	return {
		events,
		state,
		folder,
		want: (...workloads) =>
			writeFileSync(join(folder, "desired.json"), JSON.stringify({ workloads, services: [service], settings })),
		async start(options) {
			const supervisor = await startSupervisor({
				folder,
				state,
				programs: {
					...{ node: process.execPath, script: fakePrograms, searchPath: "", envoyCandidates: [] },
					...{ env, applicationEnv: env, compileCache: "", logLevel: "warn", logFormat: "json" as const },
				},
				adminPort: 0,
				xdsPort: 0,
				drainMs: 100,
				listener: (event) => events.push(event),
				...options,
			});
			running.push(supervisor);
			return supervisor;
		},
		registry: () => readFileSync(join(state, "registry.log"), "utf8").trim().split("\n"),
		pids: (instance) =>
			events.flatMap((event) =>
				event.kind === "output" && event.source === instance && event.line.startsWith("pid ")
					? [Number(event.line.split(" ")[1])]
					: [],
			),
	};
}

function isRunning(pid: number): boolean {
	try {
		return process.kill(pid, 0);
	} catch {
		return false;
	}
}

test("every replica becomes ready, knows its upstreams, and is gone after the stop", async (t) => {
	const stage = createStage(t);
	stage.want(workload("web"), workload("ratings", { replicas: 2 }));
	const supervisor = await stage.start();
	assert.equal(await supervisor.settled(30_000), true);
	assert.deepEqual(
		supervisor.instances().map(({ name, health }) => `${name} ${health}`),
		["web-0 ready", "ratings-0 ready", "ratings-1 ready"],
	);
	const said = stage.events.find((event) => event.kind === "output" && event.source === "web-0");
	assert.match(said?.kind === "output" ? said.line : "", /upstream http:\/\/127\.0\.0\.1:\d+$/);
	const pids = ["web-0", "ratings-0", "ratings-1"].flatMap(stage.pids);
	await supervisor.stop();
	assert.deepEqual(pids.filter(isRunning), []);
	assert.deepEqual(
		stage.registry().filter((line) => line.includes("web-0")),
		["PUT shop/web-0 starting", "PUT shop/web-0 ready", "PUT shop/web-0 draining", "DELETE shop/web-0"],
	);
	assert.ok(!existsSync(join(stage.state, "control.json")));
	assert.deepEqual(
		readdirSync(join(stage.state, "run")).filter((name) => name !== "processes.json"),
		[],
	);
});

test("a crashed application is told to the registry at once and started again", async (t) => {
	const stage = createStage(t);
	stage.want(workload("web"));
	const supervisor = await stage.start();
	assert.equal(await supervisor.settled(30_000), true);
	process.kill(stage.pids("web-0")[0]!, "SIGKILL");
	await eventually(async () => assert.equal(stage.pids("web-0").length, 2));
	assert.equal(await supervisor.settled(30_000), true);
	// A start that takes long is told again, with what it waits for.
	const told = stage.registry().filter((line, at, lines) => line !== lines[at - 1]);
	assert.deepEqual(told, [
		"PUT shop/web-0 starting",
		"PUT shop/web-0 ready",
		"PUT shop/web-0 unready",
		"PUT shop/web-0 ready",
	]);
	const [unready] = stage.events.filter((event) => event.kind === "health" && event.health === "unready");
	assert.equal(
		unready?.kind === "health" && unready.instance.healthReason,
		"the application ended (killed by SIGKILL) and is started again",
	);
	const exit = stage.events.find((event) => event.kind === "exited");
	assert.equal(exit?.kind === "exited" && exit.detail, "killed by SIGKILL");
});

test("replicas, commands and workloads change while the mesh runs, and others go on", async (t) => {
	const stage = createStage(t);
	stage.want(workload("web"), workload("ratings"));
	const supervisor = await stage.start();
	assert.equal(await supervisor.settled(30_000), true);
	const web = stage.pids("web-0");
	stage.want(workload("web"), workload("ratings", { replicas: 2 }), workload("orders"));
	const names = (): string[] => supervisor.instances().map(({ name }) => name);
	await eventually(async () => assert.deepEqual(names(), ["web-0", "ratings-0", "ratings-1", "orders-0"]));
	assert.equal(await supervisor.settled(30_000), true);
	const ratings = stage.pids("ratings-0");
	stage.want(workload("web"), workload("ratings", { env: { MODE: "new" } }));
	await eventually(async () => {
		assert.deepEqual(names(), ["web-0", "ratings-0"]);
		assert.equal(stage.pids("ratings-0").length, ratings.length + 1);
	});
	assert.equal(await supervisor.settled(30_000), true);
	assert.deepEqual(stage.pids("web-0"), web);
});

test("a control plane that dies comes back at the same place, hears of every instance again, and nothing else ends", async (t) => {
	const stage = createStage(t);
	stage.want(workload("web"));
	const supervisor = await stage.start();
	assert.equal(await supervisor.settled(30_000), true);
	const entries = JSON.parse(readFileSync(join(stage.state, "run/processes.json"), "utf8")) as { pid: number }[];
	const before = stage.registry().length;
	process.kill(entries[0]!.pid, "SIGKILL");
	await eventually(async () => {
		assert.ok(stage.events.some((event) => event.kind === "control-plane-ready" && event.isRestart));
		assert.equal(stage.registry().slice(before).join(), "PUT shop/web-0 ready");
	});
	assert.equal(stage.pids("web-0").length, 1);
});

test("one mesh a state folder; taken ports are replaced, and said so", async (t) => {
	const stage = createStage(t);
	stage.want();
	const first = await stage.start();
	await assert.rejects(stage.start(), { code: "STATE_IN_USE" });
	const wanted = Number(new URL(first.adminUrl).port);
	const second = await stage.start({ state: `${stage.state}-2`, adminPort: wanted });
	assert.notEqual(second.adminUrl, first.adminUrl);
	assert.ok(stage.events.some((event) => event.kind === "port-moved" && event.from === wanted));
	await second.stop();
	rmSync(`${stage.state}-2`, { recursive: true });
});

test("a folder that is not there and a control plane that cannot start are told in a sentence", async (t) => {
	const stage = createStage(t);
	await assert.rejects(stage.start({ folder: "/no/such/folder" }), { code: "FOLDER_UNREADABLE" });
	await assert.rejects(
		stage.start({
			programs: {
				...{
					node: "/bin/sh",
					script: "-c",
					searchPath: "",
					envoyCandidates: [],
					env: {},
					applicationEnv: {},
					compileCache: "",
				},
				logLevel: "warn",
				logFormat: "json",
			},
		}),
		{ code: "CONTROL_PLANE_FAILED" },
	);
	stage.want();
	await (await stage.start()).stop();
});

test("a stop that is asked for twice kills what does not end", async (t) => {
	const stage = createStage(t);
	const stubborn = `process.on("SIGTERM", () => console.log("no")); ${application}`;
	stage.want(workload("web", { command: ["node", "-e", stubborn] }));
	const supervisor = await stage.start({ stopDeadlineMs: 600_000 });
	assert.equal(await supervisor.settled(30_000), true);
	const stopped = supervisor.stop();
	await eventually(async () => assert.ok(stage.events.some((event) => event.kind === "output" && event.line === "no")));
	await supervisor.kill();
	await stopped;
	assert.deepEqual(stage.pids("web-0").filter(isRunning), []);
});
