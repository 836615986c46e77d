import type { ManageCommand } from '../manage-context.ts';

/** `routing.show`: routes, triggers and the dead-letter stream as they are in force, defaults filled in. */
export const routingShow: ManageCommand = async (args, { routing }) => {
  args.check();
  return {
    routes: [...routing.routes.values()].map((route) => ({ ...route, url: withoutSecrets(route.url) })),
    triggers: routing.triggers,
    deadLetter: routing.deadLetter,
  };
};

/** Server URLs may hold passwords. */
const withoutSecrets = (text: string): string =>
  text
    .split(',')
    .map((part) => {
      if (!URL.canParse(part)) return 'invalid URL';
      const url = new URL(part);
      if (url.username !== '') url.username = '***';
      if (url.password !== '') url.password = '***';
      return url.href;
    })
    .join(',');
