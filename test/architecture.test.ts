/** Polices the rooms: imports run downhill, a room is entered by its door, files stay small. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { test } from "node:test";

const project = resolve(import.meta.dirname, "..");
const source = join(project, "src");

/** Which rooms a room may import; ARCHITECTURE.md prints the same table. */
const mayImport: Record<string, readonly string[]> = {
	api: [],
	core: [],
	wire: ["core"],
	os: ["core"],
	grpc: ["core", "wire", "os"],
	model: ["core"],
	engine: ["core"],
	telemetry: ["core", "engine"],
	identity: ["core", "model", "api", "telemetry"],
	config: ["core", "model"],
	registry: ["core", "model", "telemetry", "api"],
	xds: ["core", "api", "telemetry"],
	control: ["core", "grpc", "model", "telemetry", "identity", "config", "registry", "xds", "api"],
	proxy: ["core", "wire", "os", "engine", "telemetry", "xds", "api"],
	library: ["core", "wire", "engine", "telemetry", "identity", "xds", "api"],
	agent: ["core", "wire", "os", "model", "telemetry", "identity", "config", "registry", "xds", "api"],
	explain: ["core", "model", "config", "engine", "xds", "control", "proxy", "api"],
	cli: ["core", "model", "config", "telemetry", "explain"],
	main: [
		"core",
		"os",
		"model",
		"telemetry",
		"identity",
		"config",
		"registry",
		"xds",
		"control",
		"proxy",
		"library",
		"agent",
		"explain",
		"cli",
		"api",
	],
};

const maxLines = 500;
const maxTestLines = 800;

function listFiles(folder: string): string[] {
	return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
		const path = join(folder, entry.name);
		if (path === join(source, "api/gen") || entry.name === "node_modules" || entry.name.startsWith(".")) return [];
		return entry.isDirectory() ? listFiles(path) : [path];
	});
}

const files = listFiles(source).filter((path) => path.endsWith(".ts"));
const roomOf = (path: string): string => relative(source, path).split("/")[0] as string;
const importsOf = (path: string): string[] =>
	[
		...readFileSync(path, "utf8").matchAll(
			/(?:^|\n)\s*(?:import|export)[^"';]*?from\s+"([^"]+)"|import\("([^"]+)"\)|(?:^|\n)import\s+"([^"]+)"/g,
		),
	].map((match) => (match[1] ?? match[2] ?? match[3]) as string);

test("imports run downhill and enter a room by its door", () => {
	const wrong: string[] = [];
	for (const path of files) {
		const room = roomOf(path);
		for (const specifier of importsOf(path)) {
			if (!specifier.startsWith(".")) continue;
			const target = resolve(dirname(path), specifier);
			if (!target.startsWith(source)) {
				if (!path.endsWith(".test.ts")) wrong.push(`${relative(project, path)} leaves src: ${specifier}`);
				continue;
			}
			const targetRoom = roomOf(target);
			if (targetRoom === room) continue;
			const allowed = mayImport[room];
			if (allowed === undefined || !allowed.includes(targetRoom)) {
				wrong.push(`${relative(project, path)}: room ${room} may not import ${targetRoom} (${specifier})`);
			} else if (targetRoom !== "api" && !isDoor(target, targetRoom)) {
				wrong.push(`${relative(project, path)}: enter ${targetRoom} by a door (index.ts), not ${specifier}`);
			}
		}
	}
	assert.deepEqual(wrong, []);
});

/** A room's door is its index.ts; the folders directly below wire, xds and proxy are rooms of their own and have one each. */
function isDoor(target: string, room: string): boolean {
	const path = relative(join(source, room), target);
	return path === "index.ts" || /^[a-z0-9-]+\/index\.ts$/.test(path);
}

test("every room has a door with a header and explicit exports", () => {
	const wrong: string[] = [];
	for (const room of new Set(files.map(roomOf))) {
		if (room === "main") continue;
		const folders = [join(source, room)];
		const doors = folders.map((folder) => join(folder, "index.ts")).filter((door) => existsSync(door));
		const inner = listFiles(join(source, room)).filter((path) => path.endsWith("/index.ts"));
		if (doors.length === 0 && inner.length === 0) wrong.push(`${room}: no index.ts`);
		for (const door of [...doors, ...inner]) {
			const text = readFileSync(door, "utf8");
			if (!text.startsWith("/**")) wrong.push(`${relative(project, door)}: no header comment`);
			if (/export \* /.test(text)) wrong.push(`${relative(project, door)}: export *`);
		}
	}
	assert.deepEqual(wrong, []);
});

test("files stay small", () => {
	const wrong: string[] = [];
	const all = [source, join(project, "test"), join(project, "bench"), join(project, "scripts")]
		.filter((folder) => existsSync(folder))
		.flatMap(listFiles)
		.filter((path) => path.endsWith(".ts"));
	for (const path of all) {
		const lines = readFileSync(path, "utf8").split("\n").length;
		const limit = path.endsWith(".test.ts") ? maxTestLines : maxLines;
		if (lines > limit) wrong.push(`${relative(project, path)}: ${lines} lines, the limit is ${limit}`);
	}
	assert.deepEqual(wrong, []);
});

test("only main reads the environment, the arguments and signals", () => {
	const wrong: string[] = [];
	for (const path of files) {
		if (roomOf(path) === "main" || path.endsWith(".test.ts")) continue;
		const text = readFileSync(path, "utf8");
		if (/process\.(env|argv|exit\(|on\("SIG)/.test(text)) wrong.push(relative(project, path));
	}
	assert.deepEqual(wrong, []);
});

test("ARCHITECTURE.md prints the import table that this test enforces", () => {
	const text = readFileSync(join(project, "ARCHITECTURE.md"), "utf8");
	for (const [room, imports] of Object.entries(mayImport)) {
		const row = `| \`${room}\` | ${imports.length === 0 ? "nothing" : imports.join(", ")} |`;
		assert.ok(text.includes(row), `missing row: ${row}`);
	}
});
