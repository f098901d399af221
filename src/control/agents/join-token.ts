import type { MeshError } from "../../core/index.ts";
import type { OneTimeSecrets } from "../../registry/index.ts";
import { type NodeAttestor, readText, refused } from "./node-attestor.ts";

const purpose = "join-token";

/** Nodes show a token that an admin made for them; it is good once and for some time. */
export function createJoinTokenAttestor(secrets: OneTimeSecrets): NodeAttestor {
	return {
		name: "join_token",
		async attest(payload) {
			const token = readText(payload, "token");
			const value = await secrets.look(purpose, token);
			if (typeof value !== "object" || value === null || !("agentPath" in value)) throw unknown();
			return {
				agentPath: String(value.agentPath),
				selectors: [],
				async use() {
					if ((await secrets.redeem(purpose, token)) === undefined) throw unknown();
				},
			};
		},
	};
}

function unknown(): MeshError {
	return refused("the join token is unknown, was used before or has expired: make another with 'amime identity token'");
}
