import type { TelemetryMode } from "../../../model/index.ts";
import { list } from "../../schema/collections.ts";
import { defaulted, object, optional, required } from "../../schema/object.ts";
import { oneOf, quote, string } from "../../schema/scalars.ts";
import { refine } from "../../schema/schema.ts";

/** Which side it is for. */
export const mode = defaulted(
	oneOf(["CLIENT_AND_SERVER", "CLIENT", "SERVER"]),
	"CLIENT_AND_SERVER",
	"What the workload calls (`CLIENT`), what calls it (`SERVER`), or both",
	"CLIENT_AND_SERVER",
);

/** The side of what names none. */
export const both: TelemetryMode = "CLIENT_AND_SERVER";

/** The access log is that of the proxy; others take objects of their own. */
export const providers = optional(
	list(
		refine(object({ name: required(string({ maxLength: 253 }), "Name of the provider") }), (value, _node, reader) => {
			if (value.name !== "envoy" && value.name !== "amime" && value.name !== "prometheus")
				reader.field("name").warn(`no provider ${quote(value.name)}: there are envoy (the proxy's log) and prometheus`);
			return value;
		}),
		{ max: 16 },
	),
	"Who gets it; `envoy` is the log of the proxy, `prometheus` its metrics",
);
