import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createTestHost } from "../../test/support/cli-host.ts";
import type { FolderSnapshot } from "../config/index.ts";
import { MeshError } from "../core/index.ts";
import type { ControlFile } from "./index.ts";

interface Asked {
	readonly method: string;
	readonly path: string;
	readonly body?: unknown;
}

/** A folder with live meshes of these names, and a host whose admin API answers from `answers`. */
function createDesk(
	t: TestContext,
	meshes: readonly string[],
	answers: Record<string, readonly unknown[]> = {},
	onAnalysis: (config: FolderSnapshot) => unknown = () => undefined,
) {
	const folder = mkdtempSync(join(tmpdir(), "amime-cli-"));
	t.after(() => rmSync(folder, { recursive: true }));
	for (const name of meshes) {
		mkdirSync(join(folder, ".amime", name), { recursive: true });
		const control: ControlFile = {
			pid: process.pid,
			adminUrl: `http://127.0.0.1/${name}`,
			xdsAddress: "",
			token: "secret",
		};
		writeFileSync(join(folder, ".amime", name, "control.json"), JSON.stringify(control));
	}
	const asked: Asked[] = [];
	const connected: ControlFile[] = [];
	let refusal: readonly unknown[] | undefined;
	let answer: unknown = { items: [{ kind: "Service", namespace: "shop", name: "web", result: "created" }] };
	let input = "kind: Service";
	let remote: ControlFile | undefined;
	const { run } = createTestHost({
		folder,
		readStdin: async () => input,
		findContext: () => remote,
		runProxy: async () => 7,
		connect: (control) => {
			connected.push(control);
			return {
				list: async (path) => {
					asked.push({ method: "GET", path });
					return answers[path] ?? [];
				},
				request: async (method, path, body) => {
					asked.push({ method, path, body });
					if (refusal !== undefined) {
						throw Object.assign(new MeshError("CONFIG_INVALID", "nothing was applied"), { problems: refusal });
					}
					return answer;
				},
			};
		},
		analyze: async (config) => {
			onAnalysis(config);
			return answers["folder"] ?? [];
		},
	});
	const refuseNext = (problems: readonly unknown[]): void => {
		refusal = problems;
	};
	const answerNext = (value: unknown): void => {
		answer = value;
	};
	const sayNext = (text: string): void => {
		input = text;
	};
	const useContext = (control: ControlFile): void => {
		remote = control;
	};
	return { run, asked, connected, folder, refuseNext, answerNext, sayNext, useContext };
}

test("a mistyped command, option, kind or choice is answered with the nearest one, in one line", async (t) => {
	const { run } = createDesk(t, ["shop"]);
	const cases: readonly (readonly [args: string[], nearest: string])[] = [
		[["statsu"], "status"],
		[["status", "--outptu", "json"], "--output"],
		[["get", "servce"], "service"],
		[["get", "-o", "jsn"], "json"],
		[["completion", "fis"], "fish"],
		[["help", "statsu"], "status"],
		[["ca", "stauts"], "status"],
	];
	for (const [args, nearest] of cases) {
		const { code, err } = await run(...args);
		assert.equal(code, 2, args.join(" "));
		assert.match(err, new RegExp(`^amime: [^\\n]*did you mean '${nearest}'\\?[^\\n]*\\n$`), args.join(" "));
	}
});

