import assert from "node:assert/strict";
import { test } from "node:test";
import { createFakeClock } from "../../../test/support/fake-clock.ts";
import { silentLog } from "../../core/index.ts";
import { createOnDemandClusters, maxDiscoveredNames } from "./cluster-discovery.ts";

const source = { kind: "ads", initialFetchTimeoutMs: 15_000 } as const;

function start(ask: (name: string) => void = () => undefined) {
	const clock = createFakeClock();
	const said: string[] = [];
	const sources = {
		ask(_type: string, name: string) {
			ask(name);
			said.push(`ask ${name}`);
		},
		forget: (_type: string, name: string) => void said.push(`forget ${name}`),
	};
	const discovery = createOnDemandClusters({ sources, clock, log: silentLog });
	const discover = (name: string, timeoutMs = 1_000): (() => void) =>
		discovery.discover({ name, source, timeoutMs }, (outcome) => said.push(`${name} ${outcome}`));
	return { clock, discovery, discover, said };
}

test("who waits for one cluster asks once, and each has its own patience", () => {
	const { clock, discovery, discover, said } = start();
	discover("a", 100);
	discover("a", 300);
	clock.advance(200);
	discovery.settled("a", "available");
	assert.deepEqual(said, ["ask a", "a timeout", "a available"]);
});

test("a cluster that is gone is asked for anew, one that nobody has asked for concerns nobody", () => {
	const { discovery, discover, said } = start();
	discover("a");
	discovery.settled("b", "missing");
	discovery.settled("a", "missing");
	discover("a");
	assert.deepEqual(said, ["ask a", "forget a", "a missing", "ask a"]);
});

test("who has gone is told nothing", () => {
	const { clock, discovery, discover, said } = start();
	discover("a")();
	clock.advance(5_000);
	discovery.settled("a", "available");
	assert.deepEqual(said, ["ask a"]);
});

test("a source that cannot be asked has no clusters", () => {
	const { clock, discover, said } = start(() => {
		throw new Error("not delta");
	});
	discover("a");
	clock.advance(0);
	assert.deepEqual(said, ["a missing"]);
});

test("names that requests choose are bounded", () => {
	const { clock, discover, said } = start();
	for (let index = 0; index <= maxDiscoveredNames; index++) discover(`c${index}`, 60_000);
	clock.advance(0);
	assert.deepEqual(said.slice(maxDiscoveredNames), [`c${maxDiscoveredNames} missing`]);
});
