import assert from "node:assert/strict";
import { test } from "node:test";
import { decide, forward, makeRoutes, named, routeOf, routeProblems } from "../../../test/support/route-tables.ts";
import { prepareRequest } from "./index.ts";
import { compileUriRewrite, compileUriTemplate } from "./uri-template.ts";

const extension = (type: string, fields: Record<string, unknown>) => ({
	name: "t",
	typed_config: { "@type": `type.googleapis.com/envoy.extensions.path.${type}`, ...fields },
});
const matching = (path_template: string) => ({
	path_match_policy: extension("match.uri_template.v3.UriTemplateMatchConfig", { path_template }),
});
const rewriting = (path_template_rewrite: string) => ({
	path_rewrite_policy: extension("rewrite.uri_template.v3.UriTemplateRewriteConfig", { path_template_rewrite }),
});

for (const [template, path, matches] of [
	["/a/{x}/b", "/a/1/b", true],
	["/a/{x}/b", "/a/1/2/b", false],
	["/a/*/b", "/a/1/b", true],
	["/a/*", "/a/", false],
	["/a/**", "/a/1/2", true],
	["/a/**", "/b/1", false],
	["/a/**/b", "/a/1/2/b", true],
	["/a/**/b", "/a/b", false],
	["/a/**/b", "/a/1/c", false],
	["/{x=a/*}/b", "/a/1/b", true],
	["/{x=**}", "/1/2/3", true],
	["/a/*", "/a/b=c*@", true],
	["/a/*", "/a/b|c", false],
	["/a/**", "/a/b[c]", false],
	["/a/**/", "/a//", true],
	["/a=b/*.txt", "/a=b/c.txt", true],
	["/a=b/*.txt", "/a=b/c.txtx", false],
	["/{x}.txt", "/c.txt", true],
	["/v{x}.y/z", "/v1.y/z", true],
	["/v{x}.y/z", "/v1.y", false],
	["/{x}b/c", "/1b/c", true],
] as const) {
	test(`${template} ${matches ? "takes" : "does not take"} ${path}`, () => {
		const table = makeRoutes(named("t", matching(template)));
		assert.equal(routeOf(table, `GET ${path}?q`) === "t", matches);
	});
}

test("a rewrite puts what the template caught elsewhere and keeps the query", () => {
	const table = makeRoutes(forward(matching("/rw/{one}/{two=**}"), rewriting("/new/{two}/{one}")));
	const { entry, request, stream } = decide(table, "GET /rw/1/2/3?q=4");
	prepareRequest(entry!, request, stream, { insertOriginalPath: false });
	assert.equal(request.path, "/new/2/3/1?q=4");
});

test("templates that mean nothing are refused", () => {
	for (const template of [
		"a",
		"/*{x}",
		"/v{x}{y}",
		"/v{x=a/b}",
		"/**/v{x}",
		"//a",
		"/a//*",
		"/*.txt/b",
		"/a b",
		"/{x=a//b}",
		"/{x=a/}",
		"/{seventeenletters_}",
		"/**/*",
		"/**/{b}",
		"/{x=**/*}",
		"/{x}/{x}",
		"/{1}",
		"/{x=*.txt}",
		"/a{",
		"/{a}/{b}/{c}/{d}/{e}/{f}",
	]) {
		assert.equal(compileUriTemplate(template).ok, false, template);
	}
	assert.equal(compileUriRewrite("/{y}", ["x"]).ok, false);
	assert.equal(compileUriRewrite("no", []).ok, false);
	const problems = routeProblems({
		virtual_hosts: [{ name: "v", domains: ["*"], routes: [forward({ prefix: "/" }, rewriting("/x"))] }],
	});
	assert.equal(problems.length, 1);
});
