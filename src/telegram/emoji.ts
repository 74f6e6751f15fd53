/** The emoji that a bot may react with (ReactionTypeEmoji of the Bot API); a premium one, or any other, is refused. Pure. */
const ALLOWED: ReadonlySet<string> = new Set(
  '❤ 👍 👎 🔥 🥰 👏 😁 🤔 🤯 😱 🤬 😢 🎉 🤩 🤮 💩 🙏 👌 🕊 🤡 🥱 🥴 😍 🐳 ❤‍🔥 🌚 🌭 💯 🤣 ⚡ 🍌 🏆 💔 🤨 😐 🍓 🍾 💋 🖕 😈 😴 😭 🤓 👻 👨‍💻 👀 🎃 🙈 😇 😨 🤝 ✍ 🤗 🫡 🎅 🎄 ☃ 💅 🤪 🗿 🆒 💘 🙉 🦄 😘 💊 🙊 😎 👾 🤷‍♂ 🤷 🤷‍♀ 😡'.split(
    ' ',
  ),
);

/** As Telegram wants it, without variation selectors; null when it does not allow it. */
export function reactionOf(emoji: string): string | null {
  const plain = emoji.trim().replaceAll('\ufe0f', '');
  return ALLOWED.has(plain) ? plain : null;
}
