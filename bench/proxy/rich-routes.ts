type Json = Record<string, unknown>;

/** Where the last of the rich routes begins, and what a request needs to get there past the header matchers. */
export const richPath = "/service-99/item";
export const richHeaders: Readonly<Record<string, string>> = { "x-tenant": "t7", "user-agent": "bench/1.0" };

const retries = {
	retry_policy: { retry_on: "connect-failure,refused-stream,reset,503", num_retries: 2, per_try_timeout: "5s" },
};

/** A virtual host with a hundred routes in front of `host`'s: ten with header matchers on the path that the load asks for, the others
 *  by prefix, the right one last; retries on each, and a virtual cluster. */
export function addRichRoutes(host: Json): Json {
	const route = (match: Json, index: number): Json => ({
		name: `route-${index}`,
		match,
		route: { cluster: "backend", timeout: "30s", ...retries },
	});
	const byHeader = Array.from({ length: 10 }, (_, index) =>
		route(
			{
				prefix: "/service-99/",
				headers: [
					{ name: "x-tenant", string_match: { exact: `t${index + 20}` } },
					{ name: "user-agent", string_match: { safe_regex: { regex: "mobile/.*" } } },
				],
			},
			index,
		),
	);
	const byPrefix = Array.from({ length: 90 }, (_, index) => route({ prefix: `/service-${index + 10}/` }, index + 10));
	return {
		...host,
		routes: [...byHeader, ...byPrefix, ...(host["routes"] as Json[])],
		virtual_clusters: [
			{ name: "items", headers: [{ name: ":path", string_match: { safe_regex: { regex: "/service-[0-9]+/item" } } }] },
		],
	};
}
