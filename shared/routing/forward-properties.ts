import type { JsonObject } from '../json/json-value.ts';
import { parseProperties, type DispatchMode } from '../state/state-properties.ts';

/** What a state's properties say of passing its rows on. */
export interface ForwardProperties {
  readonly mode: 'after_save' | 'disabled';
  readonly dispatch: DispatchMode;
}

/**
 * Reads them: nothing is forwarded unless the mode is `after_save`, and a missing, null or empty `dispatch` means
 * batch (reference.md C, G-20). An unknown value is a TerminalError `invalid_properties`, found before anything is
 * stored (G-21).
 */
export const readForwardProperties = (properties: JsonObject | null): ForwardProperties => {
  const { dispatch } = parseProperties(properties);
  return { mode: dispatch === null ? 'disabled' : 'after_save', dispatch: dispatch ?? 'batch' };
};
