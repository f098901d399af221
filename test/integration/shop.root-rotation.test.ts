/** The root of a mesh is replaced under 200 requests a second across amime and Envoy sidecars while one proxy hangs: nothing fails, and the
 *  old root stays until the one that hangs has come back. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { eventually } from "../support/eventually.ts";
import { findEnvoy, skipWithout } from "../support/peers.ts";
import { type RunningMesh, startMesh } from "../support/running-mesh.ts";
import { startSteadyLoad } from "../support/steady-load.ts";

interface Status {
	readonly roots: readonly {
		readonly name: string;
		readonly phase: string;
		readonly heldBy: readonly { readonly name: string }[];
	}[];
	readonly missing: readonly { readonly name: string; readonly since: number }[];
	readonly live: number;
}

const patient = { deadlineMs: 60_000 };

test("a root rotation fails no request, and waits for a proxy that hangs", {
	skip: skipWithout("envoy", findEnvoy()),
}, async (t) => {
	const mesh = await startMesh(t, "examples/shop", (folder) => {
		for (const [file, workload] of [
			["catalog.yaml", "catalog"],
			["reviews.yaml", "reviews-v1"],
		] as const) {
			const path = join(folder, file);
			const text = readFileSync(path, "utf8");
			writeFileSync(path, text.replace(new RegExp(`(name: ${workload}\\n[^]*?\\nspec:\\n)`), "$1  sidecar: envoy\n"));
		}
	});
	const status = async (): Promise<Status> => JSON.parse((await mesh.admin("GET", "/v1/identity/authority")).body);
	const phases = async () => (await status()).roots.map(({ phase }) => phase).join();
	await eventually(async () => assert.deepEqual((await status()).missing, []), patient);
	assert.equal(await phases(), "active");
	// amime calls amime, amime calls Envoy, Envoy calls amime.
	const loads = [
		startLoad(t, mesh, "web-0", "http://reviews/reviews?product=1", 70),
		startLoad(t, mesh, "web-0", "http://catalog/products", 70),
		startLoad(t, mesh, "reviews-v1-0", "http://ratings/ratings/1", 60),
	];
	const hung = await pause(t, mesh, "orders-0");

	const answer = await mesh.admin("POST", "/v1/identity/authority/rotate", JSON.stringify({ what: "root" }));
	assert.equal(answer.status, 200, answer.body);
	await eventually(
		async () =>
			assert.deepEqual(
				(await status()).missing.map(({ name }) => name),
				["shop/orders-0"],
			),
		patient,
	);
	assert.equal(await phases(), "active,prepared");
	const serials = await serialsOf(mesh);
	hung.goOn();

	await eventually(async () => assert.equal(await phases(), "active"), patient);
	const { roots, missing } = await status();
	assert.deepEqual([roots.length, missing.length], [1, 0]);
	for (const [name, serial] of Object.entries(await serialsOf(mesh))) assert.notEqual(serial, serials[name], name);
	for (const load of loads) {
		await eventually(() => assert.ok(load.answered > 100, `${load.answered} answers`), patient);
		await load.stop();
		assert.deepEqual(load.failures, []);
	}
	const page = await mesh.callApplication("web-0", "/");
	assert.ok(page.body.includes("Fishing net"), page.body);
});

function startLoad(t: TestContext, mesh: RunningMesh, from: string, url: string, perSecond: number) {
	const { httpProxyPort } = mesh.instanceBefore(from);
	const call = { port: httpProxyPort!, path: url, headers: { host: new URL(url).host } };
	const load = startSteadyLoad(call, { perSecond });
	t.after(() => load.stop());
	return load;
}

/** Stops the sidecar of an instance where it is (SIGSTOP). */
async function pause(t: TestContext, mesh: RunningMesh, name: string) {
	const { adminPort } = await mesh.instance(name);
	const pid = readdirSync("/proc")
		.filter((entry) => /^\d+$/.test(entry))
		.map(Number)
		.find((candidate) => isSidecar(candidate, mesh.stateFolder, name));
	assert.ok(pid !== undefined, `no process of the sidecar of ${name} at ${adminPort}`);
	process.kill(pid, "SIGSTOP");
	const goOn = (): void => void process.kill(pid, "SIGCONT");
	t.after(() => {
		try {
			goOn();
		} catch (error) {
			if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
		}
	});
	return { goOn };
}

function isSidecar(pid: number, stateFolder: string, name: string): boolean {
	try {
		const command = readFileSync(`/proc/${pid}/cmdline`, "utf8");
		return command.includes(`${stateFolder}/proxies/`) && command.includes(name);
	} catch (error) {
		// It has ended meanwhile.
		if (["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) return false;
		throw error;
	}
}

/** The serial of the certificate that each proxy shows, by instance. */
async function serialsOf(mesh: RunningMesh): Promise<Record<string, string>> {
	const serials: Record<string, string> = {};
	for (const name of ["web-0", "catalog-0", "reviews-v1-0", "ratings-0"]) {
		const { adminPort } = await mesh.instance(name);
		const certs = (await (await fetch(`http://127.0.0.1:${adminPort}/certs`)).json()) as {
			certificates: { cert_chain: { serial_number: string }[] }[];
		};
		serials[name] =
			certs.certificates.find(({ cert_chain }) => cert_chain.length > 0)?.cert_chain[0]?.serial_number ?? "";
	}
	return serials;
}
