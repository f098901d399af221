import type { AuthorityStep } from "./authority-state.ts";

/** What the log says of a step. */
export const sentenceOf: Readonly<Record<AuthorityStep["kind"], string>> = {
	"prepare-root": "root prepared",
	"prepare-issuer": "issuer prepared",
	"prepare-jwt-key": "jwt key prepared",
	"activate-issuer": "issuer in use",
	"activate-jwt-key": "jwt key in use",
	"drop-root": "root dropped",
	"drop-issuer": "issuer dropped",
	"drop-jwt-key": "jwt key dropped",
};
