import fc from 'fast-check';
import { expect, test } from 'vitest';
import { GATE_DATA_BYTES, gateVerdict, scriptFailure, scriptReply, withGateData } from './script-end.ts';

const end = { exitCode: 0, signal: null, stdout: '', stdoutCut: false, stderr: '' };

test.each([
  ['{"wakeAgent": false}', { kind: 'quiet' }],
  ['checking\n{"wakeAgent":true,"data":{"new":3}}\n\n', { kind: 'wake', data: { new: 3 } }],
  ['{"wakeAgent":true}\r\n', { kind: 'wake', data: undefined }],
])('the last line decides: %j', (stdout, verdict) => {
  expect(gateVerdict({ ...end, stdout })).toEqual(verdict);
});

test.each([
  ['', 'printed nothing'],
  ['{"wakeAgent":true}\nbye', 'the line “bye”'],
  ['{"wakeAgent":"yes"}', '“{"wakeAgent":"yes"}”'],
  ['true', 'the line “true”'],
  ['x'.repeat(70_000), `“${'x'.repeat(200)}…”`],
])('a bad last line says what was expected: %#', (stdout, told) => {
  const verdict = gateVerdict({ ...end, stdout, stderr: 'warned\n' });
  expect(verdict).toMatchObject({ kind: 'failed', message: expect.stringContaining(told) });
  expect(verdict).toMatchObject({ message: expect.stringContaining('expected {"wakeAgent": true|false') });
  expect(verdict).toMatchObject({ message: expect.stringMatching(/its stderr ends: warned$/) });
});

test('an exit code counts more than the line, a signal is named, of stderr the last 500 characters are told', () => {
  const stdout = '{"wakeAgent":false}';
  expect(gateVerdict({ ...end, exitCode: 3, stdout })).toEqual({
    kind: 'failed',
    message: 'the script ended with exit code 3',
  });
  expect(gateVerdict({ ...end, exitCode: null, signal: 'SIGSEGV' })).toMatchObject({
    message: 'the script ended with signal SIGSEGV',
  });
  expect(scriptFailure('failed', `${'a'.repeat(900)}${'b'.repeat(500)}`)).toBe(
    `the script failed; its stderr ends: ${'b'.repeat(500)}`,
  );
});

test('data is JSON that cannot leave its element, and is cut off at a limit', () => {
  expect(withGateData('<p/>', undefined)).toBe('<p/>');
  expect(withGateData('<p/>', { a: '</gate_data><b>&' })).toBe(
    '<p/>\n<gate_data>{"a":"&lt;/gate_data&gt;&lt;b&gt;&amp;"}</gate_data>',
  );
  fc.assert(
    fc.property(fc.jsonValue(), (data) => {
      const shown = withGateData('', data);
      expect(shown.isWellFormed()).toBe(true);
      if (data !== null) expect(shown.match(/[<>]/g)).toHaveLength(4);
    }),
  );
  const long = withGateData('', 'ü'.repeat(20_000));
  expect(long).toMatch(/^\n<gate_data cut_off="yes" bytes="40002">"ü+<\/gate_data>$/);
  expect(Buffer.byteLength(long)).toBeLessThan(GATE_DATA_BYTES + 100);
});

test('hidden characters in the data are shown', () => {
  expect(withGateData('p', 'a\u202eb\u{e0041}')).toBe('p\n<gate_data>"a&#x202E;b&#xE0041;"</gate_data>');
});

test('as the whole task: its output is the reply, of a flood the end, and a failure is no reply', () => {
  expect(scriptReply({ ...end, stdout: '  two lines\n*as they are*\n\n' })).toEqual({
    kind: 'reply',
    text: '  two lines\n*as they are*',
  });
  expect(scriptReply(end)).toEqual({ kind: 'reply', text: '' });
  expect(scriptReply({ ...end, stdout: '\ufffd\ufffdend\n', stdoutCut: true })).toEqual({
    kind: 'reply',
    text: '…end',
  });
  expect(scriptReply({ ...end, exitCode: 1, stdout: 'half', stderr: 'no route' })).toEqual({
    kind: 'failed',
    message: 'the script ended with exit code 1; its stderr ends: no route',
  });
});
