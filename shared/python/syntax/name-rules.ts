const words = (text: string): ReadonlySet<string> => new Set(text.split(' '));

const reserved = words('print printed builtins breakpoint');
const inspecting = words(
  'tb_frame tb_next f_back f_builtins f_code f_globals f_locals f_trace co_code gi_frame gi_code gi_yieldfrom ' +
    'cr_await cr_frame cr_code cr_origin ag_frame ag_await ag_code',
);
const keywords = words(
  'False None True and as assert async await break class continue def del elif else except finally for from global if ' +
    'import in is lambda nonlocal not or pass raise return try while with yield',
);

/** Whether the word can be no name. */
export const isKeyword = (word: string): boolean => keywords.has(word);

/** Why a variable may not have this name (reference.md D.6); undefined where it may. */
export const forbiddenName = (name: string): string | undefined => {
  if (name.startsWith('_') && name !== '_') {
    return `"${name}" is an invalid variable name because it starts with "_"`;
  }
  if (name.endsWith('__roles__')) return `"${name}" is an invalid variable name because it ends with "__roles__".`;
  return reserved.has(name) ? `"${name}" is a reserved name.` : undefined;
};

/** Why an attribute of this name may not be read; one text for every rule that it breaks. */
export const forbiddenAttribute = (name: string): readonly string[] => {
  const reasons: string[] = [];
  if (name.startsWith('_') && name !== '_') {
    reasons.push(`"${name}" is an invalid attribute name because it starts with "_".`);
  }
  if (name.endsWith('__roles__')) {
    reasons.push(`"${name}" is an invalid attribute name because it ends with "__roles__".`);
  }
  if (inspecting.has(name)) {
    reasons.push(`"${name}" is a restricted name, that is forbidden to access in RestrictedPython.`);
  }
  return reasons;
};
