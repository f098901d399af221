/** Starting and ending a control plane, and what keeps it from starting. */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type ControlPlaneOptions, createControlPlane } from "../../src/control/index.ts";
import { type MeshError, silentLog } from "../../src/core/index.ts";
import { application } from "../support/control-mesh.ts";
import { eventually } from "../support/eventually.ts";
import { sendRequest } from "../support/http-call.ts";
import { makeTemporaryFolder } from "../support/temporary-folder.ts";

function optionsFor(t: TestContext, change: Partial<ControlPlaneOptions> = {}): ControlPlaneOptions {
	return {
		stateFolder: join(makeTemporaryFolder(t), "state"),
		xdsAddress: "127.0.0.1:0",
		adminAddress: "127.0.0.1:0",
		token: "t",
		log: silentLog,
		...change,
	};
}

async function failure(options: ControlPlaneOptions): Promise<MeshError> {
	const plane = createControlPlane(options);
	try {
		await plane.start();
	} catch (error) {
		return error as MeshError;
	}
	await plane.close();
	throw new Error("it started");
}

test("state is private, survives a restart, and the authority stays the same", async (t) => {
	const folder = makeTemporaryFolder(t);
	writeFileSync(join(folder, "web.yaml"), application("web"));
	const options = optionsFor(t, { configFolder: folder });
	const roots: string[] = [];
	for (let round = 0; round < 2; round++) {
		const plane = createControlPlane(options);
		await plane.start();
		const headers = { authorization: "Bearer t" };
		roots.push((await sendRequest({ port: plane.adminPort, path: "/v1/identity/bundle", headers })).body);
		if (round === 0)
			await sendRequest({
				port: plane.adminPort,
				method: "PUT",
				path: "/v1/config",
				headers,
				body: application("kept"),
			});
		else {
			const answer = await sendRequest({ port: plane.adminPort, path: "/v1/config?name=kept", headers });
			assert.equal((JSON.parse(answer.body) as { items: unknown[] }).items.length, 2);
		}
		await plane.close();
	}
	assert.equal(roots[0], roots[1]);
	assert.equal(statSync(options.stateFolder).mode & 0o777, 0o700);
	for (const name of readdirSync(options.stateFolder, { recursive: true }) as string[]) {
		const { mode } = statSync(join(options.stateFolder, name));
		assert.equal(mode & 0o077, 0, `${name} is readable by others`);
	}
});

test("a taken port is one sentence with the port in it, and leaves nothing open", async (t) => {
	const server = createServer();
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	t.after(() => server.close());
	const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
	const state = optionsFor(t);
	const xds = await failure({ ...state, xdsAddress: address });
	assert.equal(xds.code, "XDS_PORT_TAKEN");
	assert.match(xds.message, new RegExp(`${address}: the port is taken`));
	const admin = await failure({ ...state, adminAddress: address });
	assert.equal(admin.code, "ADMIN_PORT_TAKEN");
	const plane = createControlPlane(state);
	await plane.start();
	await plane.close();
});

test("a folder that cannot be read, state of another version, and addresses of other machines are refused", async (t) => {
	assert.equal((await failure(optionsFor(t, { configFolder: "/nonexistent" }))).code, "CONFIG_FOLDER_UNREADABLE");
	const state = optionsFor(t);
	mkdirSync(state.stateFolder);
	writeFileSync(join(state.stateFolder, "version"), "2\n");
	const version = await failure(state);
	assert.equal(version.code, "STATE_VERSION");
	assert.match(version.message, /is of version "2", this amime reads version 1/);
	const twice = { xdsAddress: "0.0.0.0:0", xdsTlsAddress: "127.0.0.1:0" };
	assert.equal((await failure(optionsFor(t, twice))).code, "ADDRESS_NOT_LOOPBACK");
	assert.equal((await failure(optionsFor(t, { adminAddress: "somewhere" }))).code, "ADDRESS_INVALID");
	writeFileSync(join(makeTemporaryFolder(t), "file"), "");
});

test("another trust domain than the authority's is reported and not taken over", async (t) => {
	const folder = makeTemporaryFolder(t);
	const config = (domain: string): void =>
		writeFileSync(
			join(folder, "mesh.yaml"),
			`apiVersion: amime.dev/v1alpha1\nkind: MeshConfig\nmetadata: {name: m}\nspec: {trustDomain: ${domain}}\n`,
		);
	config("one.example");
	const plane = createControlPlane(optionsFor(t, { configFolder: folder }));
	await plane.start();
	t.after(() => plane.close());
	config("two.example");
	await eventually(async () => {
		const { body } = await sendRequest({
			port: plane.adminPort,
			path: "/v1/problems",
			headers: { authorization: "Bearer t" },
		});
		const [problem] = (JSON.parse(body) as { items: { path: string; problem: string; line: number }[] }).items;
		assert.match(problem!.problem, /signs for 'one\.example'/);
		assert.deepEqual([problem!.path, problem!.line], ["spec.trustDomain", 4]);
	});
});
