/** Tools without a subject: clock, random, back-off, gates, header lists, log, errors, nearest words, invariants.
 *  Knows nothing about meshes, and imports no other room. */
export { type Backoff, type BackoffConfig, computeBackoff, createBackoff } from "./backoff.ts";
export { type Clock, type Millis, systemClock, type Timer } from "./clock.ts";
export { type DeadlineHolder, DeadlineQueue } from "./deadline-queue.ts";
export { describeError, MeshError, type Problem, type Validated } from "./errors.ts";
export { type ParsedExpression, parseExpressionText } from "./expression-text.ts";
export { grpcStatusNames } from "./grpc-status-names.ts";
export { isHeaderName, isHeaderValue, toHeaderValue } from "./header-syntax.ts";
export {
	addHeader,
	getHeader,
	getJoinedHeader,
	type HeaderList,
	removeHeader,
	setHeader,
	truncate,
} from "./headers.ts";
export { createHexId } from "./hex-id.ts";
export { hotRestartVersion } from "./hot-restart-version.ts";
export { AnswerTooLong, exchangeHttp, type HttpExchange, type HttpExchangeOptions } from "./http-exchange.ts";
export { assertNever, invariant } from "./invariant.ts";
export { requestJoinedHeaders, responseJoinedHeaders } from "./joined-headers.ts";
export { createLog, type Log, type LogFields, type LogLevel, type LogOptions, logLevels, silentLog } from "./log.ts";
export { type ListMember, MemberList } from "./member-list.ts";
export { findNearest, suggestNearest } from "./nearest.ts";
export { NumberMap } from "./number-map.ts";
export { createNumbering } from "./numbering.ts";
export { PieceList } from "./piece-list.ts";
export { createSeededRandom, type Random, systemRandom } from "./random.ts";
export { rememberByObject } from "./remember.ts";
export { pause, type RepeatOptions, repeatUntilStopped } from "./repeat.ts";
export { SharedCount, SharedCounts } from "./shared-counts.ts";
export { createTurnClock } from "./turn-clock.ts";
export { type TurnEndHolder, TurnQueue } from "./turn-queue.ts";
export { createWorkGate, type WorkGate, type WorkGateOptions } from "./work-gate.ts";
