/** Parameters of `POST /v1/rollouts`, and what they mean. */
export const rolloutParameters = {
	steps: "Shares of the touched proxies in percent, rising, such as 10,50,100; 10 by default",
	watch: "Seconds for which each step is watched; 60 by default",
	maxErrorRate: "Percent of failed requests up to which nothing is taken back; 1 by default",
	maxLatencyIncrease: "Percent by which the slowest tenth of the requests may be slower; 50 by default",
	minRequests: "With fewer requests in a step nothing is concluded; 20 by default",
	maxWait: "Seconds that a step waits for them beyond `watch`; 300 by default",
	withoutTraffic: "What becomes of a step without them: hold (default), complete or take-back",
	errors: "What counts as failed: all (4xx and 5xx, default) or 5xx",
} as const;
