/** What the Bot API says when it says no. `description` is Telegram's wording: the daemon's error handling reads it. */
export class BotApiError extends Error {
  readonly status: number;
  readonly parameters: { migrate_to_chat_id?: number; retry_after?: number } | undefined;

  constructor(status: number, description: string, parameters?: BotApiError['parameters']) {
    super(description);
    this.name = 'BotApiError';
    this.status = status;
    this.parameters = parameters;
  }
}

export const badRequest = (text: string): BotApiError => new BotApiError(400, `Bad Request: ${text}`);
export const forbidden = (text: string): BotApiError => new BotApiError(403, `Forbidden: ${text}`);

/** A control function or the page asked for something that a person in Telegram could not do either. */
export class SimRefusal extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'SimRefusal';
  }
}
