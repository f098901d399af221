import type { OneTimeSecrets } from "../../registry/index.ts";
import { type NodeAttestor, readText, refused } from "./node-attestor.ts";

/** Nodes show a token that an admin made for them; it is good once and for some time. */
export function createJoinTokenAttestor(secrets: OneTimeSecrets): NodeAttestor {
	return {
		name: "join_token",
		async attest(payload) {
			const value = await secrets.redeem("join-token", readText(payload, "token"));
			if (typeof value !== "object" || value === null || !("agentPath" in value))
				throw refused(
					"the join token is unknown, was used before or has expired: make another with 'amime identity token'",
				);
			return { agentPath: String(value.agentPath), selectors: [] };
		},
	};
}
