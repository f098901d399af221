import type { AuthorizationBody } from "../../../runtime-config/index.ts";
import type { FilterStream } from "../filter.ts";
import type { HeaderChange } from "../request-fields.ts";

/** What a service says of a request. */
export type AuthorizationVerdict =
	| {
			readonly kind: "ok";
			readonly requestChanges: readonly HeaderChange[];
			readonly requestRemovals: readonly string[];
			readonly responseChanges: readonly HeaderChange[];
			readonly queryToSet: readonly { readonly name: string; readonly value: string }[];
			readonly queryToRemove: readonly string[];
			readonly metadata: Readonly<Record<string, unknown>>;
			/** Whether the service asked for a way to add a field that there is none of. */
			readonly hasUnknownActions: boolean;
	  }
	| {
			readonly kind: "denied";
			readonly status: number;
			/** A character a byte. */
			readonly body: string;
			readonly responseChanges: readonly HeaderChange[];
			readonly metadata: Readonly<Record<string, unknown>>;
	  }
	/** The service could not be asked, or gave no answer to go by. */
	| {
			readonly kind: "error";
			readonly metadata: Readonly<Record<string, unknown>>;
			/** What clients are to be told; status 0 for the configured one. */
			readonly reply?: { readonly status: number; readonly body: string; readonly headers: readonly HeaderChange[] };
	  };

/** What is asked. */
export interface AuthorizationQuestion {
	readonly stream: FilterStream;
	/** Undefined: bodies are not sent. */
	readonly body:
		| { readonly bytes: Buffer; readonly isPartial: boolean; readonly settings: AuthorizationBody }
		| undefined;
	readonly contextExtensions: Readonly<Record<string, string>>;
}

/** Somebody who decides about requests. `done` is called once, never before `check` has returned. */
export interface Authorizer {
	check(
		question: AuthorizationQuestion,
		done: (verdict: AuthorizationVerdict) => void,
	): {
		/** Takes the question back: `done` is not called any more. */
		cancel(): void;
	};
}

/** Header that tells the service whether it sees the whole body. */
export const partialBodyHeader = "x-envoy-auth-partial-body";
