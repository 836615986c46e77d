import type { JSX } from 'preact';
import type { Health } from '../../../../shared/operate/health/assess-health.ts';
import { ageText } from '../words.ts';

/** What is not good, the worst first, each with its reason. @param nowMs when that was so, by the server's clock */
export const Troubles = ({
  health,
  nowMs,
}: {
  readonly health: Health;
  readonly nowMs: number;
}): JSX.Element | null => {
  const troubles = health.states.filter(({ level }) => level !== 'good');
  if (troubles.length === 0) return null;
  return (
    <section aria-labelledby="troubles-title">
      <h2 id="troubles-title">Troubles</h2>
      <ul class="troubles">
        {troubles.map(({ part, name, level, code, headline, reason, sinceMs }) => (
          <li key={`${part} ${name} ${code}`} data-level={level}>
            <strong class={level}>{headline}</strong>
            {sinceMs !== null && <span class="quiet">{` for ${ageText(nowMs - sinceMs)}`}</span>}
            {reason !== '' && (
              <div>
                <bdi>{reason}</bdi>
              </div>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
};
