import assert from "node:assert/strict";
import { test } from "node:test";
import { createOutlierConfig } from "../../../test/support/cluster-config.ts";
import { createSeededRandom, type Random } from "../../core/index.ts";
import {
	computeSuccessRateThreshold,
	type OutlierDetectionConfig,
	OutlierDetector,
	type OutlierHost,
} from "./index.ts";

interface TestHost {
	readonly name: string;
	outlier: OutlierHost | undefined;
}

function create(options: Partial<OutlierDetectionConfig>, count: number, random: Random = createSeededRandom(1)) {
	const events: string[] = [];
	const detector = new OutlierDetector<TestHost>(createOutlierConfig(options), random, {
		onDetected: (host, cause) => events.push(`detected ${host.name} ${cause}`),
		onEjected: (host, cause) => events.push(`ejected ${host.name} ${cause}`),
		onUnejected: (host) => events.push(`unejected ${host.name}`),
		onOverflow: (host) => events.push(`overflow ${host.name}`),
		onSpared: (host, cause) => events.push(`spared ${host.name} ${cause}`),
	});
	const hosts = Array.from({ length: count }, (_, index): TestHost => ({ name: `h${index}`, outlier: undefined }));
	for (const host of hosts) detector.addHost(host);
	const respond = (host: TestHost, status: number, times = 1, now = 0): void => {
		for (let time = 0; time < times; time++) detector.reportResponse(host, status, now);
	};
	const take = (): string[] => events.splice(0);
	return { detector, hosts, respond, take };
}

test("five answers of 5xx in a row eject, an answer below 500 begins anew", () => {
	const { hosts, respond, take } = create({}, 2);
	respond(hosts[0]!, 500, 4);
	respond(hosts[0]!, 404);
	respond(hosts[0]!, 500, 4);
	assert.deepEqual(take(), []);
	respond(hosts[0]!, 599);
	assert.deepEqual(take(), ["detected h0 consecutive_5xx", "ejected h0 consecutive_5xx"]);
	assert.equal(hosts[0]!.outlier!.isEjected, true);
	// Nothing more is found while it is out.
	respond(hosts[0]!, 500, 20);
	assert.deepEqual(take(), []);
});

test("gateway failures are 502, 503 and 504, and are enforced on their own", () => {
	const { hosts, respond, take } = create(
		{ consecutiveGatewayFailure: 3, enforcingConsecutiveGatewayFailure: 100, enforcingConsecutive5xx: 0 },
		2,
	);
	respond(hosts[0]!, 502, 2);
	respond(hosts[0]!, 500);
	respond(hosts[0]!, 503);
	respond(hosts[0]!, 504);
	assert.deepEqual(take(), ["detected h0 consecutive_5xx", "spared h0 consecutive_5xx"]);
	respond(hosts[0]!, 502);
	assert.deepEqual(take(), ["detected h0 consecutive_gateway_failure", "ejected h0 consecutive_gateway_failure"]);
});

test("an enforcing percentage spares the others, at random", () => {
	const { hosts, respond, detector } = create({ enforcingConsecutive5xx: 30, consecutive5xx: 1 }, 1000);
	for (const host of hosts) respond(host, 500);
	assert.ok(Math.abs(detector.ejected - 300) < 50, `${detector.ejected}`);
});

test("local failures count as 503 and 504 unless they are split", () => {
	const together = create({ consecutive5xx: 3 }, 2);
	together.detector.reportLocal(together.hosts[0]!, "failure", 0);
	together.detector.reportLocal(together.hosts[0]!, "timeout", 0);
	together.detector.reportLocal(together.hosts[0]!, "connected", 0);
	together.respond(together.hosts[0]!, 500);
	assert.deepEqual(together.take(), ["detected h0 consecutive_5xx", "ejected h0 consecutive_5xx"]);

	const split = create({ splitExternalLocalOriginErrors: true, consecutiveLocalOriginFailure: 3 }, 2);
	const host = split.hosts[0]!;
	split.respond(host, 500, 4);
	for (let time = 0; time < 2; time++) split.detector.reportLocal(host, "failure", 0);
	split.detector.reportLocal(host, "connected", 0);
	for (let time = 0; time < 2; time++) split.detector.reportLocal(host, "timeout", 0);
	assert.deepEqual(split.take(), []);
	split.detector.reportLocal(host, "timeout", 0);
	assert.deepEqual(split.take(), [
		"detected h0 consecutive_local_origin_failure",
		"ejected h0 consecutive_local_origin_failure",
	]);
});