test("every command explains itself with examples", async (t) => {
	const { run } = createDesk(t, []);
	const { out } = await run("--help");
	const names = [...out.matchAll(/^ {2}([a-z-]+) (?:\[|<| )/gm)].map((match) => match[1]!);
	assert.ok(names.length >= 12, names.join(" "));
	for (const name of names) {
		if (name === "help" || name === "version") continue;
		const help = await run(name, "--help");
		assert.equal(help.code, 0);
		assert.match(help.out, /Usage: amime/, name);
		assert.match(help.out, /Examples:\n {2}\$/, name);
	}
});

test("the running mesh is found by itself when there is one, and asked for when there are several", async (t) => {
	const none = createDesk(t, []);
	assert.match((await none.run("status")).err, /no mesh runs here.*\[MESH_NOT_RUNNING\]/);
	const one = createDesk(t, ["shop"]);
	assert.equal((await one.run("status")).code, 0);
	assert.equal(one.connected[0]!.adminUrl, "http://127.0.0.1/shop");
	const two = createDesk(t, ["shop", "other"]);
	assert.match((await two.run("status")).err, /several meshes run here.*\.amime\/shop.*\[MESH_AMBIGUOUS\]/);
	assert.equal((await two.run("status", "--state", ".amime/other")).code, 0);
	assert.equal(two.connected[0]!.adminUrl, "http://127.0.0.1/other");
});

test("a state folder whose process has ended counts as no running mesh", async (t) => {
	const desk = createDesk(t, ["shop"]);
	const control = { pid: 2 ** 22 + 1, adminUrl: "http://127.0.0.1/", xdsAddress: "", token: "secret" };
	writeFileSync(join(desk.folder, ".amime/shop/control.json"), JSON.stringify(control));
	assert.match(
		(await desk.run("get")).err,
		/no mesh runs here: process \d+ of \.amime\/shop was killed.*MESH_NOT_RUNNING/,
	);
	assert.match(
		(await desk.run("get", "--state", ".amime/shop")).err,
		/process \d+ of \.amime\/shop was killed, .*'amime up' with the same folder takes over/,
	);
});

test("status shows each proxy by type and says why one refused", async (t) => {
	const type = (name: string, state: string, reason?: string) => ({
		typeUrl: `type.googleapis.com/envoy.config.${name}`,
		state,
		resources: 1,
		...(reason === undefined ? {} : { reason }),
	});
	const { run } = createDesk(t, ["shop"], {
		"/v1/proxies": [
			{
				nodeId: "sidecar~x",
				instance: "shop/web-0",
				types: [type("cluster.v3.Cluster", "SYNCED"), type("listener.v3.Listener", "NACKED", "unknown filter")],
			},
		],
		"/v1/workloads": [
			{
				namespace: "shop",
				name: "web",
				pattern: "sidecar",
				sidecar: "amime",
				identity: "spiffe://x",
				replicas: 1,
				ports: [],
			},
		],
		"/v1/instances": [{ namespace: "shop", name: "web-0", workload: "web", health: "ready" }],
	});
	const { out } = await run("status");
	assert.match(out, /shop\/web +sidecar \(amime\) +spiffe:\/\/x +1\/1 ready/);
	assert.match(out, /PROXY +CDS +LDS +EDS +RDS\nshop\/web-0 +SYNCED +NACKED +- +-/);
	assert.match(out, /NACKED shop\/web-0 Listener: unknown filter/);
	assert.doesNotMatch(out, /\x1b/, "no colour off a terminal");
	assert.equal(JSON.parse((await run("status", "-o", "json")).out).proxies[0].instance, "shop/web-0");
});

test("a service that is not there is answered with the nearest one; one without endpoints is none", async (t) => {
	const service = { apiVersion: "v1", kind: "Service", metadata: { name: "reviews", namespace: "shop" } };
	const desk = createDesk(t, ["shop"], { "/v1/config?kind=Service": [service] });
	for (const command of ["routes", "endpoints"]) {
		const { code, err } = await desk.run(command, "revews");
		assert.equal(code, 1);
		assert.match(err, /^amime: there is no Service revews \(did you mean 'reviews'\?\) \[OBJECT_NOT_FOUND\]\n$/);
		assert.match((await desk.run(command, "other/reviews")).err, /no Service reviews in namespace other/);
		assert.equal((await desk.run(command, "reviews")).code, 0);
	}
});

test("an object that is not there is answered with the nearest name, its namespaces, or how to list them", async (t) => {
	const named = (kind: string, name: string, namespace: string) => ({
		...{ apiVersion: "v1", kind },
		metadata: { name, namespace },
	});
	const desk = createDesk(t, ["shop"], { "/v1/config?kind=Service": [named("Service", "reviews", "shop")] });
	const cases: readonly (readonly [args: string[], code: number, says: RegExp])[] = [
		[["get", "svc", "revews"], 1, /no Service revews \(did you mean 'reviews'\?\)/],
		[["delete", "svc", "revews"], 1, /no Service revews \(did you mean 'reviews'\?\)/],
		[["get", "svc", "other/reviews"], 1, /no Service reviews in namespace other: it is in shop/],
		[["get", "svc", "nothing-like-it"], 1, /no Service nothing-like-it; 'amime get svc' lists them/],
		[["get", "dr", "x"], 1, /no DestinationRule x: the mesh has none/],
		[["get", "all", "x"], 1, /no object x; 'amime get' lists them/],
		[["get", "svc", "a/b/c"], 2, /'a\/b\/c' is no name: write name or namespace\/name \[NAME_INVALID\]/],
		[["routes", "/reviews"], 2, /NAME_INVALID/],
		[["get", "svc", "shop/reviews", "-n", "other"], 2, /'shop\/reviews' is not in the namespace other of -n/],
		[["endpoints", "", "-n", "shop"], 2, /NAME_INVALID/],
	];
	for (const [args, code, says] of cases) {
		const ran = await desk.run(...args);
		assert.equal(ran.code, code, args.join(" "));
		assert.match(ran.err, says);
		assert.equal(ran.err.split("\n").length, 2, "one line");
	}
});

test("the history of one revision shows what changed in each object", async (t) => {
	const desk = createDesk(t, ["shop"]);
	const document = (port: number) => ({ kind: "Service", metadata: { name: "web" }, spec: { ports: [{ port }] } });
	desk.answerNext({
		...{ revision: 7, at: "2026-01-02T03:04:05.000Z", author: "ann", action: "apply" },
		changes: [
			{
				kind: "Service",
				namespace: "shop",
				name: "web",
				result: "configured",
				before: document(80),
				after: document(81),
			},
			{ kind: "Secret", namespace: "shop", name: "key", result: "created" },
		],
	});
	const { out } = await desk.run("history", "7");
	assert.equal(desk.asked.at(-1)!.path, "/v1/history/7");
	assert.match(
		out,
		/^revision 7, 2026-01-02T03:04:05\.000Z by ann: apply\n\nService shop\/web configured\n {2}kind: Service\n/,
	);
	assert.match(out, /\n- +- port: 80\n\+ +- port: 81\n\nSecret shop\/key created\n$/);
	assert.equal((await desk.run("history", "seven")).code, 2);
});

test("completion knows the parts of a command and their options", async (t) => {
	const { run } = createDesk(t, []);
	const { out: script } = await run("completion", "bash");
	const complete = (...words: string[]): string[] => {
		const line = words.map((word) => `'${word}'`).join(" ");
		const program = `${script}\nCOMP_WORDS=(${line}); COMP_CWORD=${words.length - 1}; _amime; printf '%s\\n' "\${COMPREPLY[@]}"`;
		return execFileSync("bash", ["-c", program], { encoding: "utf8" }).trim().split("\n");
	};
	assert.ok(complete("amime", "sta").includes("status"));
	assert.ok(complete("amime", "ca", "").includes("rotate"));
	assert.deepEqual(complete("amime", "ca", "rotate", "--is"), ["--issuer"]);
	assert.ok(complete("amime", "get", "virtual").includes("virtualservice"));
	assert.ok(!complete("amime", "status", "--r").includes("--root"));
	const { out: fish } = await run("completion", "fish");
	assert.match(fish, /__fish_seen_subcommand_from ca; and __fish_seen_subcommand_from rotate' -l root\n/);
	assert.doesNotMatch(fish, /-l status\n/, "a part of a command is no option");
});

test("analyze takes a folder, a file or standard input, and a folder without config is a mistake", async (t) => {
	const seen: unknown[] = [];
	const desk = createDesk(t, [], {}, (config) =>
		seen.push(config.objects.map(({ kind, name, source }) => [kind, name, source.file])),
	);
	const service = "apiVersion: v1\nkind: Service\nmetadata: { name: web }\nspec: { ports: [{ port: 80 }] }\n";
	mkdirSync(join(desk.folder, "empty"));
	const none = await desk.run("analyze", "-f", "empty");
	assert.deepEqual([none.code, seen.length], [1, 0]);
	assert.match(none.err, /empty has no YAML or JSON files \[CONFIG_FOLDER_UNREADABLE\]/);
	assert.match((await desk.run("analyze", "-f", "nowhere")).err, /nowhere does not exist.*CONFIG_FOLDER_UNREADABLE/);
	writeFileSync(join(desk.folder, "none.yaml"), "# nothing yet\n---\n");
	const hollow = await desk.run("analyze", "-f", "none.yaml");
	assert.deepEqual([hollow.code, seen.length], [1, 0]);
	assert.match(hollow.err, /none\.yaml holds no document \[CONFIG_EMPTY\]/);
	desk.sayNext("");
	assert.match((await desk.run("analyze", "-f", "-")).err, /standard input holds no document \[CONFIG_EMPTY\]/);
	writeFileSync(join(desk.folder, "web.txt"), service);
	assert.equal((await desk.run("analyze", "-f", "web.txt")).code, 0);
	desk.sayNext(service);
	assert.equal((await desk.run("analyze", "-f", "-")).code, 0);
	assert.deepEqual(seen, [[["Service", "web", "web.txt"]], [["Service", "web", "standard input"]]]);
});

test("documents that are refused are told by the file they came from, each problem once", async (t) => {
	const problem = (line: number) => ({ severity: "error", file: "api", line, column: 1, problem: `fault ${line}` });
	const desk = createDesk(t, ["shop"]);
	writeFileSync(join(desk.folder, "route.yaml"), "kind: HTTPRoute");
	desk.refuseNext([problem(3)]);
	const one = await desk.run("apply", "-f", "route.yaml");
	assert.equal(one.err, "amime: nothing was applied: route.yaml:3:1: fault 3 [CONFIG_INVALID]\n");
	desk.refuseNext([problem(3), problem(5)]);
	const two = await desk.run("apply", "-f", "route.yaml");
	assert.equal(
		two.err,
		"amime: nothing was applied: 2 problems in route.yaml [CONFIG_INVALID]\n  route.yaml:3:1: fault 3\n  route.yaml:5:1: fault 5\n",
	);
});

test("get, apply and delete speak to the admin API and never print the token", async (t) => {
	const service = { apiVersion: "v1", kind: "Service", metadata: { name: "web", namespace: "shop" } };
	const desk = createDesk(t, ["shop"], {
		"/v1/config?kind=Service&name=web": [service],
		"/v1/config?kind=Service&namespace=shop&name=web": [service],
	});
	assert.match((await desk.run("get", "svc", "shop/web")).out, /Service +shop +web/);
	assert.match((await desk.run("get", "svc", "web", "-o", "yaml")).out, /^apiVersion: v1\n/);
	assert.match((await desk.run("get", "svc", "wbe")).err, /there is no Service wbe.*\[OBJECT_NOT_FOUND\]/);
	assert.equal((await desk.run("apply", "-f", "-")).out, "Service shop/web created\n");
	assert.deepEqual(desk.asked.at(-1), { method: "PUT", path: "/v1/config", body: "kind: Service" });
	mkdirSync(join(desk.folder, "config"));
	for (const name of ["a", "b"]) writeFileSync(join(desk.folder, "config", `${name}.yaml`), `kind: ${name}`);
	assert.equal((await desk.run("apply", "-f", "config")).code, 0);
	assert.equal(desk.asked.at(-1)!.body, "kind: a\n---\nkind: b");
	assert.match((await desk.run("apply", "-f", "none.yaml")).err, /cannot read none\.yaml.*\[FILE_UNREADABLE\]/);
	assert.equal((await desk.run("delete", "service", "web")).out, "Service shop/web deleted\n");
	assert.equal(desk.asked.at(-1)!.path, "/v1/config/Service/shop/web");
	const everything = await desk.run("status", "-o", "json");
	assert.doesNotMatch(everything.out + everything.err, /secret/);
});

test("proxy takes Envoy's flags and hands on the exit code", async (t) => {
	const { run } = createDesk(t, []);
	const flags = ["-c", "envoy.yaml", "--concurrency", "2", "--base-id", "3", "-l", "warning", "--drain-time-s", "5"];
	assert.equal((await run("proxy", ...flags)).code, 7);
	assert.match((await run("proxy")).err, /no bootstrap given.*\[BOOTSTRAP_MISSING\]/);
	assert.deepEqual(await run("proxy", "--version"), { code: 0, out: "amime  version: 1.2.3\n", err: "" });
	assert.equal((await run("proxy", "--hot-restart-version")).out, "11.104\n");
	assert.equal((await run("proxy", "--hot-restart-version", "--disable-hot-restart")).out, "disabled\n");
});

test("analyze prints findings with their codes, and its exit code is for CI", async (t) => {
	const finding = {
		code: "ROUTE_SHADOWED",
		severity: "warning",
		file: "a.yaml",
		line: 3,
		kind: "HTTPRoute",
		problem: "x",
	};
	const { run, asked, folder } = createDesk(t, ["shop"], {
		"/v1/analysis": [finding],
		folder: [{ ...finding, severity: "error" }],
	});
	const online = await run("analyze");
	assert.deepEqual([online.code, asked.map(({ path }) => path)], [0, ["/v1/analysis"]]);
	assert.match(online.out, /^warning ROUTE_SHADOWED a\.yaml:3: HTTPRoute: x\n0 errors, 1 warning, 0 info\n$/);
	assert.equal((await run("analyze", "--fail-on", "warning")).code, 1);
	writeFileSync(join(folder, "a.yaml"), "kind: Service");
	assert.equal((await run("analyze", "-f", ".")).code, 1);
	assert.equal((await run("analyze", "-f", ".", "--fail-on", "never")).code, 0);
	const foreign = (kind: string, problem: string) => ({
		...finding,
		code: "KIND_FOREIGN",
		severity: "info",
		kind,
		problem,
	});
	const passed = "v1 ServiceAccount is none of the mesh's kinds and is passed over";
	const many = createDesk(t, ["shop"], {
		"/v1/analysis": [
			...[foreign("ServiceAccount", passed), foreign("ServiceAccount", passed)],
			foreign(
				"Ingress",
				"networking.k8s.io/v1 Ingress is none of the mesh's kinds and is passed over: write a Gateway",
			),
		],
	});
	assert.equal(
		(await many.run("analyze")).out,
		"info    KIND_FOREIGN a.yaml:3: Ingress: networking.k8s.io/v1 Ingress is none of the mesh's kinds and is passed over: write a Gateway\n" +
			"info    KIND_FOREIGN documents that are none of the mesh's are passed over: ServiceAccount 2\n0 errors, 0 warnings, 3 info\n",
	);
	assert.deepEqual(JSON.parse((await run("analyze", "-o", "json")).out), [finding]);
});

test("why tells a failed request proxy by proxy, and says when nobody knows it", async (t) => {
	const failure = {
		proxy: "shop/web-0",
		time: "2026-01-02T03:04:05.678Z",
		request_id: "r1",
		method: "GET",
		authority: "reviews",
		path: "/x",
		status: 503,
		flags: "UH",
		details: "no_healthy_upstream",
		reason: null,
		would_deny: null,
		audited: null,
		duration_ms: 1,
		remote_address: "127.0.0.1:4",
		caller: null,
		callee: null,
		route: "shop/reviews",
		route_config: null,
		upstream_cluster: "outbound|80||reviews",
		upstream_host: null,
		upstream_attempts: 0,
		upstream_failure: null,
		fault: "application",
		explanation: ["no endpoint of the service is healthy", "now 0 of 1 endpoints of reviews are ready"],
		fix: "make them ready",
		objects: [
			{ kind: "VirtualService", namespace: "shop", name: "reviews", file: "vs.yaml", line: 7, path: "spec.http[0]" },
		],
	};
	const desk = createDesk(t, ["shop"]);
	desk.answerNext({ items: [failure], silent: ["shop/old-0"] });
	const story = await desk.run("why", "r1");
	assert.equal(story.code, 0);
	assert.equal(desk.asked[0]!.path, "/v1/failures?limit=20&kind=failed&id=r1");
	assert.match(story.out, /^GET reviews\/x from 127\.0\.0\.1:4: 503, because of shop\/web-0\n/);
	assert.match(
		story.out,
		/why +no endpoint of the service is healthy\n +now 0 of 1 endpoints.*\n +fault +the application's\n/,
	);
	assert.match(
		story.out,
		/objects +VirtualService shop\/reviews spec\.http\[0\] \(vs\.yaml:7\)\n +fix +make them ready\n/,
	);
	assert.match(story.out, /shop\/web-0 +503 UH no_healthy_upstream +\S+, 1 ms/);
	const whole = await desk.run("why", "-v", "r1");
	assert.match(whole.out, /shop\/web-0 {2}GET reviews\/x {2}503\n[\s\S]*cluster +outbound\|80\|\|reviews\n/);
	assert.match(whole.out, /=> no endpoint of the service is healthy\n {2}=> now 0 of 1 endpoints/);
	assert.match(story.out, /not asked: shop\/old-0/);
	mkdirSync(join(desk.folder, ".amime/shop/logs"));
	const logged = '[2026-11-24T17:20:25.175Z] "GET /p HTTP/1.1" 503 UO 0 81 0 - "-" "node" "full" "reviews" "-"\n';
	writeFileSync(join(desk.folder, ".amime/shop/logs/old-0.sidecar.log"), logged);
	const list = (await desk.run("why")).out;
	assert.match(
		list,
		/access logs of proxies that cannot be asked:\nTIME.*\n\S+ +shop\/old-0 +GET reviews\/p +503 +UO +- +full\n/,
	);
	assert.match(list, /shop\/web-0 +GET reviews\/x +503 +UH +no_healthy_upstream +r1/);
	assert.match(
		list,
		/\n1 × no endpoint of the service is healthy\n +object +VirtualService.*\n +fix +make them ready\n/,
	);
	assert.equal(JSON.parse((await desk.run("why", "r1", "-o", "json")).out)[0].proxy, "shop/web-0");
	const tried = { ...failure, status: 200, flags: "-", would_deny: "ns[shop]-policy[p]-rule[0]" };
	desk.answerNext({ items: [tried], silent: [] });
	const told = await desk.run("why", "--dry-run");
	assert.match(told.out, /POLICY[\s\S]*200 .*would have been denied by ns\[shop\]-policy\[p\]-rule\[0\] +r1/);
	assert.equal(desk.asked.at(-1)!.path, "/v1/failures?limit=20&kind=dry-run");
	desk.answerNext({ items: [], silent: [] });
	assert.equal((await desk.run("why")).out, "no request has failed\n");
	const unknown = await desk.run("why", "r2");
	assert.equal(unknown.code, 1);
	assert.match(unknown.out, /no proxy knows a failed request r2/);
});

test("load shows clusters by locality, or who calls them, and names the nearest host", async (t) => {
	const figures = {
		priority: 0,
		rate: 12.5,
		errorRate: 0.5,
		inProgress: 2,
		requests: 100,
		errors: 4,
		drops: { "": 1, lb: 3 },
	};
	const cluster = "outbound|80||reviews.shop.svc.cluster.local";
	const summed = [{ cluster, locality: "north/a", clients: 2, ...figures }];
	const own = [{ client: "sidecar~10.0.0.1~web-0.shop~x", cluster, locality: "north/a", clients: 1, ...figures }];
	const { run } = createDesk(t, ["shop"], { "/v1/load": summed, "/v1/load?by=client": own });
	const rows = (text: string) => text.split("\n").map((line) => line.trim().split(/ {2,}/));
	const { out } = await run("load", "reviews.shop");
	assert.deepEqual(rows(out)[1], [cluster, "2", "north/a", "12.5", "0.5", "2", "100", "4", "1, 3 lb"]);
	assert.equal(rows((await run("load", "--clients")).out)[1]![1], "web-0.shop");
	assert.equal((await run("load", "--from", "web-0.shop")).code, 0);
	assert.deepEqual(JSON.parse((await run("load", "-o", "json")).out), summed);
	const wrong = await run("load", "review.shop.svc.cluster.local");
	assert.equal(wrong.code, 1);
	assert.match(wrong.err, /nobody reports load of review.*reviews\.shop\.svc.*NO_LOAD/);
});

test("limits shows budgets, and who holds which lease; a policy that is not there is answered with the nearest one", async (t) => {
	const shared = { namespace: "shop", policy: "orders", unitSeconds: 1, requests: 100, isDryRun: false, more: 2 };
	const lease = { proxy: "shop/orders-0", demand: 120, rate: 95.5, burst: 19, isConnected: true };
	const budget = { values: ["a"], demand: 120, allowed: 5, limited: 7, wouldLimit: 0, available: 3, leases: [lease] };
	const limits = [
		{ ...shared, limit: "all", scope: "global", keys: ["header x-user"], budgets: [budget] },
		{ ...shared, limit: "own", scope: "local", keys: ["principal"], budgets: [], more: 0 },
	];
	const { run } = createDesk(t, ["shop"], { "/v1/limits": limits });
	const { code, out } = await run("limits", "shop/orders");
	assert.equal(code, 0);
	const rows = out.split("\n").map((line) => line.trim().split(/ {2,}/));
	assert.deepEqual(rows[1], ["shop/orders/all", "global", "100/s", "a", "120", "5", "7", "3", "1"]);
	assert.deepEqual(rows[2], ["shop/orders/all", "global", "100/s", "and 2 more"]);
	assert.deepEqual(rows[3], ["shop/orders/own", "local", "100/s", "principal"]);
	const leases = await run("limits", "--leases");
	assert.match(leases.out, /shop\/orders\/all +a +shop\/orders-0 +120 +95\.5 +19 +open/);
	assert.deepEqual(JSON.parse((await run("limits", "-o", "json")).out), limits);
	const wrong = await run("limits", "order");
	assert.equal(wrong.code, 1);
	assert.match(wrong.err, /no RateLimitPolicy order.*orders.*OBJECT_NOT_FOUND/);
});
