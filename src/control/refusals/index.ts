/** What proxies refuse: which object and field it is from, and how the rest of the same resource goes on. A refused route is held back
 *  from that proxy alone and its last accepted version put in its place; listeners and clusters that a proxy refuses it keeps itself.
 *  Nothing that one proxy says changes what another gets. */
export { listRefusalProblems } from "./refusal-problems.ts";
export { createRefusals, type Refusal, type Refusals } from "./refusals.ts";