test("no more hosts are ejected than the percentage allows", () => {
	const table: [Partial<OutlierDetectionConfig>, hosts: number, ejected: number][] = [
		[{ maxEjectionPercent: 10 }, 5, 0],
		[{ maxEjectionPercent: 10, alwaysEjectOneHost: true }, 5, 1],
		[{ maxEjectionPercent: 20 }, 5, 1],
		[{ maxEjectionPercent: 50 }, 5, 2],
		[{ maxEjectionPercent: 100 }, 5, 5],
		[{ maxEjectionPercent: 0 }, 5, 0],
		[{ maxEjectionPercent: 0, alwaysEjectOneHost: true }, 1, 1],
	];
	for (const [options, count, expected] of table) {
		const { detector, hosts, respond, take } = create(options, count);
		for (const host of hosts) respond(host, 500, 5);
		assert.equal(detector.ejected, expected, JSON.stringify(options));
		const overflows = take().filter((event) => event.startsWith("overflow")).length;
		assert.equal(overflows, count - expected, JSON.stringify(options));
	}
});

test("a host stays out for the base time times its ejections, up to the maximum, and less when it behaved", () => {
	const { detector, hosts, respond, take } = create({ maxEjectionTimeMs: 70_000 }, 2);
	const host = hosts[0]!;
	let now = 0;
	const outFor = (): number => {
		respond(host, 500, 5, now);
		const ejectedAt = now;
		while (host.outlier!.isEjected) {
			now += 10_000;
			detector.endInterval(now);
		}
		return now - ejectedAt;
	};
	assert.equal(outFor(), 30_000);
	assert.equal(outFor(), 60_000);
	assert.equal(outFor(), 70_000);
	// The factor stops growing where the maximum is reached.
	assert.equal(outFor(), 70_000);
	// Each interval of good behaviour takes one step back.
	for (let interval = 0; interval < 3; interval++) {
		now += 10_000;
		detector.endInterval(now);
	}
	assert.equal(outFor(), 60_000);
	assert.equal(take().filter((event) => event === "unejected h0").length, 5);
});

test("jitter lengthens the time, differently for each host", () => {
	const { detector, hosts, respond } = create({ maxEjectionTimeJitterMs: 10_000 }, 20);
	for (const host of hosts) respond(host, 500, 5);
	detector.endInterval(29_999);
	assert.equal(detector.ejected, 20);
	detector.endInterval(35_000);
	assert.ok(detector.ejected > 3 && detector.ejected < 17, `${detector.ejected}`);
	detector.endInterval(40_000);
	assert.equal(detector.ejected, 0);
});

test("a passed health check takes a host back, with its counts at zero", () => {
	const { detector, hosts, respond, take } = create({}, 2);
	respond(hosts[0]!, 500, 4);
	respond(hosts[0]!, 500);
	detector.uneject(hosts[0]!, 5);
	assert.equal(hosts[0]!.outlier!.isEjected, false);
	take();
	respond(hosts[0]!, 500, 4);
	assert.deepEqual(take(), []);
	detector.uneject(hosts[0]!, 6);
	assert.deepEqual(take(), []);
});

test("the success rate threshold is the mean less a multiple of the deviation", () => {
	// Envoy's example.
	assert.deepEqual(computeSuccessRateThreshold([50, 100, 100, 100, 100], 1.9), { average: 90, threshold: 52 });
});

