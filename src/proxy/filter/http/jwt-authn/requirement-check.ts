import { assertNever } from "../../../../core/index.ts";
import type { JwtStatus } from "../../../../engine/jwt/index.ts";
import type { JwtRequirement } from "../../../runtime-config/index.ts";
import { authenticate, type Verification } from "./authenticator.ts";
import type { ProviderState } from "./provider-state.ts";
import { TokenExtractor } from "./token-extractor.ts";

/** Whether a request meets a requirement; `done` may be called before the call returned. */
export type RequirementCheck = (verification: Verification, done: (status: JwtStatus) => void) => void;

/** Prepares a requirement. */
export function createRequirementCheck(
	requirement: JwtRequirement,
	providers: readonly ProviderState[],
): RequirementCheck {
	switch (requirement.kind) {
		case "nothing":
			return (_verification, done) => done("OK");
		case "provider": {
			const provider = providers.find(({ config }) => config.name === requirement.provider)!;
			const expectation = {
				provider,
				audiences: requirement.audiences,
				allowsMissing: false,
				allowsFailed: false,
				marksFailed: false,
			};
			return (verification, done) =>
				authenticate(verification, expectation, provider.extractor.extract(verification.request), done);
		}
		case "allow-missing":
			return checkAnyProvider(providers, "missing");
		case "allow-missing-or-failed":
			return checkAnyProvider(providers, "failed");
		case "extract-only":
			return checkAnyProvider(providers, "marked");
		case "any":
			return checkAny(requirement.requirements, providers);
		case "all":
			return checkAll(requirement.requirements.map((one) => createRequirementCheck(one, providers)));
		default:
			return assertNever(requirement);
	}
}

function checkAnyProvider(
	providers: readonly ProviderState[],
	allowed: "missing" | "failed" | "marked",
): RequirementCheck {
	const extractor = new TokenExtractor(providers.map(({ config }) => config));
	const expectation = {
		provider: undefined,
		audiences: undefined,
		allowsMissing: true,
		allowsFailed: allowed !== "missing",
		marksFailed: allowed === "marked",
	};
	return (verification, done) => authenticate(verification, expectation, extractor.extract(verification.request), done);
}

function checkAny(requirements: readonly JwtRequirement[], providers: readonly ProviderState[]): RequirementCheck {
	const allowsFailed = requirements.some(({ kind }) => kind === "allow-missing-or-failed");
	const allowsMissing = requirements.some(({ kind }) => kind === "allow-missing");
	const regular = requirements.filter(({ kind }) => kind !== "allow-missing-or-failed" && kind !== "allow-missing");
	if (regular.length === 0 && (allowsFailed || allowsMissing))
		return checkAnyProvider(providers, allowsFailed ? "failed" : "missing");
	const checks = regular.map((one) => createRequirementCheck(one, providers));
	return (verification, done) => {
		const statuses: JwtStatus[] = [];
		let left = checks.length;
		let isOver = false;
		const onDone = (index: number, status: JwtStatus): void => {
			statuses[index] = status;
			if (isOver || (--left > 0 && status !== "OK")) return;
			isOver = true;
			done(status === "OK" ? "OK" : conclude(statuses, allowsMissing, allowsFailed));
		};
		for (const [index, check] of checks.entries()) {
			if (!isOver) check(verification, (status) => onDone(index, status));
		}
	};
}

/** What is said when no requirement is met: a failure says more than an unknown issuer, and that more than a missing token. */
function conclude(statuses: readonly JwtStatus[], allowsMissing: boolean, allowsFailed: boolean): JwtStatus {
	let final: JwtStatus = "Jwt is missing";
	for (const status of statuses) {
		const isFailure = status !== "Jwt is missing" && status !== "Jwt issuer is not configured";
		if (isFailure || final === "Jwt is missing") final = status;
	}
	return allowsFailed || (allowsMissing && final === "Jwt is missing") ? "OK" : final;
}

function checkAll(checks: readonly RequirementCheck[]): RequirementCheck {
	return (verification, done) => {
		let left = checks.length;
		let isOver = false;
		const onDone = (status: JwtStatus): void => {
			if (isOver || (--left > 0 && status === "OK")) return;
			isOver = true;
			done(status);
		};
		for (const check of checks) if (!isOver) check(verification, onDone);
	};
}
