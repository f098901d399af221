import type { MeshError } from "../../core/index.ts";
import { joinTokenPurpose, type OneTimeSecrets } from "../../registry/index.ts";
import { type NodeAttestor, readText, refused } from "./node-attestor.ts";

/** Nodes show a token that an admin made for them; it is good once and for some time. The node whose answer was lost shows it again. */
export function createJoinTokenAttestor(secrets: OneTimeSecrets): NodeAttestor {
	return {
		name: "join_token",
		async attest(payload, key) {
			const token = readText(payload, "token");
			const value = await secrets.look(joinTokenPurpose, token, key);
			if (typeof value !== "object" || value === null || !("agentPath" in value)) throw tokenUnknown();
			return {
				agentPath: String(value.agentPath),
				selectors: [],
				joinToken: secrets.nameOf(token),
				async use() {
					if ((await secrets.redeem(joinTokenPurpose, token, key)) === undefined) throw tokenUnknown();
				},
			};
		},
	};
}

/** One sentence for all of them, so that nobody learns which tokens there were. */
export function tokenUnknown(): MeshError {
	return refused("the join token is unknown, was used before or has expired: make another with 'amime identity token'");
}
