import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { makeTemporaryFolder } from "../../test/support/temporary-folder.ts";
import { findContext } from "./contexts.ts";

const names = ["AMIME_SERVER", "AMIME_TOKEN", "AMIME_CA", "AMIME_CERT", "AMIME_KEY", "AMIME_CONTEXTS"];

/** The environment of one test, and a folder with PEM files. */
function prepare(t: TestContext, contexts?: unknown): (values: Readonly<Record<string, string>>) => void {
	const folder = makeTemporaryFolder(t);
	for (const name of ["ca", "cert", "key"]) writeFileSync(join(folder, `${name}.pem`), `the ${name}`);
	const file = join(folder, "contexts.json");
	if (contexts !== undefined) writeFileSync(file, typeof contexts === "string" ? contexts : JSON.stringify(contexts));
	const before = names.map((name) => [name, process.env[name]] as const);
	t.after(() => {
		for (const [name, value] of before)
			if (value === undefined) delete process.env[name];
			else process.env[name] = value;
	});
	return (values) => {
		for (const name of names) delete process.env[name];
		for (const [name, value] of Object.entries({ AMIME_CONTEXTS: file, ...values }))
			process.env[name] = value.replace("FOLDER", folder);
	};
}

const contexts = {
	current: "prod",
	contexts: {
		prod: { server: "https://mesh.example:15014", ca: "ca.pem", cert: "cert.pem", key: "key.pem" },
		lab: { server: "http://127.0.0.1:15014", token: "lab-token" },
		open: { server: "http://mesh.example:15014", token: "planted-token" },
		half: { server: "https://mesh.example", cert: "cert.pem" },
		lost: { server: "https://mesh.example", ca: "nowhere.pem" },
		odd: { server: "mesh.example" },
	},
};

test("a mesh is found by name, by the current one of the file, and by the environment before it", (t) => {
	const set = prepare(t, contexts);
	set({});
	const tls = { ca: "the ca", cert: "the cert", key: "the key" };
	const prod = { pid: 0, adminUrl: "https://mesh.example:15014", xdsAddress: "", token: "", tls };
	assert.deepEqual(findContext(undefined), prod);
	assert.equal(findContext("lab")!.token, "lab-token");
	set({ AMIME_SERVER: "https://other.example", AMIME_TOKEN: "t", AMIME_CA: "FOLDER/ca.pem" });
	assert.deepEqual(findContext(undefined), {
		...{ pid: 0, adminUrl: "https://other.example", xdsAddress: "", token: "t", tls: { ca: "the ca" } },
	});
	assert.deepEqual(findContext("prod"), prod, "a name wins");
});

test("what cannot be used is told, and no token is sent in plain text", (t) => {
	const set = prepare(t, contexts);
	set({});
	const refused: Readonly<Record<string, RegExp>> = {
		open: /in plain text/,
		half: /go together/,
		lost: /nowhere\.pem cannot be read/,
		odd: /is no address/,
		prdo: /no context 'prdo' \(did you mean 'prod'\?\)/,
	};
	for (const [name, message] of Object.entries(refused))
		assert.throws(() => findContext(name), { code: "CONTEXT_INVALID", message }, name);
	const broken = prepare(t, '{"token": "planted-token"');
	broken({});
	assert.throws(
		() => findContext(undefined),
		(error: Error) => /is no JSON/.test(error.message) && !/planted/.test(error.message),
	);
	const none = prepare(t);
	none({});
	assert.throws(() => findContext("prod"), /there is no file of contexts/);
});
