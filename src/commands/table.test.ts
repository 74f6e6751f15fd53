import stringWidth from 'string-width';
import { describe, expect, it } from 'vitest';
import { oneLine, plain, table } from './table.ts';

describe('table', () => {
  it('stands straight in any script', () => {
    const lines = table(
      [
        ['NAME', 'WHAT'],
        ['家族', 'a'],
        ['👨‍👩‍👧 us', 'b'],
        ['caf\u0065\u0301', 'c'],
        ['حديقة', 'd'],
      ],
      undefined,
    ).split('\n');
    const columns = lines.map((line) => stringWidth(line.slice(0, -1)));
    expect(new Set(columns.slice(1)).size).toBe(1);
    expect(lines[1]).toBe('家族   a');
  });

  it('cuts the widest columns until a line fits, and nothing without a width', () => {
    const rows = [['12345678', '家'.repeat(30), 'x'.repeat(70)]];
    const narrow = table(rows, 60);
    expect(stringWidth(narrow)).toBeLessThanOrEqual(60);
    expect(stringWidth(narrow)).toBeGreaterThan(55);
    expect(narrow).toMatch(/^12345678 {2}家+… +x+…$/u);
    expect(table(rows, undefined)).toBe(`12345678  ${'家'.repeat(30)}  ${'x'.repeat(70)}`);
    expect(table(rows, 1).split(/ +/)).toHaveLength(3);
  });

  it('has a line for each row, whatever is in a cell', () => {
    expect(table([['a\nb', 'c\u001b[31md\u202ee\u2028f\r']], undefined)).toBe('a b  c[31mde f');
  });
});

describe('oneLine', () => {
  it('counts columns, not characters, and splits no character', () => {
    expect(oneLine('家族家族', 5)).toBe('家族…');
    expect(oneLine('👨‍👩‍👧👨‍👩‍👧', 3)).toBe('👨‍👩‍👧…');
    expect(oneLine('12345', 5)).toBe('12345');
  });
});

it('plain keeps line feeds and the joiners that scripts need', () => {
  expect(plain('a\nb\u200dc\u200cd\u0007\u061ce')).toBe('a\nb\u200dc\u200cde');
});
