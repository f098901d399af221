import { objectsOf, type ReportFinding, type World } from "./world.ts";

/** Rules of VirtualServices that do nothing, or less than they seem to. */
export function checkVirtualServices(world: World, report: ReportFinding): void {
	for (const { value, ...object } of objectsOf(world, "VirtualService")) {
		for (const { backends, path, retry, fault } of value.http) {
			if (backends.length > 0 && backends.every(({ weight }) => weight === 0))
				report("WEIGHTS_ZERO", object, `${path}.route`, "every weight is 0: requests go nowhere");
			if (retry?.on === "default" && retry.attempts > 0)
				report("RETRIES_SKIP_503", object, `${path}.retries`, "has no retryOn: answers of 503 are not tried again");
			if (fault?.delay?.percent === 0)
				report(
					"FAULT_OFF",
					object,
					`${path}.fault.delay`,
					"has no percentage, so no request is delayed: add percentage",
				);
			if (fault?.abort?.percent === 0)
				report(
					"FAULT_OFF",
					object,
					`${path}.fault.abort`,
					"has no percentage, so no request is aborted: add percentage",
				);
		}
		for (const { backends, path } of [...value.tls, ...value.tcp])
			if (backends.every(({ weight }) => weight === 0))
				report("WEIGHTS_ZERO", object, `${path}.route`, "every weight is 0: connections go nowhere");
	}
}
