import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatAddress, parseAddress } from '../../../functions/manage/page/address.ts';
import { createParser } from '../../../functions/manage/page/event-parser.ts';
import { prettyPayload } from '../../../functions/manage/page/pretty-payload.ts';
import { ageText, countText } from '../../../functions/manage/page/words.ts';

describe('an address', () => {
  it('is read as it was written', () => {
    const view = fc.constantFrom('overview', 'dead', 'states', 'replicas') as fc.Arbitrary<'dead'>;
    const text = fc.string({ minLength: 1, unit: 'grapheme' });
    const query = fc.dictionary(
      text.filter((name) => name !== '__proto__'),
      text,
    );
    fc.assert(
      fc.property(view, fc.option(text, { nil: undefined }), query, (name, id, fields) => {
        // The overview has no parts of its own.
        const address = { view: name, id: name === ('overview' as string) ? undefined : id, query: fields };
        const { view: readView, id: readId, query: readQuery } = parseAddress(formatAddress(address));
        expect([readView, readId, { ...readQuery }]).toEqual([address.view, address.id, { ...fields }]);
      }),
    );
  });

  it.each(['', '#', '#/', '#main', '#/nowhere/7', '#/%'])('that names no view is the overview: %j', (fragment) => {
    expect(parseAddress(fragment).view).toBe('overview');
  });

  it('that was cut within an escape names nothing', () => {
    expect(parseAddress('#/dead/%E2%82')).toEqual({ view: 'dead', id: undefined, query: {} });
  });
});

describe('a payload', () => {
  it('is laid out without being changed', () => {
    fc.assert(
      fc.property(fc.json(), fc.constantFrom(undefined, 1, 4), (json, indent) => {
        const value: unknown = JSON.parse(json);
        expect(JSON.parse(prettyPayload(JSON.stringify(value, null, indent)))).toEqual(value);
      }),
    );
  });

  it('keeps its numbers as they were sent', () => {
    expect(prettyPayload('{"a":12345678901234567890.10,"b":[],"c":"x: {y}"}')).toBe(
      '{\n  "a": 12345678901234567890.10,\n  "b": [],\n  "c": "x: {y}"\n}',
    );
  });

  it('that is no JSON stays as it is', () => {
    expect(prettyPayload('{"a":  1')).toBe('{"a":  1');
  });
});

describe('server-sent events', () => {
  it('are read in whatever pieces they come', () => {
    const text = 'event: status\ndata: {"a":1}\n\nevent: error\ndata: {"reason":"no"}\n\n';
    fc.assert(
      fc.property(fc.array(fc.nat({ max: text.length })), (cuts) => {
        const parse = createParser();
        const places = [0, ...cuts.sort((one, other) => one - other), text.length];
        const events = places.slice(1).flatMap((end, index) => parse(text.slice(places[index], end)));
        expect(events).toEqual([
          { name: 'status', data: '{"a":1}' },
          { name: 'error', data: '{"reason":"no"}' },
        ]);
      }),
    );
  });
});

describe('words', () => {
  it.each([
    [0, '0 messages'],
    [1, '1 message'],
    [1_500, '1,500 messages'],
  ])('have the right plural of %i', (count, text) => {
    expect(countText(count, 'message')).toBe(text);
  });

  it.each([
    [-5, '0 s'],
    [119_000, '119 s'],
    [120_000, '2 min'],
    [7_200_000, '2 h'],
    [172_800_000, '2 d'],
  ])('say an age of %i ms in one unit', (ms, text) => {
    expect(ageText(ms)).toBe(text);
  });
});
