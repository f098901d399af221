import { quote } from "../../schema/scalars.ts";
import { isIpBlock, isServiceAccount } from "./value-match.ts";

const plainKeys: ReadonlySet<string> = new Set([
	"source.ip",
	"remote.ip",
	"source.namespace",
	"source.principal",
	"source.serviceAccount",
	"source.trustDomain",
	"request.auth.principal",
	"request.auth.audiences",
	"request.auth.presenter",
	"destination.ip",
	"destination.port",
	"connection.sni",
]);

const bracketed =
	/^(request\.headers\[[^[\]\r\n]+\]|request\.auth\.claims(\[[^[\]]+\])+|experimental\.envoy\.filters\.[^[\]]+\[[^[\]]+\])$/;

/** Whether a condition's key is an attribute that is evaluated. */
export function isConditionKey(key: string): boolean {
	return plainKeys.has(key) || bracketed.test(key);
}

/** Why a value cannot be one of an attribute. */
export function findConditionFault(key: string, value: string): string | undefined {
	switch (key) {
		case "source.ip":
		case "remote.ip":
		case "destination.ip":
			return isIpBlock(value) ? undefined : `${quote(value)} is no address and no CIDR block`;
		case "source.serviceAccount":
			return isServiceAccount(value)
				? undefined
				: `${quote(value)} is no service account, \`name\` or \`namespace/name\``;
		case "destination.port": {
			const port = /^\d{1,5}$/.test(value) ? Number(value) : 0;
			return port >= 1 && port <= 65_535 ? undefined : `${quote(value)} is not a port from 1 to 65535`;
		}
		default:
			return undefined;
	}
}
