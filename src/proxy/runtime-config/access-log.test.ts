import assert from "node:assert/strict";
import { test } from "node:test";
import { managerOf, translated, typed } from "../../../test/support/bootstraps.ts";
import { makeStream } from "../../../test/support/streams.ts";

const log = {
	name: "stdout",
	typed_config: typed("access_loggers.stream.v3.StdoutAccessLog", {
		log_format: { text_format_source: { inline_string: "/a?access_token=secret&b=1 %PROTOCOL%" } },
	}),
};

function format(variables: Readonly<Record<string, string>>): string {
	const environment = { hostname: "h", environment: (name: string) => variables[name] };
	const [found] = managerOf(translated({ manager: { access_log: [log] } }, { environment })).accessLogs;
	return found!.formatter.format(makeStream());
}

test("tokens in queries are masked where the environment says so, and logged as by Envoy where it does not", () => {
	assert.match(format({ AMIME_MASK_ACCESS_TOKENS: "1" }), /^\/a\?access_token=\[redacted\]&b=1 HTTP/);
	assert.match(format({}), /^\/a\?access_token=secret&b=1 HTTP/);
});
