/** Checks of the examples about where workloads are, and about policies that are only tried. */
import assert from "node:assert/strict";
import { eventually } from "../support/eventually.ts";
import { sendRequest } from "../support/http-call.ts";
import { answers, type Check, patient } from "./example-answers.ts";

export const meshChecks: Readonly<Record<string, Check>> = {
	async locality(running, _, example) {
		const ask = async (service: string, path = "/") => await running.call(example, `http://${service}${path}`);
		await answers(running, example, "http://store/", /"east"/);
		for (let count = 0; count < 10; count++) assert.match((await ask("store")).body, /"east"/);
		assert.equal((await ask("store", "/status/503")).status, 503);
		await eventually(async () => assert.match((await ask("store")).body, /"west"/), patient);

		await answers(running, example, "http://archive/", /"archive"/);
		let east = 0;
		const all = 100;
		for (let count = 0; count < all; count++) if (/"east"/.test((await ask("archive")).body)) east++;
		assert.ok(east > all / 2 && east < all, String(east));
	},
	async "authorization-dry-run"(running, _, example) {
		await answers(running, example, "http://orders/", /"orders"/);
		await answers(running, example, "http://orders/admin/users", /"orders"/);
		await eventually(async () => {
			const port = running.adminPort(example, "orders");
			const { body } = await sendRequest({ port, path: "/stats?filter=shadow_denied" });
			assert.match(body, /istio_dry_run_deny_.*shadow_denied: [1-9]/);
		}, patient);
	},
	async "custom-metrics"(running, _, example) {
		await answers(running, example, "http://catalog/", /"catalog"/);
		// A stock Envoy has no filter for Istio's metrics.
		const who = await sendRequest({ port: running.adminPort(example, "web"), path: "/server_info" });
		if (!/"user_agent_name": ?"amime"/.test(who.body)) return;
		await eventually(async () => {
			const { body } = await sendRequest({ port: running.adminPort(example, "web"), path: "/stats/prometheus" });
			const [counted = ""] = /^istio_requests_total\{.*$/m.exec(body) ?? [];
			assert.match(counted, /request_method="GET"/);
			assert.match(counted, /request_host="catalog"/);
			assert.doesNotMatch(counted, /response_flags=/);
			assert.match(body, /^istio_response_bytes_count\{/m);
			assert.doesNotMatch(body, /^istio_request_bytes_count\{/m);
		}, patient);
	},
	async "external-name"(running, _, example) {
		await answers(running, example, "http://payments/", /"partner".*"host":"payments"/);
		assert.equal((await running.call(example, "http://payments/?ms=30000")).status, 504);
		await answers(running, example, "http://api.partner.example/", /"host":"api.partner.example"/);
	},
	async "trust-domain-migration"(running, _, example) {
		await answers(running, example, "http://orders/", /orders/);
		await eventually(async () => {
			assert.equal((await running.call(example, "http://orders/", { from: "intruder" })).status, 403);
		}, patient);
	},
};
