/** Each kind of file has a method of its own in the Bot API, with the same parameters. */
import type { Api, InputFile } from 'grammy';
import type { FileKind } from '../types.ts';

export function sendAs(
  api: Api,
  kind: FileKind,
  chatJid: string,
  file: InputFile,
  other: Parameters<Api['sendDocument']>[2],
): Promise<{ message_id: number }> {
  switch (kind) {
    case 'photo':
      return api.sendPhoto(chatJid, file, other);
    case 'audio':
      return api.sendAudio(chatJid, file, other);
    case 'voice':
      return api.sendVoice(chatJid, file, other);
    case 'video':
      return api.sendVideo(chatJid, file, { ...other, supports_streaming: true });
    case 'document':
      return api.sendDocument(chatJid, file, other);
  }
}
