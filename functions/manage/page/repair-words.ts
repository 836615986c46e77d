import type { StateReport } from '../../../shared/postgres/inspect-state.ts';
import type { RepairAction } from '../../../shared/postgres/repair.ts';
import { countText, numberText } from './words.ts';

export type { RepairAction, StateReport };

/** A state whose count is wrong. */
export const driftText = (state: { readonly count: number; readonly nextPosition: number }): string =>
  `count is ${numberText(state.count)}, the next free position is ${numberText(state.nextPosition)}`;

/** What is wrong with a state, one text for each finding. */
export const findingTexts = (report: StateReport): readonly string[] => {
  const findings: string[] = [];
  if (report.count !== report.nextPosition) findings.push(driftText(report));
  if (report.positionsBeyondCount > 0) {
    findings.push(`cells beyond count at ${countText(report.positionsBeyondCount, 'position')}`);
  }
  if (report.gapPositions > 0) {
    const first = report.gaps.slice(0, 5).map(rangeText).join(', ');
    findings.push(`no cell at ${countText(report.gapPositions, 'position')}: ${first}`);
  }
  if (report.missingMappings > 0) {
    findings.push(`no mapping for the key of ${countText(report.missingMappings, 'row')}`);
  }
  if (report.strayMappings > report.lostRows) {
    const others = countText(report.strayMappings - report.lostRows, 'mapping');
    findings.push(`${others} with another position than their row (no reader minds)`);
  }
  if (report.lostRows > 0) {
    const [first] = report.lost;
    const example = first === undefined ? '' : ` (key ${first.stateKey} at position ${first.position})`;
    findings.push(
      `${countText(report.lostRows, 'row')} lost: another writer put a row in the same place${example}. Publish it again`,
    );
  }
  return findings;
};

export const actionText = (action: RepairAction): string => {
  if (action.action === 'close_gaps') return `close ${countText(action.positions, 'gap')} (rows above move down)`;
  if (action.action === 'insert_mappings') return `insert ${countText(action.rows, 'mapping')}`;
  return `set count from ${numberText(action.from)} to ${numberText(action.to)}`;
};

const rangeText = ({ from, to }: StateReport['gaps'][number]): string => (from === to ? `${from}` : `${from}–${to}`);
