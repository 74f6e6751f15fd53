import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UsageSniffer } from './usage-sniffer.ts';

const EVENTS = [
  {
    type: 'message_start',
    message: { usage: { input_tokens: 10, cache_read_input_tokens: 5, output_tokens: 1 } },
  },
  { type: 'content_block_delta', delta: { text: 'says "usage" in its text' } },
  { type: 'message_delta', usage: { output_tokens: 42 } },
  { type: 'message_stop' },
];
const stream = Buffer.from(
  EVENTS.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join(''),
);

describe('UsageSniffer', () => {
  it('counts the same for every cut of an event stream', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1 }), (cuts) => {
        const sniffer = new UsageSniffer('text/event-stream; charset=utf-8');
        for (let at = 0, i = 0; at < stream.length; i++) {
          const size = cuts[i % cuts.length] ?? 1;
          sniffer.push(stream.subarray(at, at + size));
          at += size;
        }
        expect(sniffer.usage()).toEqual({ inputTokens: 15, outputTokens: 42 });
      }),
    );
  });

  it('knows what a request cost by the model that answered, and nothing of models that nobody knows', () => {
    const usage = {
      input_tokens: 1000,
      cache_creation_input_tokens: 3000,
      cache_creation: { ephemeral_5m_input_tokens: 2000, ephemeral_1h_input_tokens: 1000 },
      cache_read_input_tokens: 10_000,
      output_tokens: 1,
    };
    const lines = (model: string) =>
      [
        { type: 'message_start', message: { model, usage } },
        { type: 'message_delta', usage: { output_tokens: 200 } },
      ].map((event) => `data: ${JSON.stringify(event)}\n\n`);
    for (const [model, cost] of [
      ['claude-sonnet-4-5-20250929', (1000 * 3 + 2000 * 3.75 + 1000 * 6 + 10_000 * 0.3 + 200 * 15) / 1e6],
      ['glm-4', null],
    ] as const) {
      const sniffer = new UsageSniffer('text/event-stream');
      for (const line of lines(model)) sniffer.push(Buffer.from(line));
      if (cost === null) expect(sniffer.cost()).toBeNull();
      else expect(sniffer.cost()).toBeCloseTo(cost, 9);
    }
    const whole = new UsageSniffer('application/json');
    whole.push(
      Buffer.from(
        JSON.stringify({ model: 'claude-opus-4-6', usage: { input_tokens: 100, output_tokens: 10 } }),
      ),
    );
    whole.usage();
    expect(whole.cost()).toBeCloseTo(0.00075, 9);
  });

  it('reads one JSON document', () => {
    const sniffer = new UsageSniffer('application/json');
    sniffer.push(Buffer.from('{"type":"message","usage":{"input_tokens":3,'));
    sniffer.push(Buffer.from('"output_tokens":4}}'));
    expect(sniffer.usage()).toEqual({ inputTokens: 3, outputTokens: 4 });
  });

  it('counts chat completions by their last chunk, also where each chunk says that there is none', () => {
    const sniffer = new UsageSniffer('text/event-stream; charset=utf-8');
    sniffer.push(Buffer.from('data: {"choices":[{"delta":{"content":"hi"}}],"usage":null}\n\n'));
    sniffer.push(
      Buffer.from(
        'data: {"choices":[],"usage":{"prompt_tokens":120,"completion_tokens":7,"total_tokens":127}}\n\n',
      ),
    );
    sniffer.push(Buffer.from('data: [DONE]\n\n'));
    expect(sniffer.usage()).toEqual({ inputTokens: 120, outputTokens: 7 });
  });

  it('reads what a long document says in the end, whatever the model has written', () => {
    for (const size of [1000, 300_000, 2_000_000]) {
      const sniffer = new UsageSniffer('application/json');
      const content = JSON.stringify([
        { input: { usage: { input_tokens: 1, output_tokens: 1 } }, text: 'x'.repeat(size) },
      ]);
      const rest =
        '"stop_reason":null,"usage":{"input_tokens":3,"cache_creation":{"a":1},"output_tokens":64000}}';
      const whole = Buffer.from(`{"type":"message","model":"claude-opus-4-8","content":${content},${rest}`);
      for (let at = 0; at < whole.length; at += 50_000) sniffer.push(whole.subarray(at, at + 50_000));
      expect(sniffer.usage()).toEqual({ inputTokens: 3, outputTokens: 64_000 });
      expect(sniffer.isFinal).toBe(true);
      expect(sniffer.cost()).toBeGreaterThan(0.1);
    }
  });

  it('knows whether the count of the whole answer has come', () => {
    const sniffer = new UsageSniffer('text/event-stream');
    sniffer.push(stream.subarray(0, stream.indexOf('event: message_delta')));
    expect(sniffer.isFinal).toBe(false);
    sniffer.push(stream.subarray(stream.indexOf('event: message_delta')));
    expect(sniffer.isFinal).toBe(true);
  });

  it('survives what is odd, and goes on after a line without end', () => {
    const sniffer = new UsageSniffer('text/event-stream');
    for (const odd of [
      'data: {"usage":',
      '\n',
      'data: "usage"\n',
      'data: {"usage":null}\n',
      'data: {"usage":{"output_tokens":"x"}}\n',
    ]) {
      sniffer.push(Buffer.from(odd));
    }
    for (let i = 0; i < 50; i++) sniffer.push(Buffer.alloc(10_000, 'x'));
    sniffer.push(Buffer.from('\n'));
    sniffer.push(stream);
    expect(sniffer.usage()).toEqual({ inputTokens: 15, outputTokens: 42 });
  });
});
