/** Session headers in which clients wrap what they like: nothing of it becomes another header, or another request. */
import { typed } from "../support/bootstraps.ts";
import { compareWithEnvoy } from "../support/differential.ts";
import { type FilterWorld, startFilterWorld } from "../support/filter-world.ts";

const session = {
	name: "session",
	typed_config: typed("filters.http.stateful_session.v3.StatefulSession", {
		session_state: {
			name: "envoy.http.stateful_session.envelope",
			typed_config: typed("http.stateful_session.envelope.v3.EnvelopeSessionState", { header: { name: "x-session" } }),
		},
	}),
};

const base64 = (text: string): string => Buffer.from(text, "latin1").toString("base64");

const wrapped: Readonly<Record<string, { readonly value: string; readonly status: number }>> = {
	"a word": { value: "abc", status: 200 },
	"a letter beyond ASCII": { value: "a\xffb", status: 200 },
	"a tab": { value: "a\tb", status: 200 },
	"another header": { value: "a\r\nx-evil: 1", status: 503 },
	"another header behind a bare line feed": { value: "a\nx-evil: 1", status: 503 },
	"a bare carriage return": { value: "a\rb", status: 503 },
	"another request": { value: "a\r\n\r\nGET /evil HTTP/1.1\r\nhost: evil\r\n\r\n", status: 503 },
	"a NUL": { value: "a\0b", status: 503 },
	"a control character": { value: "a\x01b", status: 503 },
	"a DEL": { value: "a\x7fb", status: 503 },
};

compareWithEnvoy("what clients wrap in a session's header", {
	start: (side) => startFilterWorld(side, { wrapped: { filters: [session] } }),
	cases: Object.fromEntries(
		Object.entries(wrapped).map(([what, { value, status }]) => [
			what,
			{
				want: { status },
				async see(world: FilterWorld) {
					const headers = { "x-session": `${base64("127.0.0.1:1")};UV:${base64(value)}` };
					const answer = await world.call("wrapped", { headers });
					return {
						status: answer.status,
						body: answer.echo === undefined && answer.body.toString(),
						echo: answer.echo,
					};
				},
			},
		]),
	),
});
