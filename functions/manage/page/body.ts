export const pageBody = '';
