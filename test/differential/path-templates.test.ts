/** Templates of paths with texts and variables in one segment, and server names in formats. */
import { typed } from "../support/bootstraps.ts";
import { compareWithEnvoy } from "../support/differential.ts";
import { startFilterWorld } from "../support/filter-world.ts";

const templates = [
	"/x{a}y/z",
	"/{a}b/c",
	"/r{a=**}",
	"/s{a}/t{b}",
	"/u{a=**}v/w",
	"/m{a=n}o/p",
	"/q{a}*",
	"/e{a=*}f/*",
];
const rewrites: Readonly<Record<string, string>> = { "/s{a}/t{b}": "/new/{b}-{a}", "/u{a=**}v/w": "/n{a}" };
const routes = templates.map((path_template, index) => ({
	match: {
		path_match_policy: {
			name: "envoy.path.match.uri_template.uri_template_matcher",
			typed_config: typed("path.match.uri_template.v3.UriTemplateMatchConfig", { path_template }),
		},
	},
	route: {
		cluster: "up",
		...(rewrites[path_template] !== undefined && {
			path_rewrite_policy: {
				name: "envoy.path.rewrite.uri_template.uri_template_rewriter",
				typed_config: typed("path.rewrite.uri_template.v3.UriTemplateRewriteConfig", {
					path_template_rewrite: rewrites[path_template],
				}),
			},
		}),
	},
	response_headers_to_add: [{ header: { key: "x-template", value: `${index}` } }],
}));
const rewritten = {
	match: { prefix: "/host" },
	route: { cluster: "up", host_rewrite_literal: "other" },
	response_headers_to_add: ["SNI_ONLY", "SNI_FIRST", "HOST_FIRST", "HOST_FIRST:ORIG", "SNI_FIRST:HOST", ""].map(
		(form, index) => ({ header: { key: `x-name-${index}`, value: `%REQUESTED_SERVER_NAME(${form})%` } }),
	),
};

const paths = [
	...["/x1y/z", "/xy/z", "/x1/z", "/x1yy/z", "/1b/c", "/b/c", "/1b/d", "/r", "/r1/2/3", "/s1/t2", "/s1/t", "/s/t2"],
	...["/u1/2v/w", "/uv/w", "/u1v/x", "/mno/p", "/mo/p", "/e1f/2", "/e1f/2/3", "/ef/2", "/x1/2y/z"],
];

compareWithEnvoy("texts and variables in one segment", {
	start: (side) => startFilterWorld(side, { l: { filters: [], routes: [...routes, rewritten] } }),
	cases: {
		"which template takes a path, and what it becomes": {
			want: { "/x1y/z": "0 /x1y/z", "/s1/t2": "3 /new/2-1" },
			async see(world) {
				const seen: Record<string, string> = {};
				for (const path of paths) {
					const { headers, echo } = await world.call("l", { path });
					seen[path] = `${headers["x-template"]} ${echo?.path}`;
				}
				return seen;
			},
		},
		"server names and hosts": {
			want: { "x-name-2": "h.test" },
			see: async (world) => (await world.call("l", { path: "/host" })).headers,
		},
	},
});
