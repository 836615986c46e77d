/** As in the image (infra/image/Dockerfile): a function that works hard stays small. */
export const nodeFlags = ['--max-semi-space-size=4'] as const;
