import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type TestContext, test } from "node:test";
import { startControlPlaneProcess } from "../support/control-plane-process.ts";

const commandLine = resolve(import.meta.dirname, "../../src/main/amime.ts");

/** A command line, its exit code, and its one line. */
type Row = readonly [line: string, exitCode: number, told: RegExp];

const service = `
apiVersion: v1
kind: Service
metadata: { name: web, namespace: shop }
spec: { selector: { app: web }, ports: [{ name: http, port: 80 }] }
`;

/** A folder with what people name by mistake. */
function makeFolder(t: TestContext): string {
	const folder = mkdtempSync(join(tmpdir(), "amime-bad-input-"));
	t.after(() => rmSync(folder, { recursive: true, force: true }));
	for (const name of ["empty", "good", "wrong-token", "no-json", "no-fields"]) mkdirSync(join(folder, name));
	writeFileSync(join(folder, "good", "service.yaml"), service);
	writeFileSync(join(folder, "broken.yaml"), "a: [1\n");
	writeFileSync(join(folder, "hollow.yaml"), "");
	writeFileSync(join(folder, "binary.yaml"), Buffer.from([0xff, 0xfe, 0x00, 0xd8, 0x00]));
	writeFileSync(join(folder, "expectations.yaml"), "expectations:\n  - { alow: { from: web, to: web } }\n");
	writeFileSync(join(folder, "no-json", "control.json"), "{");
	writeFileSync(join(folder, "no-fields", "control.json"), "{}");
	writeFileSync(join(folder, "contexts.json"), '{"contexts":{"bare":{"token":"x"}}}');
	writeFileSync(join(folder, "locked.yaml"), service);
	chmodSync(join(folder, "locked.yaml"), 0);
	return folder;
}

interface Outcome {
	readonly code: number;
	readonly out: string;
	readonly err: string;
}

function run(folder: string, line: string): Promise<Outcome> {
	const env = { ...process.env, NO_COLOR: "1", AMIME_CONTEXTS: join(folder, "contexts.json") };
	const args = [commandLine, ...line.split(" ").filter((word) => word !== "")];
	return new Promise((done) => {
		execFile(process.execPath, args, { cwd: folder, env, timeout: 60_000 }, (error, out, err) => {
			done({ code: typeof error?.code === "number" ? error.code : error === null ? 0 : -1, out, err });
		});
	});
}

async function checkRows(folder: string, rows: readonly Row[]): Promise<void> {
	const left = rows.entries();
	const work = async (): Promise<void> => {
		for (const [, [line, exitCode, told]] of left) {
			const { code, out, err } = await run(folder, line);
			const said = `amime ${line}:\n${out}${err}`;
			assert.equal(code, exitCode, said);
			// Logs of what was done before are lines of JSON.
			const lines = `${out}${err}`.split("\n").filter((text) => text !== "" && !text.startsWith("{"));
			assert.equal(lines.length, 1, `one line: ${said}`);
			assert.match(lines[0]!, told, said);
			assert.doesNotMatch(said, /\n\s+at |node:internal/, "no stack");
		}
	};
	await Promise.all([work(), work(), work()]);
}