test("a success rate far below the others ejects at the end of the interval", () => {
	const { detector, hosts, respond, take } = create({ enforcingConsecutive5xx: 0, consecutive5xx: 1000 }, 5);
	for (const host of hosts) respond(host, 200, 200);
	for (let index = 0; index < 100; index++) {
		respond(hosts[4]!, 503);
		respond(hosts[4]!, 200);
	}
	assert.deepEqual(take(), []);
	detector.endInterval(10_000);
	assert.deepEqual(take(), ["detected h4 success_rate", "ejected h4 success_rate"]);
	assert.equal(detector.external.average, 95);
	assert.ok(Math.abs(detector.external.threshold - (95 - 1.9 * 10)) < 1e-9);
	assert.equal(hosts[4]!.outlier!.external.rate, 75);
	// Nothing was answered in the next interval.
	detector.endInterval(20_000);
	assert.deepEqual([detector.external.average, detector.external.threshold], [-1, -1]);
	assert.equal(hosts[4]!.outlier!.external.rate, -1);
});

test("rates need enough hosts with enough answers", () => {
	const table: [hosts: number, requests: number, Partial<OutlierDetectionConfig>, string[]][] = [
		[4, 200, {}, []],
		[5, 99, {}, []],
		[5, 100, {}, ["success_rate"]],
		[5, 99, { successRateRequestVolume: 99 }, ["success_rate"]],
		[3, 100, { successRateMinimumHosts: 3, successRateStdevFactor: 1000 }, ["success_rate"]],
	];
	for (const [count, requests, options, expected] of table) {
		const { detector, hosts, respond, take } = create(
			{ consecutive5xx: 1000, consecutiveGatewayFailure: 1000, failurePercentageThreshold: 101, ...options },
			count,
		);
		for (const host of hosts.slice(1)) respond(host, 200, requests);
		respond(hosts[0]!, 500, requests);
		detector.endInterval(10_000);
		const causes = take().flatMap((event) => (event.startsWith("ejected h0 ") ? [event.slice(11)] : []));
		assert.deepEqual(causes, expected, `${count} hosts, ${requests} requests`);
	}
});

test("a failure percentage at the threshold is found, and ejects when enforced", () => {
	for (const [failures, enforced] of [
		[84, false],
		[85, true],
	] as const) {
		const { detector, hosts, respond, take } = create(
			{
				consecutive5xx: 1000,
				consecutiveGatewayFailure: 1000,
				enforcingSuccessRate: 0,
				enforcingFailurePercentage: 100,
			},
			5,
		);
		for (const host of hosts.slice(1)) respond(host, 200, 60);
		respond(hosts[0]!, 500, failures);
		respond(hosts[0]!, 200, 100 - failures);
		detector.endInterval(10_000);
		assert.equal(take().includes("ejected h0 failure_percentage"), enforced, `${failures} %`);
	}
});

test("rates of local results are kept apart", () => {
	const { detector, hosts, respond, take } = create(
		{
			splitExternalLocalOriginErrors: true,
			consecutiveLocalOriginFailure: 1000,
			enforcingFailurePercentageLocalOrigin: 100,
		},
		5,
	);
	for (const host of hosts) {
		respond(host, 200, 100);
		for (let time = 0; time < 100; time++) detector.reportLocal(host, host === hosts[2] ? "failure" : "connected", 0);
	}
	detector.endInterval(10_000);
	assert.deepEqual(take(), [
		"detected h2 local_origin_success_rate",
		"ejected h2 local_origin_success_rate",
		"detected h2 local_origin_failure_percentage",
	]);
	assert.equal(detector.local.average, 80);
	assert.equal(detector.external.average, 100);
});

test("a host that left frees its place among the ejected", () => {
	const { detector, hosts, respond } = create({ maxEjectionPercent: 50 }, 2);
	respond(hosts[0]!, 500, 5);
	assert.equal(detector.ejected, 1);
	detector.removeHost(hosts[0]!);
	assert.equal(detector.ejected, 0);
	// Late answers of a host that is gone change nothing.
	respond(hosts[0]!, 500, 5);
	detector.endInterval(100_000);
	assert.equal(detector.ejected, 0);
});
