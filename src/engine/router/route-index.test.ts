import assert from "node:assert/strict";
import { test } from "node:test";
import { decide, makeRoutes, makeRouteTable, named, routeOf } from "../../../test/support/route-tables.ts";
import { createSeededRandom } from "../../core/index.ts";
import type { PathMatch } from "./route-config.ts";
import { RouteIndex } from "./route-index.ts";
import { VirtualHostIndex } from "./virtual-host-index.ts";

const prefix = (value: string, ignoreCase = false): PathMatch => ({ kind: "prefix", value, ignoreCase });
const exact = (value: string, ignoreCase = false): PathMatch => ({ kind: "exact", value, ignoreCase });

/** The candidates of a path, and how many steps they took to find. */
function look(index: RouteIndex, path: string): { readonly found: number[]; readonly steps: number } {
	const found: number[] = [];
	index.open(path, path.toLowerCase());
	for (let next = index.next(); next !== -1; next = index.next()) found.push(next);
	return { found, steps: found.length + index.visited };
}

test("a path takes as many steps among ten thousand routes as among ten", () => {
	const steps = [10, 1000, 10_000].map((count) => {
		const names = Array.from({ length: count }, (_, number) => `/service-${String(number).padStart(5, "0")}`);
		const routes = names.flatMap((name) => [exact(`${name}/login`), prefix(`${name}/`), prefix(`${name}/items/`)]);
		const index = new RouteIndex(routes);
		const last = names.at(-1)!;
		assert.deepEqual(look(index, `${last}/login`).found, [routes.length - 3, routes.length - 2]);
		assert.deepEqual(look(index, "/nothing").found, []);
		return Math.max(...["/login", "/items/4", "/"].map((end) => look(index, last + end).steps));
	});
	// A tree of more names branches at more of their five digits, and never more often than that.
	assert.ok(Math.max(...steps) <= steps[0]! + 4, steps.join(", "));
});

test("hosts are found in one step for a name and one a length for wildcards", () => {
	const index = new VirtualHostIndex<number>();
	for (let number = 0; number < 10_000; number++) index.add(`host-${number}.test`, number);
	for (let number = 0; number < 10_000; number++) index.add(`*.zone-${String(number).padStart(5, "0")}.test`, -number);
	assert.equal(index.find("host-9999.test"), 9999);
	assert.equal(index.find("a.b.zone-00042.test"), -42);
	assert.equal(index.wildcardLengths, 1);
});

test("candidates come in the order of their routes, whatever their kind", () => {
	const index = new RouteIndex([
		prefix("/a/b"),
		exact("/A/B/C", true),
		{ kind: "regex", regex: /^\/a/ },
		prefix("/"),
		exact("/a/b/c"),
		prefix("/a/b/c"),
		prefix("/A", true),
		prefix(""),
	]);
	assert.deepEqual(look(index, "/a/b/c").found, [0, 2, 3, 4, 5, 7]);
	const folded = new RouteIndex([exact("/a/b/c", true), prefix("/x"), prefix("/a", true)]);
	assert.deepEqual(look(folded, "/A/B/C").found, [0, 2]);
});

test("an indexed virtual host decides as a look at every route does", () => {
	const random = createSeededRandom(11);
	const pick = <T>(list: readonly T[]): T => list[Math.floor(random.next() * list.length)]!;
	const segment = () => pick(["a", "b", "ab", "A", "aB"]);
	const path = () => `/${Array.from({ length: 1 + Math.floor(random.next() * 3) }, segment).join("/")}`;
	for (let round = 0; round < 30; round++) {
		const routes = Array.from({ length: 24 }, (_, number) => {
			const kind = pick(["prefix", "path", "path_separated_prefix", "safe_regex"]);
			const value = path();
			const match: Record<string, unknown> =
				kind === "safe_regex" ? { safe_regex: { regex: `${value}.*` } } : { [kind]: value };
			if (kind !== "safe_regex" && random.next() < 0.3) match.case_sensitive = false;
			if (random.next() < 0.4) match.headers = [{ name: "x-a", string_match: { exact: pick(["1", "2"]) } }];
			return named(`r${number}`, match);
		});
		const whole = makeRoutes(...routes);
		for (let request = 0; request < 40; request++) {
			const line = `GET ${path()}${pick(["", "/", "?q"])}`;
			const fields = [`x-a: ${pick(["1", "2", "3"])}`];
			// One table a route, each too small for an index.
			const first = routes.find((route) => routeOf(makeRoutes(route), line, ...fields) !== undefined);
			assert.equal(routeOf(whole, line, ...fields), first?.name, line);
		}
	}
});

test("a request of another virtual host finds its own routes", () => {
	const many = (host: string) =>
		Array.from({ length: 20 }, (_, number) => named(`${host}-${number}`, { prefix: `/${number}/` }));
	const table = makeRouteTable({
		virtual_hosts: ["a.test", "b.test"].map((host) => ({ name: host, domains: [host], routes: many(host) })),
	});
	assert.equal(decide(table, "GET /7/x", ["host: b.test"]).entry?.name, "b.test-7");
	assert.equal(decide(table, "GET /19/", ["host: a.test"]).entry?.name, "a.test-19");
	assert.equal(decide(table, "GET /20/", ["host: a.test"]).entry, undefined);
});
