/** The last requests that failed or would have been denied, and why: what `amime why` asks for. Bounded in number and in time spent. */
export { createFailedRequests, type FailedRequests, type FailedRequestsDump } from "./failed-requests.ts";
