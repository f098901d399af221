const prefix = "amime.rate_limit/";

/** What a limit is called in explanations, by the name of its filter: the policy that it comes from, or the filter. */
export function describeLimit(filter: string): string {
	if (!filter.startsWith(prefix)) return `rate limited by the filter ${filter}`;
	const [namespace, policy, limit] = filter.slice(prefix.length).split("/");
	return `rate limited by RateLimitPolicy ${namespace}/${policy}, limit ${limit}`;
}
