import { createHash, timingSafeEqual } from "node:crypto";
import type { BasicAuthConfig, BasicAuthUsers } from "../../../runtime-config/index.ts";
import { createBasicAuthStats } from "../../../stats/index.ts";
import type { FilterStream, HttpFilter } from "../filter.ts";
import type { FilterParts } from "../filter-parts.ts";
import { describeUri } from "../original-uri.ts";
import { routeConfigOf } from "../route-configs.ts";

/** Lets users in who show their password (RFC 7617). Spec: `envoy.extensions.filters.http.basic_auth.v3`. */
export function createBasicAuthFilter(
	{ name, disabled, index, scope }: FilterParts,
	config: BasicAuthConfig,
): HttpFilter {
	const stats = createBasicAuthStats(scope.scope("basic_auth"));
	return {
		name,
		disabled,
		index,
		onRequestHead(stream) {
			const users = routeConfigOf(stream, name, "basic-auth")?.users ?? config.users;
			const found = judge(stream.request.get(config.header), users);
			if (!found.isGood) {
				stats.denied.value++;
				refuse(stream, found);
				return "stop";
			}
			stats.allowed.value++;
			if (config.forwardHeader !== "") stream.request.set(config.forwardHeader, found.user);
			return "continue";
		},
	};
}

type Verdict =
	| { readonly isGood: true; readonly user: string }
	| { readonly isGood: false; readonly problem: string; readonly details: string };

const missing = bad("Missing username and password.", "no_credential");
const otherScheme = bad("Expected 'Basic' authentication scheme.", "invalid_scheme");
const malformed = bad("Invalid basic credential format.", "invalid_format");
const wrong = bad("Invalid username/password combination.", "invalid_credential");

function bad(problem: string, reason: string): Verdict & { isGood: false } {
	return {
		isGood: false,
		problem: `User authentication failed. ${problem}`,
		details: `${reason}_for_basic_auth`,
	};
}

function judge(header: string | undefined, users: BasicAuthUsers): Verdict {
	if (header === undefined) return missing;
	if (!header.startsWith("Basic ")) return otherScheme;
	const credentials = decode(header.slice("Basic ".length));
	const colon = credentials?.indexOf(":") ?? -1;
	if (credentials === undefined || colon < 0) return malformed;
	const user = credentials.slice(0, colon);
	const known = users.get(user);
	const shown = createHash("sha1")
		.update(credentials.slice(colon + 1), "latin1")
		.digest();
	// An unknown user takes as long as a wrong password.
	const isSame = timingSafeEqual(shown, known ?? shown);
	return known !== undefined && isSame ? { isGood: true, user } : wrong;
}

/** Base64 with or without its padding, one character a byte; undefined when it is none. */
function decode(text: string): string | undefined {
	const bare = text.replace(/={1,2}$/, "");
	if (!/^[A-Za-z0-9+/]*$/.test(bare) || bare.length % 4 === 1) return undefined;
	return Buffer.from(bare, "base64").toString("latin1");
}

function refuse(stream: FilterStream, { problem, details }: Verdict & { isGood: false }): void {
	stream.sendLocalReply({
		status: 401,
		body: problem,
		details,
		flags: 0,
		headers: ["www-authenticate", `Basic realm="${describeUri(stream)}"`],
	});
}
