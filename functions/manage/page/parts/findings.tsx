import type { JSX } from 'preact';

/** What a check of a state found; undefined: it was not checked. */
export const Findings = ({ findings }: { readonly findings: readonly string[] | undefined }): JSX.Element => {
  if (findings === undefined) return <span class="quiet">not checked</span>;
  if (findings.length === 0) return <span class="good">No faults</span>;
  return (
    <ul class="findings warn">
      {findings.map((finding) => (
        <li key={finding}>{finding}</li>
      ))}
    </ul>
  );
};
