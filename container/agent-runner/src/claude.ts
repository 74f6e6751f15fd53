export async function createClaudeProvider(_: unknown): Promise<never> {
  throw new Error('later');
}
