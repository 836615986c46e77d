import { scriptCore } from './script-core.ts';
import { scriptDead } from './script-dead.ts';
import { scriptLive } from './script-live.ts';
import { scriptStates } from './script-states.ts';

/** The page's script, for a browser as it is: no build step, no library. */
export const pageScript = `'use strict';\n(() => {${scriptCore}${scriptLive}${scriptDead}${scriptStates}})();\n`;
