/** Containers inside containers; the reference's own reader gave up near 1,000 and took the process with it (G-45). */
export const maxJsonDepth = 500;

/** Digits of one integer literal: the reference's reader refuses more (G-45). */
export const maxIntegerDigits = 4_300;
