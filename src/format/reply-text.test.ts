import { describe, expect, it } from 'vitest';
import { stripInternal } from './reply-text.ts';

describe('internal notes', () => {
  it('are not shown', () => {
    expect(stripInternal('a <internal>x\ny</internal> b')).toBe('a  b');
    expect(stripInternal('<INTERNAL>x</internal>')).toBe('');
    expect(stripInternal('a <internal>rest')).toBe('a');
    expect(stripInternal('a <internal>b <internal>c</internal> d</internal> e')).toBe('a  d</internal> e');
    expect(stripInternal('a</internal> <internal>b</Internal> c')).toBe('a</internal>  c');
  });
});
