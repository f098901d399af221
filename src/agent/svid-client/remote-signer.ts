import { request as openRequest } from "node:http";
import { request as openTlsRequest } from "node:https";
import { AnswerTooLong, type Clock, exchangeHttp, MeshError, systemClock, type WorkGate } from "../../core/index.ts";
import type { SignedSvid, SvidSigner } from "../../identity/index.ts";

/** Options of a signer. */
export interface RemoteSignerOptions {
	/** Where the control plane's admin API is, such as `http://127.0.0.1:15014`. */
	readonly adminUrl: string;
	/** The bearer token of the admin API. */
	readonly token: string;
	readonly namespace: string;
	readonly serviceAccount: string;
	/** Who will hold the certificate, `<namespace>/<instance>`, when that is somebody who reports what its proxy has acknowledged. */
	readonly holder?: string;
	/** Shared by the workloads of a machine, so that they do not all ask at once; none by default. */
	readonly gate?: WorkGate;
	/** Bound on one exchange; 5,000 by default. */
	readonly timeoutMs?: number;
	/** The machine's clock by default. */
	readonly clock?: Clock;
}

const defaultTimeoutMs = 5_000;
const maxAnswerBytes = 262_144;
const maxQuotedLetters = 300;

/** A signer that asks `POST /v1/identity/sign`. It rejects with MeshError `SIGNING_UNREACHABLE`, `SIGNING_REFUSED` or
 *  `SIGNING_ANSWER_INVALID`; whether to try again is the source's business. */
export function createRemoteSigner(options: RemoteSignerOptions): SvidSigner {
	const { namespace, serviceAccount, token } = options;
	const timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
	const clock = options.clock ?? systemClock;
	const url = new URL("/v1/identity/sign", options.adminUrl);
	const subject = `certificate for service account ${namespace}/${serviceAccount}`;
	const gate = options.gate;
	const ask: SvidSigner = async (csr, signal) => {
		const late = new AbortController();
		const timer = clock.setTimer(timeoutMs, () => late.abort(new Error(`no answer in ${timeoutMs} ms`)), {
			unref: true,
		});
		let status: number;
		let text: string;
		try {
			// Not by fetch, which refuses some ports and follows a proxy of the environment.
			const open = url.protocol === "https:" ? openTlsRequest : openRequest;
			const call = open(url, {
				method: "POST",
				headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
				agent: false,
				signal: AbortSignal.any([signal, late.signal]),
			});
			const body = JSON.stringify({ namespace, serviceAccount, csr, holder: options.holder });
			({ status, text } = await exchangeHttp(call, { body, maxAnswerBytes }));
		} catch (error) {
			if (error instanceof AnswerTooLong) throw answerInvalid(error.message);
			throw new MeshError("SIGNING_UNREACHABLE", `${subject}: control plane at ${url.origin}`, { cause: error });
		} finally {
			timer.cancel();
		}
		if (status === 200) return parseAnswer(text, subject);
		const fault = `${subject}: control plane at ${url.origin} answered ${status}${quote(text, token)}`;
		// One that sends elsewhere is not the control plane.
		const isElsewhere = status < 400;
		throw new MeshError(
			status >= 500 || isElsewhere ? "SIGNING_UNREACHABLE" : "SIGNING_REFUSED",
			`${fault}${hint(status)}`,
		);
	};
	if (gate === undefined) return ask;
	return (csr, signal) => gate.run(() => ask(csr, signal));
}

function parseAnswer(text: string, subject: string): SignedSvid {
	let answer: unknown;
	try {
		answer = JSON.parse(text);
	} catch {
		throw answerInvalid(`${subject}: no JSON`);
	}
	if (typeof answer === "object" && answer !== null && "chain" in answer && "bundle" in answer) {
		const { chain, bundle } = answer;
		const root = "root" in answer && typeof answer.root === "string" ? { root: answer.root } : {};
		if (typeof chain === "string" && typeof bundle === "string") return { chain, bundle, ...root };
	}
	throw answerInvalid(`${subject}: 'chain' and 'bundle' expected`);
}

/** The control plane's own words, on one line, without the token should it ever be in them. */
function quote(text: string, token: string): string {
	const words = text.replaceAll(token, "…").replace(/\s+/g, " ").trim().slice(0, maxQuotedLetters);
	return words === "" ? "" : `: ${words}`;
}

function hint(status: number): string {
	return status === 401 || status === 403
		? "; the token is not of this control plane, was its state folder replaced?"
		: "";
}

function answerInvalid(fault: string): MeshError {
	return new MeshError("SIGNING_ANSWER_INVALID", `control plane's answer: ${fault}`);
}