test("what cannot be read, or understood, is told in one line with what to do", async (t) => {
	const folder = makeFolder(t);
	await checkRows(folder, [
		["stauts", 2, /^amime: unknown command 'stauts' \(did you mean 'status'\?\) \[USAGE\]$/],
		["ca nope", 2, /unknown command 'nope' of 'amime ca': there are status, rotate, csr, install/],
		["identity creat", 2, /unknown command 'creat' of 'amime identity' \(did you mean 'create'\?\)/],
		["rollout nope", 2, /of 'amime rollout': there are status, list, promote, abort/],
		["up", 2, /missing required argument 'dir'/],
		["up /nope", 1, /there is no folder \/nope \[FOLDER_UNREADABLE\]$/],
		["up broken.yaml", 1, /broken\.yaml is no folder: name the folder/],
		["up --nope good", 2, /unknown option '--nope'/],
		["status", 1, /no mesh runs here: start one with 'amime up DIR'/],
		["status --state /nope", 1, /no mesh runs on the state folder \/nope/],
		["status --state no-json", 1, /control\.json is no JSON/],
		["status --state no-fields", 1, /control\.json lacks pid, adminUrl or token/],
		["status --context other", 1, /has no context 'other'.*\[CONTEXT_INVALID\]$/],
		["status --context bare", 1, /the context has no 'server': give it one, such as https:/],
		["status -o xml", 2, /one of table, json, yaml/],
		["get srvice", 2, /unknown kind 'srvice' \(did you mean 'service'\?\)/],
		["delete service", 2, /missing required argument 'name'/],
		["analyze -f /nope", 1, /\/nope does not exist/],
		["analyze -f empty", 1, /empty has no YAML or JSON files/],
		["analyze -f hollow.yaml", 1, /hollow\.yaml holds no document/],
		["apply", 2, /required option '-f, --file <path>' not specified/],
		["apply -f good --canary x", 2, /a share is written as 10%/],
		["apply -f good --canary 200%", 2, /a share is from above 0% to 100%/],
		["apply -f good --canary 0%", 2, /a share is from above 0% to 100%/],
		["history x", 2, /must be a whole number/],
		["rollback", 2, /missing required argument 'revision'/],
		["why --last 0", 2, /must be a number from 1 to 1000/],
		["explain --from web", 2, /required option '--to <host>'/],
		["explain --from web --to web -f good --port x", 2, /a port is a number from 0 to 65535/],
		["explain --from web --to web -f good -H bad", 2, /write name:value/],
		["explain --from web --to web -f good --source-address x", 2, /an address is written as 192\.0\.2\.1/],
		["explain --from web --to web -f good --identity x", 2, /a SPIFFE ID is written as spiffe:/],
		["explain --from nobody --to web -f good", 1, /no workload and no Gateway is called nobody/],
		["verify -f /nope", 1, /cannot read \/nope: there is no such file or folder \(ENOENT\) \[FILE_UNREADABLE\]$/],
		["verify -f empty -d good", 1, /cannot read empty: it is a folder, not a file \(EISDIR\)/],
		["verify -f hollow.yaml -d good", 1, /hollow\.yaml holds no expectation/],
		["diff -f /nope", 1, /\/nope does not exist/],
		["identity create", 2, /required option '--spiffe-id <id>' not specified/],
		["proxy", 1, /no bootstrap given: name one with -c FILE/],
		["proxy -c /nope", 1, /cannot read the bootstrap \/nope: there is no such file or folder \(ENOENT\)/],
		["proxy -c empty", 1, /cannot read the bootstrap empty: it is a folder, not a file \(EISDIR\)/],
		["proxy -c hollow.yaml", 1, /the bootstrap cannot be used: is empty/],
		["proxy -c hollow.yaml --concurrency x", 1, /must be a whole number/],
		["control-plane --config /nope", 1, /\/nope does not exist/],
		["control-plane --xds-address x", 1, /"x" is no address: write it as 127\.0\.0\.1:15010/],
		["control-plane --xds-address 127.0.0.1:99999", 1, /is no address/],
		[
			"control-plane --config good --xds-address 192.0.2.1:0 --admin-address 127.0.0.1:0",
			1,
			/cannot listen on 192\.0\.2\.1:0: this machine has no such address \(EADDRNOTAVAIL\)/,
		],
		["control-plane --store nope://x", 1, /the store's address is not understood: write etcd:/],
		[
			"control-plane --store etcd://127.0.0.1:1 --state unstored",
			1,
			/etcd 127\.0\.0\.1:1 does not answer .*\(no connection\) \[STORE_UNAVAILABLE\]$/,
		],
		[
			"agent --server 127.0.0.1:1",
			2,
			/required option '--trust-bundle <file>' not specified: 'amime identity bundle' prints it/,
		],
		["completion nope", 2, /one of bash, zsh, fish/],
		["version x", 2, /too many arguments for 'version'/],
	]);
});

test("a file that this user may not read is told as that", {
	skip: process.getuid?.() === 0 && "root may read all",
}, async (t) => {
	await checkRows(makeFolder(t), [
		["verify -f locked.yaml -d good", 1, /cannot read locked\.yaml: this user may not do that \(EACCES\)/],
		["proxy -c locked.yaml", 1, /cannot read the bootstrap locked\.yaml: this user may not do that \(EACCES\)/],
	]);
});

test("what a running control plane cannot do is told in one line, and so is that it is gone", async (t) => {
	const folder = makeFolder(t);
	const state = join(folder, "state");
	const running = await startControlPlaneProcess(t, state, ["--config", join(folder, "good")]);
	const { adminUrl, token, process: child } = running;
	const control = (more: object): string =>
		JSON.stringify({ pid: child.pid, adminUrl, xdsAddress: running.xdsAddress, token, ...more });
	mkdirSync(join(folder, "right"));
	writeFileSync(join(folder, "right", "control.json"), control({}));
	writeFileSync(join(folder, "wrong-token", "control.json"), control({ token: "wrong" }));
	const taken = createServer().listen(0, "127.0.0.1");
	t.after(() => taken.close());
	await once(taken, "listening");
	const { port } = taken.address() as { readonly port: number };
	await checkRows(folder, [
		["status --state wrong-token", 1, /nobody has this bearer token: .* \[UNAUTHENTICATED\]$/],
		["apply --state right -f /nope", 1, /cannot read \/nope: there is no such file or folder/],
		["apply --state right -f hollow.yaml", 1, /hollow\.yaml holds no document/],
		["delete --state right service nope", 1, /there is no Service nope; 'amime get service' lists them/],
		["rollback --state right 99", 1, /revision 99 is not in the history/],
		["history --state right 0", 1, /revision 0 is not in the history/],
		["routes --state right nope", 1, /there is no Service nope/],
		["rollout status --state right", 1, /nothing was rolled out yet/],
		["limits --state right nope", 1, /there is no RateLimitPolicy nope/],
		["federation create --state right other.example --bundle /nope", 1, /cannot read \/nope: there is no such file/],
		["federation delete --state right other.example", 1, /there is no relation to the trust domain other\.example/],
		["identity create --state right --spiffe-id /a --parent /b", 1, /selectors: needs at least one/],
		["identity show --state right nope", 1, /there is no entry 'nope'/],
		[`control-plane --config good --state other --xds-address 127.0.0.1:${port}`, 1, /the port is taken/],
		[
			`control-plane --config good --state another --xds-address 127.0.0.1:0 --admin-address 127.0.0.1:${port}`,
			1,
			/taken/,
		],
	]);
	await running.kill();
	await checkRows(folder, [
		["status --state right", 1, /\[(MESH_NOT_RUNNING|MESH_UNREACHABLE|CONTROL_PLANE_UNREACHABLE)\]$/],
	]);
});
