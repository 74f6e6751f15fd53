import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { changeSenderRule, describeRule, senderRulesFile, watchSenderRules } from './sender-rules.ts';
import type { ChatJid, Folder } from './types.ts';

const family = { folder: 'family' as Folder, chatJid: '-1001' as ChatJid, formerJid: null };
const work = { folder: 'work' as Folder, chatJid: '-1002' as ChatJid, formerJid: '-44' as ChatJid };
let file: string;
let rules: ReturnType<typeof watchSenderRules>;
const write = (content: unknown) =>
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));

beforeEach(() => {
  const dir = mkdtempSync(path.join(tmpdir(), 'nanoclaw-rules-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  file = senderRulesFile(dir);
  rules = watchSenderRules(file);
});

describe('the sender rules', () => {
  it('admit everyone without a file', () => {
    expect(rules()).toMatchObject({ file, problem: null });
    expect(describeRule(rules().ruleOf(family))).toBe('everyone');
  });

  it('are by folder or chat id, also the one before a group became a supergroup, else the default', () => {
    write({
      default: { allow: [7], mode: 'drop' },
      chats: { family: { allow: 'admins' }, '-44': { allow: ['1', 'admins', 2], mode: 'context' }, typo: {} },
    });
    expect(rules().ruleOf(family)).toEqual({ everyone: false, admins: true, ids: new Set(), others: 'drop' });
    const ids = new Set(['1', '2']);
    expect(rules().ruleOf(work)).toEqual({ everyone: false, admins: true, ids, others: 'context' });
    const other = { ...family, folder: 'x' as Folder, chatJid: '-9' as ChatJid };
    expect(describeRule(rules().ruleOf(other))).toBe('listed (1)');
    expect(rules().unknownOf([family, work])).toEqual(['typo']);
  });

  it('take the file of another version that says the same', () => {
    write({ default: { allow: '*', mode: 'trigger' }, chats: {}, logDenied: true });
    expect(rules().ruleOf(family)).toMatchObject({ everyone: true, others: 'context' });
  });

  it('are read again when the file changes, also twice in a moment, and when it goes', () => {
    for (const id of ['1', '2', '3']) {
      write({ default: { allow: [id] } });
      expect([...rules().ruleOf(family).ids]).toEqual([id]);
    }
    rmSync(file);
    expect(rules().ruleOf(family).everyone).toBe(true);
  });

  it.each([
    ['', 'is not valid JSON'],
    ['{"default": {"allow": "*"}', 'is not valid JSON'],
    ['[]', 'is not as expected at the top'],
    ['{"default": {"allow": "everyone but Ben"}}', 'default.allow: expected "*", "admins" or a list'],
    ['{"default": {"alow": ["1"]}}', 'at default'],
    ['{"chats": {"family": {"allow": ["@ben"]}}}', 'chats.family.allow'],
    ['{"chats": {"family": {"allow": [1.5]}}}', 'chats.family.allow'],
    ['{"chats": {"family": {"mode": "dorp"}}}', 'chats.family.mode'],
    [`{"x": "${'y'.repeat(1024 * 1024)}"}`, 'is larger than'],
  ])('admit nobody, nowhere, when the file is %.40s', (text, problem) => {
    write(text);
    expect(rules().problem).toContain(problem);
    expect(rules().problem).toContain(file);
    for (const group of [family, work]) {
      expect(rules().ruleOf(group)).toEqual({
        everyone: false,
        admins: false,
        ids: new Set(),
        others: 'drop',
      });
    }
    write({});
    expect(rules()).toMatchObject({ problem: null });
    expect(rules().ruleOf(family).everyone).toBe(true);
  });

  it('admit nobody when everybody on the machine can write the file', () => {
    write({});
    chmodSync(file, 0o666);
    expect(rules().problem).toContain('can be written by everybody');
    chmodSync(file, 0o600);
    expect(rules().problem).toBeNull();
  });

  it('admit nobody when something else is in the place of the file', () => {
    mkdirSync(file);
    expect(rules().problem).toContain('cannot be read');
    expect(describeRule(rules().ruleOf(family))).toBe('nobody');
  });

  it('never throw and never admit by a file that is not of the form', () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string({ unit: 'binary' })), (text) => {
        write(text);
        const now = rules();
        const rule = now.ruleOf(family);
        if (now.problem !== null) expect(describeRule(rule)).toBe('nobody');
        else expect(typeof JSON.parse(text)).toBe('object');
      }),
      { numRuns: 100 },
    );
  });
});

describe('a change by the command line', () => {
  it('writes the rule by folder for the owner only, and keeps the others', () => {
    write({ default: { mode: 'drop' }, chats: { work: { allow: ['5'] }, '-1001': { allow: ['9'] } } });
    changeSenderRule(file, family, { senders: 'listed', allow: ['1', '2'] });
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({
      default: { mode: 'drop' },
      chats: { work: { allow: ['5'] }, family: { allow: ['1', '2'], mode: 'drop' } },
    });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    changeSenderRule(file, family, { others: 'context' });
    expect(rules().ruleOf(family)).toMatchObject({ ids: new Set(['1', '2']), others: 'context' });
    changeSenderRule(file, family, { senders: 'admins', allow: ['3'] });
    expect(rules().ruleOf(family)).toMatchObject({ admins: true, ids: new Set(['3']) });
    changeSenderRule(file, family, { senders: 'everyone' });
    expect(rules().ruleOf(family)).toMatchObject({ everyone: true, others: 'context' });
    expect([...rules().ruleOf(work).ids]).toEqual(['5']);
  });

  it('makes the folder, which nobody else may look into', () => {
    const fresh = path.join(path.dirname(file), 'config', 'nanoclaw', 'sender-allowlist.json');
    changeSenderRule(fresh, family, { senders: 'admins' });
    expect(statSync(path.dirname(fresh)).mode & 0o777).toBe(0o700);
  });

  it.each([
    [{ senders: 'listed' as const }, '--sender with at least one'],
    [{ allow: ['@ben'] }, 'numeric Telegram ids, got "@ben"'],
    [{ senders: 'everyone' as const, allow: ['1'] }, 'not with everyone'],
  ])('that makes no sense is refused and writes nothing: %j', (change, why) => {
    expect(() => changeSenderRule(file, family, change)).toThrow(why);
    expect(() => statSync(file)).toThrow('ENOENT');
  });

  it('does not overwrite a malformed file', () => {
    write('{ half a');
    expect(() => changeSenderRule(file, family, { senders: 'everyone' })).toThrow('is not valid JSON');
    expect(readFileSync(file, 'utf8')).toBe('{ half a');
  });
});
