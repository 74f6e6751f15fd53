/** Files the bot sends and fetches. Uploads and known file ids only: the simulator fetches nothing from the network. */

import { imageSize } from '../../lib/image-size.ts';
import { BotApiError, badRequest } from '../api-error.ts';
import { fileRef, type SimFile } from '../files.ts';
import type { Params } from '../params.ts';
import { defined, type MediaKind } from '../types.ts';
import { keyboard, type Method, type MethodContext, placement, targetChat } from './context.ts';
import { messageCaption } from './messages.ts';

const MB = 1024 * 1024;
export const MAX_UPLOAD_BYTES = 50 * MB;
export const MAX_DOWNLOAD_BYTES = 20 * MB;
const MAX_PHOTO_BYTES = 10 * MB;

/** sendPhoto, sendDocument, sendAudio, sendVoice, sendVideo. */
export const sendMedia =
  (kind: MediaKind): Method =>
  (context, params) => {
    const chat = targetChat(context, params);
    const caption = messageCaption(params);
    const markup = defined({ reply_markup: keyboard(params) });
    const where = placement(chat, params);
    const file = sentFile(context, params, kind);
    const media = kind === 'photo' ? { photo: [fileRef(file)] } : { [kind]: fileRef(file) };
    return context.world.post(chat, context.world.bot, { ...media, ...caption, ...markup }, where);
  };

function sentFile({ files }: MethodContext, params: Params, kind: MediaKind): SimFile {
  const upload = params.upload(kind);
  if (upload) {
    if (upload.bytes.length === 0) throw badRequest('file must be non-empty');
    if (upload.bytes.length > MAX_UPLOAD_BYTES) throw new BotApiError(413, 'Request Entity Too Large');
    if (kind === 'photo') {
      if (upload.bytes.length > MAX_PHOTO_BYTES) throw badRequest('too big for a photo');
      const size = imageSize(upload.bytes);
      if (!size) throw badRequest('IMAGE_PROCESS_FAILED');
      const { width, height } = size;
      if (
        width < 1 ||
        height < 1 ||
        width + height > 10_000 ||
        Math.max(width, height) / Math.min(width, height) > 20
      )
        throw badRequest('PHOTO_INVALID_DIMENSIONS');
    }
    return files.add(kind, upload.name, upload.mime || 'application/octet-stream', upload.bytes);
  }
  const given = params.text(kind);
  if (!given) throw badRequest(`there is no ${kind} in the request`);
  if (/^https?:\/\//i.test(given)) throw badRequest('failed to get HTTP URL content');
  const known = files.byId(given);
  if (!known) throw badRequest('wrong file identifier/HTTP URL specified');
  if (known.kind !== kind && kind === 'photo') throw badRequest(`type of file mismatch`);
  return known;
}

export const getFile: Method = ({ files, clock }, params) => {
  const id = params.text('file_id');
  if (!id) throw badRequest('file_id not specified');
  const file = files.byId(id);
  if (!file) throw badRequest('wrong file_id or the file is temporarily unavailable');
  if (file.size > MAX_DOWNLOAD_BYTES) throw badRequest('file is too big');
  files.link(file, clock.now());
  return { file_id: file.id, file_unique_id: file.uniqueId, file_size: file.size, file_path: file.path };
};
