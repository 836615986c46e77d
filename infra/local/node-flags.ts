/** As in the image (infra/image/Dockerfile, which says why): a process that works hard stays small. */
export const nodeFlags = ['--max-semi-space-size=4', '--max-old-space-size=256'] as const;
