/** The shop under 200 requests a second while parts of it die, change and renew: nothing fails. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { eventually } from "../support/eventually.ts";
import { type RunningMesh, startMesh } from "../support/running-mesh.ts";
import { type SteadyLoad, startSteadyLoad } from "../support/steady-load.ts";

test("nothing fails while the mesh changes under traffic", async (t) => {
	const mesh = await startMesh(t, "examples/shop", (folder) => {
		// Certificates of a minute, the shortest that are signed, are renewed within the test.
		const file = join(folder, "mesh.yaml");
		writeFileSync(
			file,
			readFileSync(file, "utf8").replace(
				"trustDomain: cluster.local",
				"trustDomain: cluster.local\n  certificateTtl: 60s",
			),
		);
	});

	await t.test("kill -9 of one ratings replica fails no request, and the replica comes back", async (t) => {
		const load = await startLoad(t, mesh, "reviews-v1-0", "http://ratings/ratings/1");
		await answered(load, 200);
		const [victim] = processesOf(mesh, "ratings.py");
		assert.ok(victim !== undefined, "no ratings process found");
		process.kill(victim, "SIGKILL");
		await answered(load, 600);
		await eventually(async () => assert.equal((await mesh.instance("ratings-0")).health, "ready"), {
			deadlineMs: 20_000,
		});
		await eventually(async () => assert.equal((await mesh.instance("ratings-1")).health, "ready"), {
			deadlineMs: 20_000,
		});
		await load.stop();
		assert.deepEqual(load.failures, []);
		assert.equal(processesOf(mesh, "ratings.py").length, 2);
	});

	await t.test("a rewrite of the route file fails no request and is live on the proxies", async (t) => {
		const load = await startLoad(t, mesh, "web-0", "http://reviews/reviews?product=1");
		await answered(load, 200);
		const file = join(mesh.folder, "routes.yaml");
		const before = readFileSync(file, "utf8");
		writeFileSync(file, before.replace("weight: 90", "weight: 0").replace("weight: 10", "weight: 100"));
		await eventually(async () => {
			const bodies = await Promise.all(
				Array.from({ length: 10 }, async () => (await mesh.call("web-0", "http://reviews/reviews?product=1")).body),
			);
			assert.ok(bodies.every((body) => body.includes('"v2"')));
		});
		writeFileSync(file, `${before}\n---\nthis is: [not yaml\n`);
		await answered(load, load.answered + 200);
		writeFileSync(file, before);
		await answered(load, load.answered + 200);
		await load.stop();
		assert.deepEqual(load.failures, []);
	});

	await t.test("certificates are renewed under traffic without a failed request", async (t) => {
		const load = await startLoad(t, mesh, "web-0", "http://ratings/ratings/2");
		const serialOf = async (): Promise<string> => {
			const { adminPort } = await mesh.instance("ratings-0");
			const text = await (await fetch(`http://127.0.0.1:${adminPort}/certs`)).text();
			const serials = [...text.matchAll(/"serial_number": "([0-9a-f]+)"/g)].map((match) => match[1]);
			assert.notEqual(serials.length, 0, text);
			return serials.join(" ");
		};
		const before = await serialOf();
		await eventually(async () => assert.notEqual(await serialOf(), before), { deadlineMs: 120_000 });
		await answered(load, load.answered + 200);
		await load.stop();
		assert.deepEqual(load.failures, []);
	});

	await t.test(
		"without a control plane traffic goes on, and a restarted sidecar serves from its saved configuration",
		async (t) => {
			const load = await startLoad(t, mesh, "web-0", "http://ratings/ratings/3");
			await answered(load, 100);
			const control = processesOf(mesh, "control-plane");
			assert.equal(control.length, 1, "the control plane is one process");
			process.kill(control[0]!, "SIGSTOP");
			t.after(() => resume(control[0]!));
			await answered(load, load.answered + 200);
			const { adminPort } = mesh.instanceBefore("catalog-0");
			const sidecar = processesOf(mesh, "proxies/catalog-0");
			assert.equal(sidecar.length, 1);
			process.kill(sidecar[0]!, "SIGKILL");
			await eventually(
				async () => {
					const ready = await fetch(`http://127.0.0.1:${adminPort}/ready`);
					assert.equal(ready.status, 200);
					const answer = await mesh.call("web-0", "http://catalog/products");
					assert.equal(answer.status, 200, answer.body);
				},
				{ deadlineMs: 30_000 },
			);
			await load.stop();
			assert.deepEqual(load.failures, []);
			resume(control[0]!);
			await eventually(async () => assert.equal((await mesh.instance("catalog-0")).health, "ready"), {
				deadlineMs: 20_000,
			});
		},
	);
});

/** 200 requests a second as `from`'s application would make them; ended with the test. */
async function startLoad(t: TestContext, mesh: RunningMesh, from: string, url: string): Promise<SteadyLoad> {
	const { httpProxyPort } = await mesh.instance(from);
	const call = { port: httpProxyPort!, path: url, headers: { host: new URL(url).host } };
	const load = startSteadyLoad(call, { perSecond: 200 });
	t.after(() => load.stop());
	return load;
}

function answered(load: SteadyLoad, count: number): Promise<void> {
	return eventually(
		() => assert.ok(load.answered >= count, `${load.answered} of ${count} answered: ${load.failures[0] ?? ""}`),
		{
			deadlineMs: 30_000,
		},
	);
}

/** Process ids below `amime up` whose command line contains `text`. */
function processesOf(mesh: RunningMesh, text: string): number[] {
	const below = new Set([mesh.process.pid!]);
	const table = execFileSync("ps", ["-eo", "pid=,ppid="], { encoding: "utf8" })
		.trim()
		.split("\n")
		.map((line) => line.trim().split(/\s+/).map(Number) as [number, number]);
	for (let size = 0; size !== below.size; ) {
		size = below.size;
		for (const [pid, parent] of table) if (below.has(parent)) below.add(pid);
	}
	below.delete(mesh.process.pid!);
	return readdirSync("/proc")
		.map(Number)
		.filter((pid) => below.has(pid) && readCommand(pid).includes(text));
}

function readCommand(pid: number): string {
	try {
		return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
	} catch {
		return "";
	}
}

function resume(pid: number): void {
	try {
		process.kill(pid, "SIGCONT");
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
	}
}
