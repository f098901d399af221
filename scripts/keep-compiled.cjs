/** Loaded first while the bundle is warmed: what was compiled is kept when the process ends, with what requests needed, and not already when it
 *  has started. */
"use strict";
require("node:module").flushCompileCache = () => undefined;
