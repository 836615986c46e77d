import { driftAllowance } from './lease.ts';

/** What a member's key holds. */
export const memberWords = {
  present: 'alive',
  /** It lives, and does not reach the functions. Older connectors take it for alive. */
  cutOff: 'cut off',
  gone: 'gone',
} as const;

/** A key as it was last written; no value if it was removed. */
export interface MemberSign {
  readonly revision: number;
  readonly value: string | undefined;
}

/** Who is there, by the signs of life that each of them writes again and again. All times are of one clock that only goes forward. */
export interface MemberSigns {
  /**
   * Which of these keys are to be read now: all that may be alive, and from time to time those that were silent. They may have been
   * frozen or cut off, and come back under the same name. So may we: then nobody's silence means anything.
   */
  due(keys: readonly string[], nowMs: number): readonly string[];
  saw(key: string, sign: MemberSign, nowMs: number): void;
  alive(nowMs: number): readonly { readonly key: string; readonly value: string }[];
}

/** A silent one is asked once in so many looks: keys of connectors that are no more stay in the bucket for an hour. */
const silentEvery = 8;

/** @param ttlMs who says nothing for so long, and a tenth, is not alive */
export const createMemberSigns = (ttlMs: number): MemberSigns => {
  const signs = new Map<string, MemberSign & { readonly seenMs: number }>();
  let looks = 0;
  let lookedMs = Number.NEGATIVE_INFINITY;
  const isSilent = (seenMs: number, nowMs: number): boolean => nowMs - seenMs >= ttlMs * (1 + driftAllowance);
  return {
    due: (keys, nowMs) => {
      for (const key of signs.keys()) if (!keys.includes(key)) signs.delete(key);
      const wereAway = nowMs - lookedMs > ttlMs / 2;
      lookedMs = nowMs;
      looks += 1;
      return keys.filter((key) => {
        const sign = signs.get(key);
        if (sign === undefined) return true;
        if (sign.value === undefined || sign.value === memberWords.gone) return false;
        return wereAway || looks % silentEvery === 0 || !isSilent(sign.seenMs, nowMs);
      });
    },
    saw: (key, { revision, value }, nowMs) => {
      if (signs.get(key)?.revision !== revision) signs.set(key, { revision, value, seenMs: nowMs });
    },
    alive: (nowMs) =>
      [...signs].flatMap(([key, { value, seenMs }]) =>
        value === undefined || value === memberWords.gone || isSilent(seenMs, nowMs) ? [] : [{ key, value }],
      ),
  };
};
